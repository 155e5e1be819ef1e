"""Training episodes by quarter, as a table of their returns and lengths."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from gates.series import EventLog, FloatArray

MIN_EPISODES = 8
"""Fewer episodes than this make no quarters: a standard deviation needs two values in each."""


class Quarter(Struct, frozen=True, kw_only=True):
    """A quarter of the episodes, in the order in which they ended."""

    name: str
    first_episode: int
    """Counted from 1."""
    last_episode: int
    episodes: int
    return_mean: float
    return_std: float
    """Sample standard deviation."""
    median_length: float | None


def episode_quarters(log: EventLog) -> tuple[Quarter, ...]:
    """Split the training episodes into quarters; empty when single ones are too few or not logged."""
    rewards = log.series.get("train/episode_reward")
    if rewards is None or rewards.aggregated or len(rewards) < MIN_EPISODES:
        return ()
    lengths = log.series.get("train/episode_length")
    aligned = lengths is not None and len(lengths) == len(rewards)
    quarters: list[Quarter] = []
    start = 0
    for i, part in enumerate(np.array_split(rewards.values, 4)):
        end = start + len(part)
        quarters.append(
            Quarter(
                name=f"Q{i + 1}",
                first_episode=start + 1,
                last_episode=end,
                episodes=len(part),
                return_mean=_mean(part),
                return_std=float(np.std(part, ddof=1)) if np.isfinite(part).all() else float("nan"),
                median_length=float(np.median(lengths.values[start:end]))
                if aligned and lengths is not None
                else None,
            )
        )
        start = end
    return tuple(quarters)


def _mean(values: FloatArray) -> float:
    return float(np.mean(values)) if np.isfinite(values).all() else float("nan")
