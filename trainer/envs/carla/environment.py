"""Declares driving in CARLA."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from trainer.envs.carla.client import INSTALL_ADVICE, is_installed
from trainer.envs.carla.config import CarlaConfig, too_few_servers
from trainer.envs.driving.spaces import describe_driving
from trainer.envs.environment import Environment, EnvSpec, OnActivity
from trainer.mistakes import Mistake

if TYPE_CHECKING:
    from gymnasium.vector import VectorEnv


def _make(
    config: CarlaConfig, num_envs: int, seed: int, on_activity: OnActivity
) -> VectorEnv[dict[str, Any], Any, Any]:
    from trainer.envs.carla.env import CarlaVectorEnv

    env = CarlaVectorEnv(config, num_envs=num_envs, report=on_activity)
    # A reset would start episodes that nobody wants yet: minutes on a real simulator.
    env.seed(seed)
    return env


def _describe(config: CarlaConfig) -> EnvSpec:
    camera = config.camera
    return describe_driving(
        config,
        step_s=config.step_s,
        camera=(
            f"grey picture, {camera.x_m:g} m ahead of the vehicle's centre, {camera.z_m:g} m above the ground, pitch "
            f"{camera.pitch_deg:g} degrees, field of view {camera.fov_deg:g} degrees"
        ),
        pedal=f"throttle above 0, brake below, of which -1 is {config.brake_share:g}; 1 is {config.steer_share:g} "
        "of the steering range",
        goal_m=config.route_m,
        exclusive=True,
    )


def _why_unavailable(config: CarlaConfig, num_envs: int) -> Mistake | None:
    if not is_installed():
        return Mistake(key="env.id", text=INSTALL_ADVICE)
    return too_few_servers(config, num_envs)


def _servers(config: CarlaConfig) -> tuple[str, ...]:
    """Return the servers at fixed ports; port 0 is any free one, which is not shared."""
    host = config.server.host.lower()
    host = "localhost" if host in ("127.0.0.1", "::1") else host
    return tuple(f"{host}:{port}" for port in config.server.ports if port)


def _conditions(config: CarlaConfig) -> Mapping[str, object]:
    return {
        "town": config.town,
        "weather": list(config.weather),
        "vehicles": config.other_vehicles,
        "traffic": config.traffic,
    }


def _rule_based(env: VectorEnv[Any, Any, Any]) -> Callable[[Any], Any]:
    from trainer.envs.carla.env import autopilot

    return autopilot(env)


CARLA = Environment(
    id="carla",
    config=CarlaConfig,
    describe=_describe,
    make=_make,
    why_unavailable=_why_unavailable,
    servers=_servers,
    conditions=_conditions,
    rule_based=_rule_based,
    packages=("carla",),
)
