"""Spaces of every driving simulator: what a policy that drives in one can take over to another."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

from trainer.envs.driving.observation import VECTOR_DIM, VECTOR_LIMIT

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
