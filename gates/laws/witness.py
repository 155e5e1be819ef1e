"""Laws of the batch against the environment: what was stored is what happened, and the networks answer to it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.laws.quantity import Quantity, derived, of_run
from gates.metrics import align
from gates.series import Series

ANSWERS = 1e-6
"""Relative change of Q from which a network sees an input; rounding gives 1e-7."""
EXPLORES = 1e-4
"""Configured noise above which it can be looked for."""
KINDS = ("vector", "camera")


def measured(facts: RunFacts, *tags: str) -> tuple[Series, ...] | Missing:
    """Return evidence tags; a law does not apply to a trainer that does not promise to measure them."""
    found = facts.need(*tags)
    if isinstance(found, Missing) and not (facts.run is not None and facts.run.evidence):
        return Missing(reason=found.reason, tags=found.tags, brief=found.brief, not_applicable=True)
    return found


def any_of(facts: RunFacts, *tags: str) -> tuple[Series, ...] | Missing:
    """Return those of some evidence tags that are logged; missing where none is."""
    found = tuple(series for tag in tags if (series := facts.series(tag)) is not None)
    return found or measured(facts, *tags)


def of_tag(name: str, tag: str) -> Callable[[RunFacts], Quantity | Missing]:
    """Make the quantity that is an evidence tag itself."""

    def quantity(facts: RunFacts) -> Quantity | Missing:
        found = measured(facts, tag)
        if isinstance(found, Missing):
            return found
        steps, (values,) = align(found[0])
        return Quantity(series=derived(name, steps, values, tag), points=len(steps), tags=(tag,))

    return quantity


reward_moved = of_tag("reward_moved", "replay/reward_moved")
reward_error = of_tag("reward_error", "replay/reward_error")
terminated_error = of_tag("terminated_error", "replay/terminated_error")
action_error = of_tag("action_error", "replay/action_error")
exploration_side = of_tag("exploration_side", "env/exploration_side")


def draws_uneven(facts: RunFacts) -> Quantity | Missing:
    """Distance of a batch's distribution over the replay from an even one, less what chance gives; 0 for even draws.

    Assumes that transitions are drawn evenly, with replacement. Then the distance of Kolmogorov (1933) is
    0.869 / sqrt(batch) on average.
    """
    found = measured(facts, "replay/unevenness")
    if isinstance(found, Missing):
        return found
    logged = facts.series("agent/batch_size")
    batch = facts.run.number("batch_size") if facts.run else None
    if logged is not None and logged.values.min() > 0:
        batch = float(logged.values.min())
    if batch is None:
        return Missing(reason="the batch size is not configured", not_applicable=True)
    steps, (values,) = align(found[0])
    series = derived(
        "draws_uneven",
        steps,
        values - 0.869 / batch**0.5,
        "replay/unevenness - 0.869 / sqrt(batch)",
    )
    return Quantity(series=series, points=len(steps), tags=("replay/unevenness",))


def obs_error(facts: RunFacts) -> Quantity | Missing:
    """Share of transitions whose observation, or next observation, is not the environment's; the larger of both."""
    found = measured(facts, "replay/obs_error")
    if isinstance(found, Missing):
        return found
    steps, (values,) = align(found[0])
    following = facts.series("replay/next_obs_error")
    if following is not None:
        at, (others,) = align(following)
        values = np.maximum(values, np.interp(steps, at, others))
    formula = "max(replay/obs_error, replay/next_obs_error)"
    series = derived("obs_error", steps, values, formula)
    return Quantity(series=series, points=len(steps), tags=("replay/obs_error",))


def obs_change(facts: RunFacts) -> Quantity | Missing:
    """Mean |next_obs - obs| of the batches over that of the environment's steps; the smaller one of its kinds.

    Assumes that the buffer's steps change about as much as the newest ones. A next observation that is the observation
    gives 0.
    """
    ratios: list[float] = []
    points = 0
    if isinstance(absent := any_of(facts, *(f"env/{kind}_change" for kind in KINDS)), Missing):
        return absent
    for kind in KINDS:
        pair = facts.need(f"replay/{kind}_change", f"env/{kind}_change")
        if isinstance(pair, Missing):
            continue
        _, (stored, fresh) = align(*pair)
        if len(fresh) and float(np.median(fresh)) > 0:
            ratios.append(float(np.median(stored)) / float(np.median(fresh)))
            points = len(fresh)
    if not ratios:
        reason = (
            "observations do not change in the environment, or no batch holds a step that goes on"
        )
        return Missing(reason=reason, not_applicable=True)
    formula = "median replay/*_change / median env/*_change"
    return of_run("obs_change", facts, min(ratios), points, formula, "replay/vector_change")


def kinds_that_vary(facts: RunFacts) -> Quantity | Missing:
    """Share of the kinds of observation (vector, camera) that differ within batches.

    Assumes that a task's observations vary; those of a bandit do not.
    """
    return _share(facts, "kinds_that_vary", tuple(f"replay/{kind}_std" for kind in KINDS), 0.0)


def kinds_that_q_sees(facts: RunFacts) -> Quantity | Missing:
    """Share of the kinds of observation that change Q when they are another row's."""
    return _share(facts, "kinds_that_q_sees", tuple(f"sees/q_{kind}" for kind in KINDS), ANSWERS)


def q_sees_action(facts: RunFacts) -> Quantity | Missing:
    """Largest relative change of Q when the replayed action is another row's."""
    found = measured(facts, "sees/q_action")
    if isinstance(found, Missing):
        return found
    values = found[0].values[np.isfinite(found[0].values)]
    if not len(values):
        return Missing(reason="sees/q_action is not finite", tags=("sees/q_action",))
    formula = "largest sees/q_action"
    return of_run(
        "q_sees_action", facts, float(values.max()), len(values), formula, "sees/q_action"
    )


def _share(facts: RunFacts, name: str, tags: tuple[str, ...], level: float) -> Quantity | Missing:
    found = any_of(facts, *tags)
    if isinstance(found, Missing):
        return found
    found = tuple(series for series in found if np.isfinite(series.values).any())
    if not found:
        return Missing(reason=f"{tags[0]} is not finite", tags=tags)
    largest = [float(np.nanmax(np.where(np.isfinite(s.values), s.values, np.nan))) for s in found]
    value = float(np.mean([size > level for size in largest]))
    note = ", ".join(f"{s.tag} reaches {size:.3g}" for s, size in zip(found, largest, strict=True))
    return of_run(name, facts, value, len(found[0]), "largest of each", found[0].tag, note)


def exploration_over_configured(facts: RunFacts) -> Quantity | Missing:
    """Mean distance of the actions that the environment received from the policy's, over the configured noise.

    Normal noise gives 0.8, and less where actions are clipped to their range.
    """
    pair = measured(facts, "env/exploration", "agent/exploration_noise")
    if isinstance(pair, Missing):
        return pair
    steps, (real, configured) = align(*pair)
    noisy = configured > EXPLORES
    if not noisy.any():
        return Missing(reason="no exploration noise is configured", not_applicable=True)
    formula = "env/exploration / agent/exploration_noise"
    series = derived("exploration", steps[noisy], real[noisy] / configured[noisy], formula)
    return Quantity(series=series, points=len(series), tags=("env/exploration",))
