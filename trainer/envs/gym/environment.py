"""Declares all environments that are registered with Gymnasium."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from trainer.envs.environment import Environment, EnvSpec, OnActivity
from trainer.envs.gym.config import GYM_PREFIX, GymConfig

if TYPE_CHECKING:
    from gymnasium.vector import VectorEnv


def _make(
    config: GymConfig, num_envs: int, seed: int, _on_activity: OnActivity
) -> VectorEnv[dict[str, Any], Any, Any]:
    from trainer.envs.gym.env import GymVectorEnv

    env = GymVectorEnv(config, num_envs=num_envs)
    env.reset(seed=seed)
    return env


def _describe(config: GymConfig) -> EnvSpec:
    from trainer.envs.gym.env import GymVectorEnv

    env = GymVectorEnv(config)
    try:
        return EnvSpec(
            camera_shape=env.camera_shape,
            vector_dim=env.vector_dim,
            action_dim=env.action_dim,
            max_episode_steps=env.max_episode_steps,
            meaning=env.meaning(),
        )
    finally:
        env.close()


def _names() -> Iterable[str]:
    import gymnasium

    return (f"{GYM_PREFIX}{name}" for name in gymnasium.registry)


GYM = Environment(id=GYM_PREFIX, config=GymConfig, describe=_describe, make=_make, names=_names)
