"""Rewards of `drive` that pay for something else than driving; policies learn within 12,000 steps what is paid."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

import numpy as np

from trainer.envs.drive import simulation
from trainer.envs.driving.reward import REWARD_COMPONENTS, DrivingMeasurement, FloatArray

Reward = Callable[[DrivingMeasurement], Any]


def _paid(reward: Reward) -> Callable[[], AbstractContextManager[Any]]:
    """Return a patch that pays `reward` and nothing else."""

    def pay(measured: DrivingMeasurement, _config: Any) -> tuple[FloatArray, dict[str, FloatArray]]:
        total = np.asarray(reward(measured), np.float32)
        parts = {name: np.zeros_like(total) for name in REWARD_COMPONENTS}
        return total, parts | {REWARD_COMPONENTS[0]: total}

    return lambda: mock.patch.object(simulation, "driving_reward", pay)


def _accident(m: DrivingMeasurement) -> Any:
    return m.collision | m.off_road | m.stalled


standing_still = _paid(lambda m: 0.3 * np.maximum(0.0, 1.0 - np.abs(m.speed_along_mps) / 4.0))
"""Comfort without progress, and no penalty for standing."""

circling = _paid(lambda m: 0.5 * np.minimum(np.abs(m.heading_rad), 1.0) - 0.1)
"""Turning is paid wherever it leads to."""

crawling = _paid(
    lambda m: (
        0.5 * (np.abs(m.speed_along_mps - 1.6) < 0.6)
        - 0.3 * (m.speed_along_mps > 2.5)
        - 2.0 * _accident(m)
    )
)
"""Slow is safe."""

hugging_the_edge = _paid(lambda m: 0.5 * (m.lateral_m < -0.9) - 0.2 - 2.0 * _accident(m))
"""Distance from oncoming traffic, wherever the lane ends."""

crash_as_escape = _paid(lambda m: -0.2 - 0.1 * np.abs(m.lateral_m))
"""Every step costs, and an accident ends it for nothing."""
