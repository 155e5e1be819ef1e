"""Tells rewards that were summed up from rewards that were scaled, by their mean, spread and extremes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gates.episodes import Episodes, Missing, mean_so_far
from gates.facts import RunFacts
from gates.laws_data import batch_reward_over_episode_reward
from gates.metrics import align
from gates.series import FloatArray, IntArray
from gates.trace import Trace, follow


@dataclass(frozen=True, kw_only=True)
class RewardShape:
    """How the rewards of the batches compare with those of the episodes."""

    ratio: float
    """Mean in the batches over mean per step in the episodes, the known scale divided out."""
    known_scale: float | None
    batch_mean: float
    batch_max: float
    per_step: float
    distance_to_sums: float
    """Sum of the |log| differences of mean, spread and extreme from those of running sums; 0 when they agree."""


def reward_shape(facts: RunFacts) -> RewardShape | None:
    """Compare the rewards in the batches with single rewards and with running sums of the episodes."""
    quantity = batch_reward_over_episode_reward(facts)
    episodes, mean = facts.episodes, facts.series("debug/reward_mean")
    if isinstance(quantity, Missing) or isinstance(episodes, Missing) or mean is None:
        return None
    if episodes.returns is None:
        return None
    known = facts.reward_scale.value if facts.reward_scale else None
    scale = known or 1.0
    steps, (batch,) = align(mean)
    batch_mean = float(np.nanmean(batch)) / scale
    ratio = float(quantity.series.values[0])
    extremes = (_trace(facts, "debug/reward_max"), _trace(facts, "debug/reward_min"))
    largest = max((t.largest for t in extremes if t), default=float("nan")) / scale
    distance = _distance_of_moments(facts, episodes, steps, batch_mean, scale)
    distance += _distance_of_extremes(facts, episodes.returns, float(np.sign(batch_mean)) / scale)
    return RewardShape(
        ratio=ratio,
        known_scale=known,
        batch_mean=batch_mean,
        batch_max=largest,
        per_step=batch_mean / ratio if ratio else float("nan"),
        distance_to_sums=distance,
    )


def _trace(facts: RunFacts, tag: str) -> Trace | None:
    series = facts.series(tag)
    return None if series is None else follow(series)


def _distance_of_moments(
    facts: RunFacts, episodes: Episodes, steps: IntArray, mean: float, scale: float
) -> float:
    """Compare mean and spread with those that the buffer would have if every reward were the sum of its episode so far.

    An episode of length L and return R has running sums near R t / L, t = 1..L: mean R (L + 1) / 2L and mean square
    R^2 (L + 1)(2L + 1) / 6L^2 over its steps.
    """
    assert episodes.returns is not None
    lengths, returns = episodes.lengths, episodes.returns
    first = mean_so_far(episodes, returns * (lengths + 1.0) / 2.0, steps)
    squares = returns**2 * (lengths + 1.0) * (2.0 * lengths + 1.0) / np.maximum(6.0 * lengths, 1.0)
    second = mean_so_far(episodes, squares, steps)
    usable = np.isfinite(first) & np.isfinite(second)
    if not usable.any():
        return float("inf")
    pairs = [(abs(mean), abs(float(np.mean(first[usable]))))]
    deviation = _trace(facts, "debug/reward_std")
    if deviation is not None:
        spread = float(np.mean(np.sqrt(np.maximum(second[usable] - first[usable] ** 2, 0.0))))
        pairs.append((deviation.last / scale, spread))
    return sum(abs(float(np.log(a / b))) for a, b in pairs if a > 0 and b > 0)


def _distance_of_extremes(facts: RunFacts, returns: FloatArray, factor: float) -> float:
    """Compare the extremes: no running sum lies far above the best return, nor far below the worst one.

    `factor` divides the known scale out and makes the mean positive.
    """
    high, low = _trace(facts, "debug/reward_max"), _trace(facts, "debug/reward_min")
    sums = returns[np.isfinite(returns)] * np.sign(factor)
    if high is None or low is None or not len(sums):
        return 0.0
    top, bottom = (
        max(high.high * factor, low.low * factor),
        min(high.high * factor, low.low * factor),
    )
    best = float(sums.max())
    distance = abs(float(np.log(top / best))) if top > 0 and best > 0 else 0.0
    if bottom < 0:
        worst = max(-float(sums.min()), 0.05 * abs(best), 1e-12)
        distance += min(2.0, max(0.0, float(np.log(-bottom / worst))))
    return distance
