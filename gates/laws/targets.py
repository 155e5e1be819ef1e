"""Laws of the targets: how fast they follow the critic, and whether they hold what the critic says."""

from __future__ import annotations

import numpy as np

from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.laws.quantity import Quantity, derived
from gates.metrics import align, finite_median
from gates.series import FloatArray, IntArray

CAUGHT_UP = 400
"""Updates after which targets have caught up with the critic, averaged or not."""
EARLY_UPDATES = 2000
"""Updates in which averaged targets let values grow slowly."""
LARGEST_TAU = 0.05
UNTRAINED_OUTPUT = 0.3
"""Size of an untrained Q where the first updates are not logged."""
LEARNED_REWARDS = 3.0
"""Rewards that a value must be worth before it counts as learned."""


def target_network_speed(facts: RunFacts) -> Quantity | Missing:
    """Averaging rate tau that the targets show at least, over the largest plausible one.

    Two lower bounds of tau. An averaged target reaches at most 1 - (1 - tau)^updates of the critic's largest value so
    far. And values need one pass through the targets for each reward that they add up, of which there are 1 + tau *
    updates: values worth more rewards than that came through targets that jump with the critic.
    """
    found = facts.need(
        "debug/target_q_mean", "debug/reward_mean", "debug/effective_discount", "train/q1_value"
    )
    if isinstance(found, Missing):
        return found
    steps, (target, reward, effective, q1) = align(*found)
    updates, source = facts.updates_at(steps)
    updates = np.maximum(updates, 1.0)
    untrained = abs(float(q1[0])) if len(q1) and updates[0] <= 10 else UNTRAINED_OUTPUT
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        bootstrap = np.where(effective > 0.1, (target - reward) / effective, np.nan)
        highest = np.maximum.accumulate(_reached(facts, steps, q1))
        share = np.minimum(np.abs(bootstrap) / highest, 0.98)
        by_share = np.where(updates <= CAUGHT_UP, 1.0 - (1.0 - share) ** (1.0 / updates), 0.0)
        by_share = np.where(np.sign(bootstrap) == np.sign(q1), by_share, 0.0)
        rewards = np.abs(q1) / _reward_size(facts, steps, reward)
        by_passes = (_passes(rewards, min(facts.gamma.value, 0.999)) - 1.0) / updates
        tau = np.clip(np.fmax(by_share, by_passes), 0.0, 1.0)
    # Only values that were learned: well above the untrained output, and above what one reward adds by itself.
    learned = np.abs(q1) > 5.0 * untrained + 0.05 * np.abs(reward)
    early = learned & np.isfinite(tau) & (updates <= EARLY_UPDATES)
    if early.sum() < 3:
        reason = f"fewer than three of the first {EARLY_UPDATES:,} updates show learned values"
        return Missing(reason=reason, not_applicable=True)
    configured = facts.run.number("tau") if facts.run else None
    plausible = LARGEST_TAU if configured is None else 4.0 * configured
    known = "above every published recipe" if configured is None else f"4 x {configured:g}"
    formula = f"lower bound of tau from the targets / {plausible:g}"
    series = derived("target_network_speed", steps[early], tau[early] / plausible, formula)
    return Quantity(
        series=series,
        points=len(series),
        note=f"plausible is tau up to {plausible:g}, {known}; updates: {source}",
        tags=("debug/target_q_mean",),
    )


def _reached(facts: RunFacts, steps: IntArray, q1: FloatArray) -> FloatArray:
    """|Q| that the critic gives; the targets' actions are the policy's, so the policy's own Q counts, too."""
    reached = np.where(np.isfinite(q1), np.abs(q1), 0.0)
    actor_q = facts.series("debug/actor_q_mean")
    if actor_q is None:
        return reached
    a_steps, (values,) = align(actor_q)
    return np.maximum(reached, np.abs(np.interp(steps, a_steps, np.nan_to_num(values), left=0.0)))


def _reward_size(facts: RunFacts, steps: IntArray, mean: FloatArray) -> FloatArray:
    """Size of one reward: its mean, and a tenth of its spread where rewards of both signs cancel."""
    spread = facts.series("debug/reward_std")
    size = finite_median(np.abs(mean))
    if spread is not None:
        s_steps, (values,) = align(spread)
        size += 0.1 * finite_median(np.interp(steps, s_steps, values) if len(s_steps) else values)
    return np.maximum(np.abs(mean), size)


def _passes(rewards: FloatArray, gamma: float) -> FloatArray:
    """Return how many discounted rewards of size 1 add up to a value; infinite beyond their limit."""
    left = 1.0 - rewards * (1.0 - gamma)
    if gamma <= 0.0:
        return np.where(rewards > 1.0, np.inf, 1.0)
    return np.where(left > 0.0, np.log(np.maximum(left, 1e-300)) / np.log(gamma), np.inf)


def bootstrap_over_policy_q(facts: RunFacts) -> Quantity | Missing:
    """Value that the targets bootstrap from over the critic's Q of the policy's actions; at most about 1.

    Both are the same critic's values of the policy, at next states and at states; averaged targets lag behind. Targets
    that hold more than the critic says enlarge it with every update. While values fall, old targets may be larger.
    """
    found = facts.need(
        "debug/target_q_mean", "debug/reward_mean", "debug/effective_discount", "debug/actor_q_mean"
    )
    if isinstance(found, Missing):
        return found
    steps, (target, reward, effective, actor_q) = align(*found)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = np.where(effective > 0.1, (target - reward) / effective, np.nan) / actor_q
        size = np.maximum(LEARNED_REWARDS * _reward_size(facts, steps, reward), UNTRAINED_OUTPUT)
        learned = (np.abs(actor_q) > size) & np.isfinite(ratio)
    if learned.sum() < 5:
        return Missing(reason="values are too small for a ratio", not_applicable=True)
    magnitude = np.abs(actor_q[learned])
    if float(np.median(magnitude[-5:])) < 0.9 * float(np.quantile(magnitude, 0.95)):
        return Missing(reason="values fall, so that older targets are larger", not_applicable=True)
    formula = (
        "(debug/target_q_mean - debug/reward_mean) / debug/effective_discount / debug/actor_q_mean"
    )
    series = derived("bootstrap_over_policy_q", steps[learned], ratio[learned], formula)
    return Quantity(series=series, points=len(series), tags=("debug/target_q_mean",))
