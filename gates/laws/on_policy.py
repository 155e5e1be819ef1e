"""Laws of PPO and A2C, which learn a stochastic policy from its own rollouts."""

from __future__ import annotations

from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.laws.quantity import Quantity, derived


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
