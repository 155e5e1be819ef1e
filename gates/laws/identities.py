"""Laws that are exact: what must differ, does differ, whatever the task, the rewards and the discount."""

from __future__ import annotations

import numpy as np

from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.laws.quantity import Quantity, derived, of_run, pair_tags
from gates.metrics import align

MANY_BATCHES = 20
"""Logged batches that do not agree by chance, even where rewards have two values."""
_FEWEST_BATCHES = 5
"""Batches in which rewards differ; sparse and clipped ones are the same within most."""


def critics_agree(facts: RunFacts) -> Quantity | Missing:
    """Share of the logged updates in which both critics have the same mean Q and the same TD error, to the last digit.

    Two networks that were initialised apart never do.
    """
    if facts.series("train/q1_value") is not None and facts.series("train/q2_value") is None:
        return Missing(reason="there is one critic", not_applicable=True)
    found = facts.need("train/q1_value", "train/q2_value", "debug/td_error_q1", "debug/td_error_q2")
    if isinstance(found, Missing):
        return found
    steps, (q1, q2, error1, error2) = align(*found)
    same = (q1 == q2) & (error1 == error2)
    formula = "train/q1_value equals train/q2_value, and so do their TD errors"
    series = derived("critics_agree", steps, same.astype(np.float64), formula)
    return Quantity(series=series, points=len(series), tags=pair_tags(found))


def batches_repeat(facts: RunFacts) -> Quantity | Missing:
    """Share of the logged batches whose rewards have exactly the mean and the spread of the first one.

    Batches that are drawn anew differ wherever rewards do; where they do not, the law does not apply.
    """
    found = facts.need("debug/reward_mean", "debug/reward_std")
    if isinstance(found, Missing):
        return found
    steps, (mean, spread) = align(*found)
    if not (len(spread) and spread[0] > 0):
        return Missing(reason="all rewards of the first batch are the same", not_applicable=True)
    if len(steps) < MANY_BATCHES:
        reason = f"{len(steps)} batches of rare rewards may agree by chance"
        return Missing(reason=reason, not_applicable=True)
    same = (mean == mean[0]) & (spread == spread[0])
    formula = "debug/reward_mean and debug/reward_std equal those of the first logged batch"
    series = derived("batches_repeat", steps, same.astype(np.float64), formula)
    return Quantity(series=series, points=len(series), tags=pair_tags(found))


def targets_over_rewards_spread(facts: RunFacts) -> Quantity | Missing:
    """Spread of the TD target within a batch, over that of its rewards.

    Each target holds its own reward, so that targets are the same only where values take back what rewards give.
    """
    found = facts.need("debug/target_q_std", "debug/reward_std")
    if isinstance(found, Missing):
        return found
    steps, (target, reward) = align(*found)
    usable = np.isfinite(target) & (reward > 0)
    differ = int(usable.sum())
    if not differ or differ < _FEWEST_BATCHES <= len(steps):
        within = f"all but {differ} batches" if differ else "every batch"
        return Missing(reason=f"rewards are the same within {within}", not_applicable=True)
    formula = "debug/target_q_std / debug/reward_std"
    ratio = target[usable] / reward[usable]
    series = derived("targets_over_rewards_spread", steps[usable], ratio, formula)
    return Quantity(series=series, points=len(series), tags=pair_tags(found))


def q_spread_in_batch(facts: RunFacts) -> Quantity | Missing:
    """Largest spread of actor Q within a batch, over its mean there.

    States of a batch differ, so a critic that sees them tells some apart, even an untrained one. Rounding alone
    gives about 1e-7.
    """
    found = facts.need("debug/actor_q_std", "debug/actor_q_mean")
    if isinstance(found, Missing):
        return found
    _, (spread, mean) = align(*found)
    usable = np.isfinite(spread) & np.isfinite(mean) & (mean != 0)
    if not usable.any():
        return Missing(reason="no finite actor Q is logged", tags=("debug/actor_q_std",))
    value = float(np.max(spread[usable] / np.abs(mean[usable])))
    formula = "largest debug/actor_q_std / |debug/actor_q_mean|"
    count = int(usable.sum())
    return of_run("q_spread_in_batch", facts, value, count, formula, "debug/actor_q_std")
