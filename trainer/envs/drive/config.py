"""Settings of the embedded driving simulator, and its constants."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trainer.envs.driving.reward import RewardConfig
from trainer.envs.environment import EnvConfig

STEP_S = 0.1
"""Duration of one environment step."""
LANE_WIDTH_M = 3.5
"""Width of each of the two lanes."""


class DriveConfig(EnvConfig):
    """The embedded driving simulator."""

    id: Literal["drive"] = "drive"
    """Name of the environment."""
    camera_size: int = Field(default=32, ge=0, le=256)
    """Height and width of the camera image in pixels; 0 leaves the camera out."""
    camera_span_m: float = Field(default=42.0, ge=10, le=80)
    """Length and width of the ground that the camera sees, three quarters of it ahead, in m."""
    frame_stack: int = Field(default=4, ge=1, le=16)
    """Consecutive camera images in one observation, oldest first."""
    max_episode_steps: int = Field(default=300, ge=1)
    """Steps after which an episode is truncated; one step is 0.1 s."""
    vehicles: int = Field(default=4, ge=0, le=16)
    """Other vehicles on the road."""
    roads: int = Field(default=16, ge=1, le=64)
    """Different closed roads; an episode picks one of them, a place and a direction."""
    road_seed: int = Field(default=0, ge=0)
    """Seed of the road shapes, apart from the episodes' seed. Another value gives unseen roads."""
    stall_limit_s: float = Field(default=5.0, gt=0)
    """Time below 1 m/s after which an episode terminates, in s."""
    reward: RewardConfig = RewardConfig()
    """Scales, penalties and weights of the reward."""
