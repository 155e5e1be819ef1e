"""Laws of the targets: how fast they follow the critic, and whether they hold what the critic says."""

from __future__ import annotations

import numpy as np

from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.laws.quantity import Quantity, derived, of_run
from gates.metrics import align, finite_median
from gates.series import FloatArray, IntArray

EARLY_UPDATES = 3000
"""Updates in which values grow fast enough to show how far the targets lag behind."""
LARGEST_TAU = 0.05
UNTRAINED_OUTPUT = 0.3
"""Size of an untrained Q."""
LEARNED_REWARDS = 3.0
"""Rewards that a value must be worth before it counts as learned."""
RATES = np.geomspace(1e-5, 1.0, 41)
"""Averaging rates per update that are tried."""
SAME_SIZE = (0.5, 1.3)
"""Next states' value by the smaller target critic over the states' value by the critic: how far both may differ."""
LEARNED = 3.0
"""Times the untrained value from which a value shows what was learned."""
AS_GOOD, AS_GOOD_BEYOND = 1.5, 0.03
"""Rates explain the run as well as the best one up to this factor of its error, and this much beside it."""
MANY_TERMINAL = 0.1
"""Share of terminal transitions above which next states may be worth a tenth more than states."""
GOOD_FIT = 0.1
"""Relative error above which no rate describes the targets, so that none can be read off."""


def target_network_speed(facts: RunFacts) -> Quantity | Missing:
    """Smallest averaging rate that explains how the targets follow the critic, over the largest plausible one.

    Averaged targets are a moving average of the critic. Each rate of a grid predicts, from the Q of the policy's
    actions, the value that the targets bootstrap from; rates whose error is near the smallest one explain the run.
    """
    found = facts.need(
        "debug/target_q_mean",
        "debug/reward_mean",
        "debug/effective_discount",
        "debug/actor_q_mean",
    )
    if isinstance(found, Missing):
        return found
    steps, (target, reward, effective, actor_q) = align(*found)
    updates, source = facts.updates_at(steps)
    if facts.series("agent/total_updates") is None and len(steps):
        # A schedule that was not applied must not make the targets look quick: one update a step is the usual most.
        updates = np.maximum(updates, steps - steps[0] + 1.0)
    early = (updates <= EARLY_UPDATES) & (effective > 0.1) & np.isfinite(actor_q + target + reward)
    if early.sum() < 8:
        reason = f"fewer than 8 of the first {EARLY_UPDATES:,} updates show a bootstrapped value"
        return Missing(reason=reason, not_applicable=True)
    size = np.abs(smooth(actor_q[early]))
    if size.max() < LEARNED * max(size[0], UNTRAINED_OUTPUT):
        reason = f"in the first {EARLY_UPDATES:,} updates no value grew well above an untrained one"
        return Missing(reason=reason, not_applicable=True)
    bootstrap = (target[early] - reward[early]) / effective[early]
    errors = lag_errors(np.maximum(updates[early], 1.0), actor_q[early], bootstrap)
    best = float(errors.min())
    if not best <= GOOD_FIT:
        reason = f"no rate describes how the targets follow the critic (relative error {best:.2f})"
        return Missing(reason=reason, not_applicable=True)
    tau = float(RATES[errors <= AS_GOOD * best + AS_GOOD_BEYOND][0])
    configured = _rate_per_update(facts)
    plausible = LARGEST_TAU if configured is None else 4.0 * configured
    known = "above every published recipe" if configured is None else f"4 x {configured:g}"
    formula = f"smallest tau per update that explains the targets / {plausible:g}"
    return of_run(
        "target_network_speed",
        facts,
        tau / plausible,
        int(early.sum()),
        formula,
        "debug/target_q_mean",
        f"tau is at least {tau:.2g} per update; plausible is up to {plausible:g}, {known}; updates: {source}",
    )


def _rate_per_update(facts: RunFacts) -> float | None:
    """Configured tau, spread over the updates between two target updates; None when it is not known."""
    tau = facts.run.number("tau") if facts.run else None
    delay = facts.run.number("policy_delay") if facts.run else None
    return None if tau is None else 1.0 - (1.0 - tau) ** (1.0 / max(1.0, delay or 1.0))


def lag_errors(updates: FloatArray, critic: FloatArray, bootstrap: FloatArray) -> FloatArray:
    """Return for each of `RATES` the relative error of a moving average of the critic as the targets' value.

    Args:
        updates: `float[n]`, critic updates done.
        critic: `float[n]`, Q of the policy's actions.
        bootstrap: `float[n]`, the value that the targets hold beside the reward.
    """
    level = smooth(critic)
    # What a batch happens to hold moves both values alike and says nothing about the lag.
    luck = critic - level
    lagging = moving_averages(updates, level, RATES)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.nan_to_num((lagging @ bootstrap) / (lagging**2).sum(axis=1), nan=1.0)
        rest = bootstrap - np.clip(factor, *SAME_SIZE)[:, None] * lagging
        share = np.nan_to_num((rest @ luck) / (luck @ luck))
    rest -= np.clip(share, 0.0, 1.5)[:, None] * luck
    size = float(np.sqrt(np.mean(bootstrap**2)))
    return np.asarray(np.sqrt(np.mean(rest**2, axis=1)) / max(size, 1e-12), dtype=np.float64)


def moving_averages(updates: FloatArray, level: FloatArray, rates: FloatArray) -> FloatArray:
    """Return what follows a value at each averaging rate per update, from its first value on: `float[rates, n]`."""
    lagging = np.empty((len(rates), len(level)))
    average = np.full(len(rates), level[0])
    before = level[0]
    for index, (value, passed) in enumerate(
        zip(level, np.diff(updates, prepend=updates[0]), strict=True)
    ):
        average = average + (1.0 - (1.0 - rates) ** passed) * ((before + value) / 2.0 - average)
        lagging[:, index], before = average, value
    return lagging


def smooth(values: FloatArray) -> FloatArray:
    """Return the running median of five."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, 2, mode="edge"), 5)
    return np.asarray(np.median(windows, axis=1), dtype=np.float64)


def _reward_size(facts: RunFacts, steps: IntArray, mean: FloatArray) -> FloatArray:
    """Size of one reward: its mean, and a tenth of its spread where rewards of both signs cancel."""
    spread = facts.series("debug/reward_std")
    size = finite_median(np.abs(mean))
    if spread is not None:
        s_steps, (values,) = align(spread)
        size += 0.1 * finite_median(np.interp(steps, s_steps, values) if len(s_steps) else values)
    return np.maximum(np.abs(mean), size)


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
    done = facts.series("debug/done_ratio")
    if done is not None and finite_median(done.values) > MANY_TERMINAL:
        reason = "episodes of a few steps: next states are worth more, or less, than states"
        return Missing(reason=reason, not_applicable=True)
    magnitude = np.abs(actor_q[learned])
    if float(np.median(magnitude[-5:])) < 0.9 * float(np.quantile(magnitude, 0.95)):
        return Missing(reason="values fall, so that older targets are larger", not_applicable=True)
    formula = (
        "(debug/target_q_mean - debug/reward_mean) / debug/effective_discount / debug/actor_q_mean"
    )
    series = derived("bootstrap_over_policy_q", steps[learned], ratio[learned], formula)
    return Quantity(series=series, points=len(series), tags=("debug/target_q_mean",))
