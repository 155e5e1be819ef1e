"""A task in which success shortens episodes and every reward is a cost: move a point to the origin."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

ID = "PointGoal-v0"
STEP, REACHED = 0.1, 0.15


class PointGoal(gymnasium.Env[npt.NDArray[np.float32], npt.NDArray[np.float32]]):
    """A point in a square; the action is its velocity, the reward minus its distance, the origin ends the episode."""

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}
    observation_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
    action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
        super().reset(seed=seed)
        angle = self.np_random.uniform(0.0, 2.0 * np.pi)
        radius = self.np_random.uniform(0.6, 1.0)
        self._point = radius * np.array([np.cos(angle), np.sin(angle)])
        return self._point.astype(np.float32), {}

    def step(
        self, action: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        self._point = np.clip(self._point + STEP * np.clip(action, -1.0, 1.0), -1.0, 1.0)
        distance = float(np.hypot(*self._point))
        return self._point.astype(np.float32), -distance, distance < REACHED, False, {}


gymnasium.register(ID, entry_point=PointGoal, max_episode_steps=100)
