"""Limits that are typed in: a series or a law stays below, above or between levels."""

from __future__ import annotations

from typing import Literal

from gates.checks.base import Outcomes, judge_value, missing
from gates.checks.keys import Patience, Tag, TwoSided, Window
from gates.facts.episodes import Missing
from gates.facts.run_facts import RunFacts
from gates.laws.table import LAW_WORDS, Law, evaluate
from gates.metrics import STATISTIC_WORDS, Statistic, reduce


class _OnSeries(TwoSided):
    statistic: Statistic = "median"
    """How the points in the window become one number."""
    window: Window = Window()
    """Points that are judged."""
    patience: Patience | None = None
    """Judge single points instead of the statistic: a level counts when N of M in a row break it."""


class LimitCheck(_OnSeries):
    """An absolute limit on one tag."""

    type: Literal["limit"]
    tag: Tag
    """Series to judge, one of docs/run-directory.md."""
    only_if_logged: bool = False
    """When the tag is absent the check does not apply, instead of being INCONCLUSIVE."""
    unit: str = ""
    """Unit of the value, for the report."""


class ConsistencyCheck(_OnSeries):
    """A law that holds for every correctly wired run, computed from several tags."""

    type: Literal["consistency"]
    law: Law
    """Quantity to judge; docs/gates.md lists them."""


def judge_limit(check: LimitCheck, facts: RunFacts) -> Outcomes:
    """Judge an absolute limit."""
    series = facts.series(check.tag)
    if series is None:
        why = f"{check.tag} is not logged"
        return missing(
            check,
            facts,
            Missing(reason=why, tags=(check.tag,), not_applicable=check.only_if_logged),
        )
    cut = check.window.cut(series, check.min_points)
    return Outcomes(
        finding=judge_value(
            check,
            facts,
            series=cut,
            whole=series,
            reduced=reduce(cut, check.statistic),
            sides=check.sides(),
            patience=check.patience,
            subject=check.tag,
            statistic=f"{STATISTIC_WORDS[check.statistic]} {check.window.words()}",
            note=f"derived: {series.derived_from}" if series.derived_from else "",
            unit=check.unit,
        )
    )


def judge_consistency(check: ConsistencyCheck, facts: RunFacts) -> Outcomes:
    """Judge a law."""
    quantity = evaluate(check.law, facts)
    if isinstance(quantity, Missing):
        return missing(check, facts, quantity)
    if quantity.whole_run:
        cut, statistic = quantity.series, "over the whole run"
    else:
        cut = check.window.cut(quantity.series, check.min_points)
        statistic = f"{STATISTIC_WORDS[check.statistic]} {check.window.words()}"
    found = judge_value(
        check,
        facts,
        series=cut,
        whole=None if quantity.whole_run else quantity.series,
        reduced=reduce(cut, check.statistic),
        sides=check.sides(),
        patience=None if quantity.whole_run else check.patience,
        points=quantity.points if quantity.whole_run else None,
        subject=LAW_WORDS[check.law],
        statistic=statistic,
        note=quantity.note,
        limit_source=f"{check.source}; {quantity.series.derived_from}",
        # One value for the whole run is no line in a plot: its source is shown in its place.
        tag=quantity.tags[0] if quantity.whole_run and quantity.tags else "",
    )
    return Outcomes(finding=found, series=None if quantity.whole_run else quantity.series)
