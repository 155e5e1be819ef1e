"""Finds environments by name: `drive`, `carla`, `gym:<id>`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal

from trainer.envs.carla.client import INSTALL_ADVICE, is_installed
from trainer.envs.carla.config import CarlaConfig
from trainer.envs.drive.config import DriveConfig
from trainer.envs.driving.observation import VECTOR_DIM
from trainer.envs.driving.reward import REWARD_COMPONENTS
from trainer.envs.driving.spaces import ACTION_DIM
from trainer.envs.errors import UnknownEnvironmentError
from trainer.envs.gym.config import GYM_PREFIX, GymConfig

if TYPE_CHECKING:
    from gymnasium.vector import VectorEnv

EnvConfig = DriveConfig | CarlaConfig | GymConfig
"""Configuration of any environment."""

KNOWN_IDS = ("drive", "carla", f"{GYM_PREFIX}<id>")
"""What `id` may be."""

Activity = Literal["connecting", "loading_map"]
"""What an environment may be busy with for minutes: phases of the heartbeat."""


@dataclass(frozen=True, kw_only=True)
class EnvSpec:
    """What a network needs to know of an environment."""

    camera_shape: tuple[int, int, int] | None
    """(frames, height, width) of the `camera` part of the observation; None: there is none."""
    vector_dim: int
    """Length of the `vector` part of the observation; 0: there is none."""
    action_dim: int
    """Length of the action; every entry lies in [-1, 1]."""
    max_episode_steps: int | None
    """Steps after which an episode is truncated; None: never."""
    reward_components: tuple[str, ...]
    """Names of the parts of the reward that `infos["reward_components"]` holds."""
    exclusive: bool = False
    """Only one vector environment of this configuration may exist, because it owns a simulator: an
    evaluation uses the training's, whose running episodes it cuts off."""


def parse_env_config(mapping: Mapping[str, object]) -> EnvConfig:
    """Return the configuration that a mapping describes; its `id` says of which environment.

    Raises:
        UnknownEnvironmentError: There is no `id`, or no environment of that name.
        pydantic.ValidationError: Another key is unknown or has a bad value.
    """
    env_id = mapping.get("id")
    if not isinstance(env_id, str):
        raise UnknownEnvironmentError(
            f"env.id is {'missing' if env_id is None else repr(env_id)}; "
            f"give one of {', '.join(KNOWN_IDS)}"
        )
    kind = config_class(env_id)
    if kind is None:
        raise UnknownEnvironmentError(
            f"env.id '{env_id}' is unknown; {_suggestion(env_id)}available: {', '.join(KNOWN_IDS)}"
        )
    config: EnvConfig = kind.model_validate(dict(mapping))
    return config


def config_class(env_id: str) -> type[DriveConfig] | type[CarlaConfig] | type[GymConfig] | None:
    """Return the configuration class of an environment; None: there is none of that name."""
    if env_id.startswith(GYM_PREFIX):
        return GymConfig
    if env_id == "carla":
        return CarlaConfig
    return DriveConfig if env_id == "drive" else None


def what_hinders(config: EnvConfig, num_envs: int) -> str | None:
    """Return a sentence when so many environments cannot be made on this machine.

    Says only what can be told without making one.
    """
    if not isinstance(config, CarlaConfig):
        return None
    if not is_installed():
        return INSTALL_ADVICE
    from trainer.envs.carla.env import too_few_servers

    return too_few_servers(config, num_envs)


def make_vector_env(
    config: EnvConfig,
    *,
    num_envs: int,
    seed: int,
    report: Callable[[Activity], None] = lambda _: None,
) -> VectorEnv[dict[str, Any], Any, Any]:
    """Return `num_envs` environments stepped together, seeded with `seed`.

    The first `reset()` without a seed goes on from that seed. Observations are dictionaries with
    `vector` (possibly of width 0) and, where there are images, `camera`; actions are
    `float32[num_envs, action_dim]` in [-1, 1]. An environment that ends is reset in the same step;
    `infos["final_obs"]` then holds the observations before the reset, a dictionary of arrays whose
    rows count where `terminated | truncated`. `infos["reward_components"]` is a dictionary of
    `float32[num_envs]`, empty without components. `report` is told now and then when an environment
    keeps its caller waiting for a simulator.

    Raises:
        EnvironmentSetupError: The environment cannot be made, for instance because a package that
            it needs is not installed.
    """
    if isinstance(config, DriveConfig):
        from trainer.envs.drive.env import DriveVectorEnv

        env: VectorEnv[dict[str, Any], Any, Any] = DriveVectorEnv(config, num_envs=num_envs)
    elif isinstance(config, CarlaConfig):
        from trainer.envs.carla.env import CarlaVectorEnv

        carla_env = CarlaVectorEnv(config, num_envs=num_envs, report=report)
        # A reset would start episodes that nobody wants yet: minutes on a real simulator.
        carla_env.seed(seed)
        return carla_env
    else:
        from trainer.envs.gym.env import GymVectorEnv

        env = GymVectorEnv(config, num_envs=num_envs)
    env.reset(seed=seed)
    return env


def describe_env(config: EnvConfig) -> EnvSpec:
    """Return what a network needs to know of an environment.

    Raises:
        EnvironmentSetupError: The environment cannot be made, for instance because a package that
            it needs is not installed.
    """
    if isinstance(config, (DriveConfig, CarlaConfig)):
        size = config.camera_size
        return EnvSpec(
            camera_shape=(config.frame_stack, size, size) if size else None,
            vector_dim=VECTOR_DIM,
            action_dim=ACTION_DIM,
            max_episode_steps=config.max_episode_steps,
            reward_components=REWARD_COMPONENTS,
            exclusive=isinstance(config, CarlaConfig),
        )
    from trainer.envs.gym.env import GymVectorEnv

    env = GymVectorEnv(config)
    try:
        return EnvSpec(
            camera_shape=env.camera_shape,
            vector_dim=env.vector_dim,
            action_dim=env.action_dim,
            max_episode_steps=env.max_episode_steps,
            reward_components=(),
        )
    finally:
        env.close()


def _suggestion(env_id: str) -> str:
    close = get_close_matches(env_id.lower(), ("drive", "carla"), n=1)
    if close:
        return f"did you mean '{close[0]}'? "
    import gymnasium

    close = get_close_matches(env_id, list(gymnasium.registry), n=1)
    return f"did you mean '{GYM_PREFIX}{close[0]}'? " if close else ""
