"""Declares the embedded driving simulator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from trainer.envs.drive.config import STEP_S, DriveConfig
from trainer.envs.driving.spaces import describe_driving
from trainer.envs.environment import Environment, EnvSpec, OnActivity

if TYPE_CHECKING:
    from gymnasium.vector import VectorEnv


def _make(
    config: DriveConfig, num_envs: int, seed: int, _on_activity: OnActivity
) -> VectorEnv[dict[str, Any], Any, Any]:
    from trainer.envs.drive.env import DriveVectorEnv

    env = DriveVectorEnv(config, num_envs=num_envs)
    env.reset(seed=seed)
    return env


def _describe(config: DriveConfig) -> EnvSpec:
    span = f"{config.camera_span_m:g}"
    return describe_driving(
        config,
        step_s=STEP_S,
        camera=f"grey view from above of {span} x {span} m, three quarters of it ahead",
        pedal="throttle above 0, brake below",
    )


def _conditions(config: DriveConfig) -> Mapping[str, object]:
    return {"roads": config.roads, "road_seed": config.road_seed, "vehicles": config.vehicles}


def _rule_based(env: VectorEnv[Any, Any, Any]) -> Callable[[Any], Any]:
    from trainer.envs.drive.rule_based import rule_based

    return rule_based(env)


DRIVE = Environment(
    id="drive",
    config=DriveConfig,
    describe=_describe,
    make=_make,
    conditions=_conditions,
    rule_based=_rule_based,
)
