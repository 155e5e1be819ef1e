"""Laws of the losses that any trainer logs, and of what PPO, A2C and DQN log beside them."""

from __future__ import annotations

import numpy as np

from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.laws.quantity import Quantity, derived, of_run
from gates.series import FloatArray

_LOSSES = (
    "train/critic_loss",
    "train/actor_loss",
    "train/value_loss",
    "train/policy_loss",
    "train/loss",
)
_FEW = 10
"""Points from which equal values are no accident."""
NORMALISED = 10.0
"""Largest reward after the usual normalisation, which clips at ten standard deviations."""
_LONGEST = 1_000.0
"""1 / (1 - gamma) of the largest usual discount, where none is told."""


def value_error_over_range(facts: RunFacts) -> Quantity | Missing:
    """Root of the loss of the values, or of Q, over the range of honest values.

    That is the larger one of max|r| / (1 - gamma) and the largest |return| of an episode; rewards may be normalised, so
    that they count as 10 at least.
    """
    tag = "train/value_loss" if facts.series("train/value_loss") is not None else "train/loss"
    found, reward = facts.need(tag, "train/episode_reward"), facts.reward_abs_max
    if isinstance(found, Missing):
        return found
    if isinstance(reward, Missing):
        return reward
    loss, returns = found
    horizon = 1.0 / (1.0 - facts.gamma.value) if facts.gamma_told else _LONGEST
    largest = float(np.nanmax(np.abs(returns.values), initial=0.0))
    width = max(max(reward.value, NORMALISED) * horizon, largest)
    series = derived(
        "value_error_over_range",
        loss.steps,
        np.sqrt(np.abs(loss.values)) / width,
        f"root of {tag} / {width:.4g}",
    )
    return Quantity(series=series, points=len(loss), tags=(tag,))


def entropy_over_start(facts: RunFacts) -> Quantity | Missing:
    """Entropy of the policy over its first value; falls from 1 while the policy makes up its mind."""
    found = facts.need("train/entropy_loss")
    if isinstance(found, Missing):
        return found
    (loss,) = found
    entropy = -loss.values
    if facts.series("train/std") is not None or not entropy[0] > 0 or (entropy < 0).any():
        return Missing(reason="the entropy of continuous actions has no zero", not_applicable=True)
    values = entropy / entropy[0]
    series = derived(
        "entropy_over_start", loss.steps, values, "train/entropy_loss / its first value"
    )
    return Quantity(series=series, points=len(loss), tags=(loss.tag,))


def losses_stand_still(facts: RunFacts) -> Quantity | Missing:
    """Share of the logged values, up to the last one, that are equal to the last bit; of the loss that moves most."""
    found = [s for tag in _LOSSES if (s := facts.series(tag)) is not None and len(s) >= _FEW]
    if not found:
        reason = f"none of {', '.join(_LOSSES)} has {_FEW} logged values"
        return Missing(reason=reason, tags=_LOSSES, not_applicable=True)
    shares = [_equal_at_the_end(s.values) for s in found]
    least = int(np.argmin(shares))
    tags = ", ".join(s.tag for s in found)
    formula = f"equal values at the end / all values, least of {tags}"
    return of_run(
        "losses_stand_still", facts, shares[least], sum(map(len, found)), formula, found[least].tag
    )


def _equal_at_the_end(values: FloatArray) -> float:
    others = np.flatnonzero(~(values == values[-1]))
    return 1.0 - (int(others[-1]) + 1 if len(others) else 0) / len(values)
