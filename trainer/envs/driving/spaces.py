"""Spaces of every driving simulator: what a policy that drives in one can take over to another."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
from gymnasium import spaces

from trainer.envs.driving.limits import ROUTE_SPEED_SHARE
from trainer.envs.driving.observation import (
    HEADING_UNIT_RAD,
    HORIZON_M,
    LATERAL_UNIT_M,
    VECTOR_DIM,
    VECTOR_LIMIT,
    WAYPOINT_SPACING_M,
    WAYPOINTS,
)
from trainer.envs.driving.reward import REWARD_COMPONENTS, RewardConfig
from trainer.envs.environment import DrivingTask, EnvSpec

ACTION_DIM = 2
"""Steer (1 is full left), then throttle (above 0) or brake (below 0), both in [-1, 1]."""


def observation_space(camera_size: int, frame_stack: int) -> spaces.Dict:
    """Return the space of one environment's observation; a camera of size 0 leaves it out."""
    parts: dict[str, spaces.Space[Any]] = {
        "vector": spaces.Box(-VECTOR_LIMIT, VECTOR_LIMIT, (VECTOR_DIM,), np.float32)
    }
    if camera_size:
        parts["camera"] = spaces.Box(0, 255, (frame_stack, camera_size, camera_size), np.uint8)
    return spaces.Dict(parts)


def action_space() -> spaces.Box:
    """Return the space of one environment's action."""
    return spaces.Box(-1.0, 1.0, (ACTION_DIM,), np.float32)


class DrivingConfig(Protocol):
    """Settings that the shape of an observation depends on."""

    @property
    def camera_size(self) -> int:
        """Height and width of the camera image in pixels; 0 without a camera."""
        ...

    @property
    def frame_stack(self) -> int:
        """Images in one observation."""
        ...

    @property
    def max_episode_steps(self) -> int:
        """Steps after which an episode is truncated."""
        ...

    @property
    def reward(self) -> RewardConfig:
        """Its target speed is the desired one."""
        ...


def describe_driving(
    config: DrivingConfig,
    *,
    step_s: float,
    camera: str,
    pedal: str,
    goal_m: float = math.inf,
    exclusive: bool = False,
) -> EnvSpec:
    """Describe a driving simulator.

    Args:
        config: Its settings.
        step_s: Simulated time of one step.
        camera: What the camera shows, in words.
        pedal: What throttle and brake do, in words.
        goal_m: Distance after which an episode ends at its goal.
        exclusive: Only one may exist.
    """
    size = config.camera_size
    target_mps = config.reward.target_speed_mps
    in_time_m = ROUTE_SPEED_SHARE * target_mps * step_s * config.max_episode_steps
    return EnvSpec(
        camera_shape=(config.frame_stack, size, size) if size else None,
        vector_dim=VECTOR_DIM,
        action_dim=ACTION_DIM,
        max_episode_steps=config.max_episode_steps,
        reward_components=REWARD_COMPONENTS,
        meaning={
            **(
                {"camera": f"{camera}; {config.frame_stack} pictures, oldest first"} if size else {}
            ),
            "vector": (
                f"speed / {target_mps:g} m/s; deviation from the middle of the lane / {LATERAL_UNIT_M:g} m; heading "
                f"relative to the lane / {HEADING_UNIT_RAD:g} rad; {WAYPOINTS} points of the lane, "
                f"{WAYPOINT_SPACING_M:g} m apart, as (ahead, left) / {HORIZON_M:g} m. Left is positive."
            ),
            "action": f"steering, 1 is full left; {pedal}",
        },
        driving=DrivingTask(
            step_s=step_s, target_speed_mps=target_mps, route_m=min(goal_m, in_time_m)
        ),
        exclusive=exclusive,
    )
