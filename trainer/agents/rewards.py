"""Rewards as the critic sees them: divided by their running deviation, scaled, then clipped."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from trainer.config import TrainConfig


class RewardTransform:
    """Applied when a batch is used, so that old transitions follow a changed normalisation too."""

    def __init__(self, config: TrainConfig) -> None:
        self._config = config
        self._count = 0
        self._mean = 0.0
        self._sum_of_squares = 0.0

    def observe(self, reward: NDArray[np.floating]) -> None:
        """Update the running deviation with new rewards of any shape (Welford 1962)."""
        if not self._config.reward_normalization:
            return
        for value in reward.ravel().tolist():
            self._count += 1
            delta = value - self._mean
            self._mean += delta / self._count
            self._sum_of_squares += delta * (value - self._mean)

    @property
    def factor(self) -> float:
        """What a reward is multiplied by before clipping."""
        scale = self._config.reward_scale
        if not self._config.reward_normalization or self._count < 2:
            return scale
        deviation = math.sqrt(self._sum_of_squares / self._count)
        return scale / max(deviation, 1e-6)

    def __call__(self, reward: Tensor) -> Tensor:
        """Transform `float32[batch]`."""
        scaled = reward * self.factor
        limit = self._config.reward_clip
        return scaled if limit is None else scaled.clamp(-limit, limit)

    def state_dict(self) -> dict[str, float]:
        """Return the running statistics."""
        return {"count": self._count, "mean": self._mean, "sum_of_squares": self._sum_of_squares}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Continue from saved statistics."""
        self._count = int(state["count"])
        self._mean, self._sum_of_squares = state["mean"], state["sum_of_squares"]
