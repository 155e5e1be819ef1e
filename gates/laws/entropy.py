"""Laws of SAC: what the entropy adds to actor loss and targets, and how its temperature is chosen."""

from __future__ import annotations

import numpy as np

from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.laws.quantity import Quantity, derived, of_run
from gates.laws.witness import measured, of_tag
from gates.metrics import align, finite_median

LEARNED = "auto"
"""A configured temperature that begins so is trained."""

entropy_in_targets = of_tag("entropy_in_targets", "bellman/entropy_weight")
entropy_in_actor_loss = of_tag("entropy_in_actor_loss", "policy/entropy_weight")
q_in_actor_loss = of_tag("q_in_actor_loss", "policy/q_weight")
log_prob_error = of_tag("log_prob_error", "bellman/log_prob_error")


def temperature_moves(facts: RunFacts) -> Quantity | Missing:
    """Spread of the temperature over its size, where it is configured to be trained; exactly 0 when nothing does."""
    found = facts.need("train/ent_coef")
    if isinstance(found, Missing):
        return found
    if not _is_trained(facts):
        reason = "the temperature is not configured to be trained"
        return Missing(reason=reason, not_applicable=True)
    values = found[0].values[np.isfinite(found[0].values)]
    if len(values) < 2:
        return Missing(reason="fewer than two temperatures are logged", not_applicable=True)
    spread = float(np.ptp(values)) / max(float(np.abs(values).max()), 1e-12)
    formula = "(max - min) / max of train/ent_coef"
    return of_run("temperature_moves", facts, spread, len(values), formula, "train/ent_coef")


def temperature_direction(facts: RunFacts) -> Quantity | Missing:
    """Sum of d log(alpha) (target - entropy) over that of absolute values: 1 where alpha follows, -1 where it flees.

    d is the change between two logged updates, the entropy the mean of both.
    """
    found = facts.need("train/ent_coef", "policy/entropy")
    target = facts.run.number("target_entropy") if facts.run is not None else None
    if isinstance(found, Missing):
        return found
    if target is None or not _is_trained(facts):
        reason = "no temperature is trained towards a known entropy"
        return Missing(reason=reason, not_applicable=True)
    steps, (temperature, entropy) = align(*found)
    if len(steps) < 3 or not (temperature > 0).all():
        return Missing(reason="fewer than three temperatures above 0", not_applicable=True)
    work = np.diff(np.log(temperature)) * (target - (entropy[1:] + entropy[:-1]) / 2.0)
    size = float(np.abs(work).sum())
    if not size > 0:
        return Missing(reason="the temperature does not change", not_applicable=True)
    formula = "sum d log(train/ent_coef) (target - policy/entropy) / sum of the absolute values"
    value = float(work.sum()) / size
    return of_run("temperature_direction", facts, value, len(work), formula, "train/ent_coef")


def entropy_target_in_reach(facts: RunFacts) -> Quantity | Missing:
    """Configured target entropy over the largest one that actions in [-1, 1] can have, log 2 for each entry."""
    found, run = facts.need("train/ent_coef"), facts.run
    if isinstance(found, Missing):
        return found
    target = run.number("target_entropy") if run is not None else None
    entries = run.env.get("action_dim") if run is not None else None
    if target is None or not isinstance(entries, int) or entries < 1 or not _is_trained(facts):
        reason = "target entropy or length of the actions is not known"
        return Missing(reason=reason, not_applicable=True)
    share = target / (entries * float(np.log(2.0)))
    formula = "target_entropy / (action_dim log 2)"
    points = len(found[0])
    return of_run("entropy_target_in_reach", facts, share, points, formula, "train/ent_coef")


def entropy_over_reward(facts: RunFacts) -> Quantity | Missing:
    """Entropy bonus of a step over the size of a reward, |alpha H| / (|mean r| + std r).

    Does not apply while the temperature is trained: it begins high on purpose and falls.
    """
    tags = ("train/ent_coef", "policy/entropy", "debug/reward_mean", "debug/reward_std")
    found = measured(facts, *tags)
    if isinstance(found, Missing):
        return found
    if _is_trained(facts):
        return Missing(reason="the temperature is trained", not_applicable=True)
    steps, (temperature, entropy, mean, std) = align(*found)
    if not len(steps):
        return Missing(reason="no update has all of these tags", not_applicable=True)
    if float(np.ptp(temperature)) > 0:
        return Missing(reason="the temperature changes", not_applicable=True)
    size = finite_median(np.abs(mean)) + finite_median(std)
    if not size > 0:
        return Missing(reason="no batch holds a reward that is not 0", not_applicable=True)
    formula = "|train/ent_coef x policy/entropy| / (|debug/reward_mean| + debug/reward_std)"
    series = derived("entropy_over_reward", steps, np.abs(temperature * entropy) / size, formula)
    return Quantity(series=series, points=len(steps), tags=("train/ent_coef",))


def _is_trained(facts: RunFacts) -> bool:
    configured = facts.run.train.get("ent_coef") if facts.run is not None else None
    return isinstance(configured, str) and configured.startswith(LEARNED)
