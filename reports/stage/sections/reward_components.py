"""How much each component of the reward carries, and which one dominates."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from gates.series import EventLog, FloatArray, Series

PREFIX = "reward_components/"
TOTAL = PREFIX + "total"
TAIL_SHARE = 0.2
"""Part of the episodes, at the end, that counts as the present behaviour."""


class Component(Struct, frozen=True, kw_only=True):
    """One component of the reward, per environment step."""

    name: str
    mean: float
    """Mean per step over all episodes, weighted by episode length where it is known."""
    tail_mean: float
    """The same over the last fifth of the episodes."""
    share: float
    """Part of the sum of all components' absolute means over the last fifth; 0 to 1."""


class RewardSplit(Struct, frozen=True, kw_only=True):
    """The components of a run's reward, the largest share first."""

    components: tuple[Component, ...]
    episodes: int
    tail_episodes: int


def reward_split(log: EventLog) -> RewardSplit | None:
    """Compare the reward's components; None when fewer than two were logged."""
    parts = {
        tag.removeprefix(PREFIX): series
        for tag, series in log.series.items()
        if tag.startswith(PREFIX) and tag != TOTAL and np.isfinite(series.values).any()
    }
    if len(parts) < 2:
        return None
    lengths = log.series.get("train/episode_length")
    episodes = min(len(series) for series in parts.values())
    tail = max(1, round(episodes * TAIL_SHARE))
    tail_means = {name: _mean(series, lengths, tail) for name, series in parts.items()}
    whole = sum(abs(mean) for mean in tail_means.values())
    components = [
        Component(
            name=name,
            mean=_mean(series, lengths, len(series)),
            tail_mean=tail_means[name],
            share=abs(tail_means[name]) / whole if whole > 0 else 0.0,
        )
        for name, series in parts.items()
    ]
    components.sort(key=lambda component: (-component.share, component.name))
    return RewardSplit(components=tuple(components), episodes=episodes, tail_episodes=tail)


def _mean(series: Series, lengths: Series | None, last: int) -> float:
    values = series.values[-last:]
    weights = _weights(series, lengths)[-last:]
    usable = np.isfinite(values) & np.isfinite(weights) & (weights > 0)
    return float(np.average(values[usable], weights=weights[usable])) if usable.any() else np.nan


def _weights(series: Series, lengths: Series | None) -> FloatArray:
    if lengths is None or len(lengths) != len(series):
        return np.ones(len(series))
    return lengths.values
