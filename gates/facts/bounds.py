"""The bound on Q: |Q| <= max|r| / (1 - gamma), the sum of a geometric series, from a run's own rewards and discount."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from gates.facts.episodes import Episodes
from gates.facts.values import Fact, Missing
from gates.series import Series

ASSUMED_GAMMA = 0.99
"""Discount of nearly every published TD3 recipe; used, and said so, when the run does not tell its own."""
UNTRAINED_Q = 1.0
"""Size of an untrained network's output; no bound on Q is set below it."""
WIDEST = 10.0
"""How much wider a bound is at a discount of 0.999, the largest usual one, than at the assumed one."""
PEAK_FACTOR = 5.0
"""Largest single reward over the best episode's mean reward per step, when no batch rewards are logged."""
ENTROPY_FACTOR = 4.0
"""The same again for SAC and its kin, whose values hold an entropy bonus beside the rewards, where none is logged."""
ENTROPY_SPREAD = 2.0
"""Entropy in a state over its mean in a batch."""
REACH_SHARE = 0.05
"""Least reach as a share of the two-sided bound: values of a task with negative rewards start near 0, too."""
_TAGS = ("debug/reward_max", "debug/reward_min")


class Formula(Struct, frozen=True, kw_only=True):
    """Where a number comes from: `max|r| / (1 - gamma)`, and the same with its numbers."""

    text: str
    numbers: str

    def plus(self, text: str, numbers: str) -> Formula:
        """Return the sum with another term."""
        return Formula(text=f"{self.text} + {text}", numbers=f"{self.numbers} + {numbers}")


class Bound(Struct, frozen=True, kw_only=True):
    """A range that a value cannot leave, with its derivation."""

    low: float
    high: float
    low_from: Formula
    high_from: Formula
    inputs: tuple[str, ...] = ()
    """Where each number of the formulas comes from."""
    unsure: float = 1.0
    """Factor by which it may be wider, since nothing tells the discount."""

    @property
    def derivation(self) -> str:
        """The upper end in numbers, for a sentence."""
        origin = f" ({'; '.join(self.inputs)})" if self.inputs else ""
        return f"{self.high_from.text} = {self.high_from.numbers} = {self.high:,.6g}{origin}"


def _symmetric(limit: float, formula: Formula, inputs: tuple[str, ...]) -> Bound:
    low = Formula(text=f"-{formula.text}", numbers=f"-{formula.numbers}")
    return Bound(low=-limit, high=limit, low_from=low, high_from=formula, inputs=inputs)


_UNTRAINED = Formula(text="size of an untrained output", numbers="1")


def largest_reward(
    extremes: Sequence[Series],
    episodes: Episodes | Missing,
    rolling: tuple[Series, Series] | None,
    scale: float,
) -> Fact | Missing:
    """Return the largest |reward| of the logged batches; without them a generous guess from the episodes.

    The guess assumes that no single reward exceeds `PEAK_FACTOR` times the best mean per step.

    Args:
        extremes: Largest and smallest rewards of batches, those that are logged.
        episodes: Single episodes.
        rolling: Mean returns and mean lengths of several episodes each, at the same points; None when not logged.
        scale: Factor between the environment's reward and the critic's.
    """
    values = np.concatenate([s.values for s in extremes]) if extremes else np.zeros(0)
    values = values[np.isfinite(values)]
    if len(values):
        tags = " and ".join(s.tag for s in extremes)
        source = f"largest |reward| in a logged batch ({tags})"
        return Fact(value=float(np.abs(values).max()), source=source)
    if not isinstance(episodes, Missing) and episodes.returns is not None:
        returns, lengths, of = episodes.returns, episodes.lengths, "of an episode"
    elif rolling is not None:
        returns, lengths, of = rolling[0].values, rolling[1].values, f"({rolling[0].aggregated})"
    else:
        reason = "neither batch rewards nor episodes' rewards are logged"
        return Missing(reason=reason, tags=_TAGS)
    per_step = np.abs(returns) / np.maximum(lengths, 1.0)
    per_step = per_step[np.isfinite(per_step)]
    if not len(per_step):
        return Missing(reason="no finite episode reward", tags=_TAGS)
    factor = PEAK_FACTOR * scale
    source = (
        f"{factor:g} x the largest mean |reward| per step {of}, since debug/reward_* is not logged"
    )
    return Fact(value=factor * float(per_step.max()), source=source)


def q_value_bound(reward: Fact | Missing, gamma: Fact) -> Bound | Missing:
    """Return the range of an honest Q value, two-sided.

    A discount of 1 or more has no bound; that of a usual discount stands in and says so.
    """
    if isinstance(reward, Missing):
        return reward
    if gamma.value >= 1.0:
        origin = f"{ASSUMED_GAMMA:g} in place of {gamma.value:g}, at which no bound exists"
        gamma = Fact(value=ASSUMED_GAMMA, source=origin)
    if reward.value <= 0:
        reason = "all logged rewards are 0, so that no bound on Q can be derived"
        return Missing(reason=reason, tags=_TAGS[:1])
    limit = reward.value / (1.0 - gamma.value)
    formula = Formula(
        text="max|r| / (1 - gamma)", numbers=f"{reward.value:.4g} / (1 - {gamma.value:g})"
    )
    inputs = (f"max|r|: {reward.source}", f"gamma: {gamma.source}")
    if limit < UNTRAINED_Q:
        smaller = f"{formula.text} = {limit:.4g} is smaller"
        return _symmetric(UNTRAINED_Q, _UNTRAINED, (smaller, *inputs))
    return _symmetric(limit, formula, inputs)


def q_reach(highest: Fact | Missing, largest: Fact | Missing, gamma: Fact) -> Bound | Missing:
    """Return how high an honest Q value can be: the best reward at every step, for ever.

    Tighter than `q_value_bound` where the largest |reward| is a penalty. At least a twentieth of that bound, since
    values of a task with negative rewards only start near 0 as well.
    """
    bound = q_value_bound(largest, gamma)
    if isinstance(bound, Missing):
        return bound
    if isinstance(highest, Missing):
        return highest
    discount = gamma.value if gamma.value < 1.0 else ASSUMED_GAMMA
    limit = max(0.0, highest.value) / (1.0 - discount)
    formula = Formula(
        text="max r / (1 - gamma)", numbers=f"{highest.value:.4g} / (1 - {discount:g})"
    )
    inputs: tuple[str, ...] = (f"max r: {highest.source}", f"gamma: {gamma.source}")
    least = REACH_SHARE * bound.high
    if limit < max(UNTRAINED_Q, least):
        inputs = (f"{formula.text} = {limit:.4g} is smaller", *inputs)
        share = bound.high_from
        formula = Formula(
            text=f"{REACH_SHARE:g} x {share.text}", numbers=f"{REACH_SHARE:g} x {share.numbers}"
        )
        limit = least
        if least < UNTRAINED_Q:
            formula, limit = _UNTRAINED, UNTRAINED_Q
    nothing = Formula(text="no lower bound", numbers="-inf")
    return Bound(low=-math.inf, high=limit, low_from=nothing, high_from=formula, inputs=inputs)


def highest_reward(series: Series | None) -> Fact | Missing:
    """Return the highest reward of the logged batches."""
    values = series.values[np.isfinite(series.values)] if series is not None else np.zeros(0)
    if not len(values) or series is None:
        return Missing(reason="debug/reward_max is not logged", tags=("debug/reward_max",))
    return Fact(
        value=float(values.max()), source=f"highest reward in a logged batch ({series.tag})"
    )
