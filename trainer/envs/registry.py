"""Finds environments by name: `drive`, `gym:<id>`; later `carla`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from trainer.envs.drive_config import DriveConfig
from trainer.envs.driving_observation import VECTOR_DIM
from trainer.envs.driving_reward import REWARD_COMPONENTS
from trainer.envs.errors import UnknownEnvironmentError
from trainer.envs.gym_config import GYM_PREFIX, GymConfig

if TYPE_CHECKING:
    from gymnasium.vector import VectorEnv

EnvConfig = DriveConfig | GymConfig
"""Configuration of any environment."""

KNOWN_IDS = ("drive", f"{GYM_PREFIX}<id>")
"""What `id` may be."""


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
    if env_id == "drive":
        return DriveConfig.model_validate(dict(mapping))
    if env_id.startswith(GYM_PREFIX):
        return GymConfig.model_validate(dict(mapping))
    if env_id == "carla":
        raise UnknownEnvironmentError(
            "env.id 'carla' is not available in this version; use 'drive', the embedded simulator "
            "with the same observation, action and reward"
        )
    raise UnknownEnvironmentError(
        f"env.id '{env_id}' is unknown; {_suggestion(env_id)}available: {', '.join(KNOWN_IDS)}"
    )


def make_vector_env(
    config: EnvConfig, *, num_envs: int, seed: int
) -> VectorEnv[dict[str, Any], Any, Any]:
    """Return `num_envs` environments stepped together, already reset with `seed`.

    The first `reset()` without a seed goes on from that seed. Observations are dictionaries with
    `vector` (possibly of width 0) and, where there are images, `camera`; actions are
    `float32[num_envs, action_dim]` in [-1, 1]. An environment that ends is reset in the same step;
    `infos["final_obs"]` then holds the observations before the reset, a dictionary of arrays whose
    rows count where `terminated | truncated`. `infos["reward_components"]` is a dictionary of
    `float32[num_envs]`, empty without components.

    Raises:
        EnvironmentSetupError: The environment cannot be made, for instance because a package that
            it needs is not installed.
    """
    if isinstance(config, DriveConfig):
        from trainer.envs.drive import DriveVectorEnv

        env: VectorEnv[dict[str, Any], Any, Any] = DriveVectorEnv(config, num_envs=num_envs)
    else:
        from trainer.envs.gym_env import GymVectorEnv

        env = GymVectorEnv(config, num_envs=num_envs)
    env.reset(seed=seed)
    return env


def describe_env(config: EnvConfig) -> EnvSpec:
    """Return what a network needs to know of an environment.

    Raises:
        EnvironmentSetupError: The environment cannot be made, for instance because a package that
            it needs is not installed.
    """
    if isinstance(config, DriveConfig):
        size = config.camera_size
        return EnvSpec(
            camera_shape=(config.frame_stack, size, size) if size else None,
            vector_dim=VECTOR_DIM,
            action_dim=2,
            max_episode_steps=config.max_episode_steps,
            reward_components=REWARD_COMPONENTS,
        )
    from trainer.envs.gym_env import GymVectorEnv

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
