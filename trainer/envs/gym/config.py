"""Settings of a registered Gymnasium environment."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from trainer.envs.environment import EnvConfig

GYM_PREFIX = "gym:"
"""Start of the `id` of every Gymnasium environment."""


class GymConfig(EnvConfig):
    """Any registered Gymnasium environment with a Box action."""

    id: str = Field(pattern=r"^gym:[A-Za-z0-9_.:/-]+$")
    """`gym:` and the registered name, for example `gym:Pendulum-v1`."""
    camera_size: int = Field(default=84, ge=8, le=256)
    """Height and width that images are resized to, in pixels; not used without images."""
    frame_stack: int = Field(default=4, ge=1, le=16)
    """Consecutive images in one observation, oldest first; not used without images."""
    max_episode_steps: int | None = Field(default=None, ge=1)
    """Steps after which an episode is truncated; None keeps the registered limit."""
    kwargs: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments for the environment, passed on as they are."""
