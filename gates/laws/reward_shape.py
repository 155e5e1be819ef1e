"""Tells rewards that were summed up from rewards that were scaled, by their mean, spread and extremes."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from gates.facts.episodes import Episodes, mean_so_far
from gates.facts.run_facts import RunFacts
from gates.facts.trace import Trace, follow
from gates.facts.values import Missing
from gates.laws.data import batch_reward_over_episode_reward
from gates.laws.quantity import Quantity, of_run
from gates.metrics import align
from gates.series import IntArray

LARGER = 2.0
"""Batch over episode rewards above which single rewards are no longer the simplest explanation."""
LIKE_SUMS = 1.7
"""Distance below which rewards count as summed up; sums give 0.2 to 1.1, one factor on all rewards 3 and more."""


class RewardShape(Struct, frozen=True, kw_only=True):
    """How the rewards of the batches compare with those of the episodes."""

    ratio: float
    """Mean in the batches over mean per step in the episodes, the known scale divided out."""
    known_scale: float | None
    batch_mean: float
    batch_max: float
    per_step: float
    distance_to_sums: float
    """Sum of the |log| differences of spread and extremes, over the mean, from those of running sums; 0: agree."""

    @property
    def larger_than_single(self) -> bool:
        """Whether the batch rewards are so much larger that they can be sums."""
        return abs(self.ratio) > LARGER

    @property
    def like_sums(self) -> bool:
        """Whether they have the shape of running sums."""
        return self.larger_than_single and self.distance_to_sums < LIKE_SUMS


def reward_shape(facts: RunFacts) -> RewardShape | None:
    """Compare the rewards in the batches with single rewards and with running sums of the episodes."""
    quantity = batch_reward_over_episode_reward(facts)
    episodes, mean = facts.episodes, facts.series("debug/reward_mean")
    if isinstance(quantity, Missing) or isinstance(episodes, Missing) or mean is None:
        return None
    if episodes.returns is None or not np.isfinite(mean.values).any():
        return None
    known = facts.reward_scale.value if facts.reward_scale else None
    scale = known or 1.0
    steps, (batch,) = align(mean)
    batch_mean = float(np.mean(batch[np.isfinite(batch)])) / scale
    ratio = float(quantity.series.values[0])
    extremes = (_trace(facts, "debug/reward_max"), _trace(facts, "debug/reward_min"))
    largest = max((t.largest for t in extremes if t), default=float("nan")) / scale
    sign = float(np.sign(batch_mean)) / scale
    distance = _distance_to_sums(facts, episodes, steps, abs(batch_mean), sign)
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


def _distance_to_sums(
    facts: RunFacts, episodes: Episodes, steps: IntArray, mean: float, factor: float
) -> float:
    """Compare the shape of the batch rewards with that of running sums.

    An episode of length L and return R has running sums near R t / L, t = 1..L: mean R (L + 1) / 2L and mean square
    R^2 (L + 1)(2L + 1) / 6L^2 over its steps. No sum lies far above the best return, nor far below the worst one.
    `factor` divides the known scale out and makes the mean positive.
    """
    assert episodes.returns is not None
    lengths, returns = episodes.lengths, episodes.returns * np.sign(factor)
    first = mean_so_far(episodes, returns * (lengths + 1.0) / 2.0, steps, facts.buffer_size)
    squares = returns**2 * (lengths + 1.0) * (2.0 * lengths + 1.0) / np.maximum(6.0 * lengths, 1.0)
    second = mean_so_far(episodes, squares, steps, facts.buffer_size)
    usable = np.isfinite(first) & np.isfinite(second)
    sums = returns[np.isfinite(returns)]
    if not usable.any() or not len(sums) or mean <= 0:
        return float("inf")
    size = float(np.mean(first[usable]))
    if size <= 0:
        return float("inf")
    spread = float(np.mean(np.sqrt(np.maximum(second[usable] - first[usable] ** 2, 0.0))))
    deviation = _trace(facts, "debug/reward_std")
    high, low = _trace(facts, "debug/reward_max"), _trace(facts, "debug/reward_min")
    # Rewards come before the terminal penalty, so sums are rather larger; an unknown scale leaves the mean open.
    offset = max(0.0, _apart(mean, 1.4 * size) - float(np.log(1.6)))
    distance, best = offset * (1.0 if facts.reward_scale else 0.3), float(sums.max())
    if deviation is not None:
        distance += _apart(deviation.last * abs(factor) / mean, spread / size)
    if high is None or low is None:
        return distance
    extremes = (high.high * factor, low.low * factor)
    distance += _apart(max(extremes) / mean, best / size)
    if min(extremes) < 0:
        worst = max(-float(sums.min()), 0.05 * abs(best), 1e-12) * mean / size
        distance += min(2.0, max(0.0, float(np.log(-min(extremes) / worst))))
    return distance


def _apart(first: float, second: float) -> float:
    """Size of the logarithm of a ratio; nothing when one of both is not positive."""
    return abs(float(np.log(first / second))) if first > 0 and second > 0 else 0.0


def distance_to_running_sums(facts: RunFacts) -> Quantity | Missing:
    """Law: distance of batch rewards from running sums, where they exceed single rewards."""
    quantity = batch_reward_over_episode_reward(facts)
    if isinstance(quantity, Missing):
        return quantity
    shape = reward_shape(facts)
    if shape is None or not shape.larger_than_single:
        reason = f"batch rewards are no more than {LARGER:g} times those of the episodes"
        return Missing(reason=reason, not_applicable=True)
    formula = "|log| differences of spread and extremes, over the mean, from those of running sums"
    return of_run(
        "distance_to_running_sums",
        facts,
        shape.distance_to_sums,
        quantity.points,
        formula,
        quantity.tags[0],
    )
