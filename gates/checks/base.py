"""How a number becomes a finding: compared with levels, with NaN and too few points INCONCLUSIVE."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gates.checks.keys import CommonKeys, Patience, Side
from gates.facts.episodes import Missing
from gates.facts.run_facts import RunFacts
from gates.findings import Finding, Outcome
from gates.metrics import Reduced, first_breach, has_n_of_m
from gates.series import FloatArray, Series
from gates.text import as_sentence, in_words


@dataclass(frozen=True, kw_only=True)
class NotApplicable:
    """A check that makes no sense for this run; it is named in the result and never counted."""

    check: str
    title: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """What a check returns: a finding, or why it does not apply, and the series that it derived."""

    finding: Finding | NotApplicable
    series: Series | None = None


def missing(check: CommonKeys, facts: RunFacts, why: Missing, **numbers: Any) -> Outcomes:
    """Turn missing evidence into INCONCLUSIVE, or into a check that does not apply."""
    if why.not_applicable:
        return Outcomes(finding=NotApplicable(check=check.id, title=check.title, reason=why.reason))
    hint = f"; log {', '.join(why.tags)}" if why.tags else ""
    if why.tags and facts.before_first_actor_update:
        hint = f"; {facts.before_first_actor_update}"
    return Outcomes(
        finding=finding(
            check,
            outcome=Outcome.INCONCLUSIVE,
            reason=f"cannot be judged: {why.reason}{hint}.",
            required=is_required(check, facts),
            tag=why.tags[0] if why.tags else "",
            **numbers,
        )
    )


def is_required(check: CommonKeys, facts: RunFacts) -> bool:
    """Say whether missing evidence counts as a required finding for this run."""
    return check.required and not (check.optional_for_other_trainers and not facts.own_trainer)


def finding(
    check: CommonKeys,
    *,
    outcome: Outcome,
    reason: str,
    required: bool | None = None,
    **numbers: Any,
) -> Finding:
    """Build a finding with the check's own texts."""
    return Finding(
        check=check.id,
        title=check.title,
        outcome=outcome,
        required=check.required if required is None else required,
        reason=reason,
        rationale=check.rationale,
        group=check.group,
        dry_run=check.dry_run,
        live=check.live,
        **{"limit_source": check.source, **numbers},
    )


def judge_value(
    check: CommonKeys,
    facts: RunFacts,
    *,
    series: Series,
    whole: Series | None,
    reduced: Reduced,
    sides: tuple[Side, ...],
    subject: str,
    statistic: str,
    patience: Patience | None = None,
    points: int | None = None,
    note: str = "",
    unit: str = "",
    limit_source: str = "",
    tag: str = "",
) -> Finding:
    """Compare one reduced value with its levels; NaN and too few points are INCONCLUSIVE, never PASS.

    `series` holds the points in the window, `whole` those in which the first breach is looked for (None: nowhere).
    """
    count = reduced.points if points is None else points
    outcome, side, level = _worst(reduced, series.values, sides, patience)
    if outcome is not Outcome.FAIL:
        why = ""
        if reduced.nan_points:
            why = f"{reduced.nan_points} of {reduced.points} points are NaN"
        elif count < check.min_points:
            why = f"only {count} points, {check.min_points} are needed"
        elif np.isnan(reduced.value):
            why = "the result is not a number"
        if why:
            outcome, level = Outcome.INCONCLUSIVE, _first_level(side)
    breach = None
    if whole is not None and outcome in (Outcome.WARN, Outcome.FAIL):
        breach = first_breach(whole, lambda values: side.broken(values, level))
    first, last = reduced.first_step, reduced.last_step
    required = check.required
    if outcome is Outcome.INCONCLUSIVE:
        required = is_required(check, facts)
        reason = f"{subject} cannot be judged: {why}."
    else:
        text = f"{subject} is {in_words(reduced.value)} ({statistic})"
        reason = f"{text}, {_relation(outcome, side, level, last, breach, patience)}."
    return finding(
        check,
        outcome=outcome,
        reason=f"{reason} {as_sentence(note)}." if note else reason,
        required=required,
        value=reduced.value,
        limit=level if level is not None else _first_level(side),
        warn_limit=side.warn,
        direction=side.direction,
        statistic=f"{subject}: {statistic}",
        unit=unit,
        tag=tag or series.tag,
        on_axis=whole is not None,
        first_step=first,
        last_step=last,
        points=count,
        breach_step=breach,
        limit_source=limit_source or check.source,
        derived_from=series.derived_from,
    )


def _worst(
    reduced: Reduced, values: FloatArray, sides: tuple[Side, ...], patience: Patience | None
) -> tuple[Outcome, Side, float | None]:
    def breaks(side: Side, level: float | None) -> bool:
        if patience is not None:
            return has_n_of_m(side.broken(values, level), patience.breaches, patience.of)
        return bool(side.broken(np.array([reduced.value]), level)[0])

    for side in sides:
        if breaks(side, side.fail):
            return Outcome.FAIL, side, side.fail
    for side in sides:
        if breaks(side, side.warn):
            return Outcome.WARN, side, side.warn
    return Outcome.PASS, sides[0], None


def _first_level(side: Side) -> float | None:
    return side.fail if side.fail is not None else side.warn


def _relation(
    outcome: Outcome,
    side: Side,
    level: float | None,
    last: int | None,
    breach: int | None,
    patience: Patience | None,
) -> str:
    limit = level if level is not None else _first_level(side)
    if limit is None:
        return "without a level"
    if outcome is Outcome.PASS:
        relation = "within" if side.direction == "max" else "not below"
    else:
        relation = "above" if side.direction == "max" else "below"
    word = "the warning level" if outcome is Outcome.WARN else "the limit"
    text = f"{relation} {word} {in_words(limit)}"
    if patience and outcome is not Outcome.PASS:
        text += f" in {patience.breaches} of {patience.of} points"
    if breach is not None:
        return f"{text}, first at step {breach:,}"
    return text if last is None else f"{text} at step {last:,}"
