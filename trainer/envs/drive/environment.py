"""Declares the embedded driving simulator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trainer.envs.drive.config import DriveConfig
from trainer.envs.driving.spaces import describe_driving
from trainer.envs.environment import Environment, OnActivity

if TYPE_CHECKING:
    from gymnasium.vector import VectorEnv


def _make(
    config: DriveConfig, num_envs: int, seed: int, _on_activity: OnActivity
) -> VectorEnv[dict[str, Any], Any, Any]:
    from trainer.envs.drive.env import DriveVectorEnv

    env = DriveVectorEnv(config, num_envs=num_envs)
    env.reset(seed=seed)
    return env


DRIVE = Environment(id="drive", config=DriveConfig, describe=describe_driving, make=_make)
