"""Relative to another run: the same check's value in a baseline or in the last passed run of the recipe."""

from __future__ import annotations

import math
from typing import Literal

from gates.checks.base import Outcomes, judge_value, missing
from gates.checks.keys import TwoSided
from gates.facts.episodes import Missing
from gates.facts.run_facts import RunFacts
from gates.findings import Finding, GateResult, Verdict
from gates.metrics import Reduced, select
from gates.text import in_words


class RelativeCheck(TwoSided):
    """The value of another check changed little against the baseline; it does not apply without one."""

    type: Literal["relative"]
    check: str
    """Id of a check of the same gate whose value is compared."""
    change: Literal["ratio", "difference"] = "ratio"
    """How the change is counted: value / baseline, or value - baseline."""


def judge_relative(
    check: RelativeCheck, facts: RunFacts, *, own: Finding | None, baseline: GateResult | None
) -> Outcomes:
    """Compare with the baseline's finding of the same name."""
    if baseline is None:
        return missing(
            check, facts, Missing(reason="there is no baseline run", not_applicable=True)
        )
    if baseline.verdict is Verdict.NO_GO:
        reason = f"the baseline {baseline.run} is a NO_GO; a failed run is no measure"
        return missing(check, facts, Missing(reason=reason, not_applicable=True))
    theirs = next((f for f in baseline.findings if f.check == check.check), None)
    if theirs is None or theirs.value is None:
        reason = f"the baseline {baseline.run} has no value of {check.check}"
        return missing(check, facts, Missing(reason=reason, not_applicable=True))
    if own is None or own.value is None:
        return missing(check, facts, Missing(reason=f"this run has no value of {check.check}"))
    value = _change(check, own.value, theirs.value)
    reduced = Reduced(
        value=value,
        first_step=own.first_step,
        last_step=own.last_step,
        points=max(own.points, check.min_points),
        nan_points=int(math.isnan(value)),
    )
    series = facts.series(own.tag) or next(iter(facts.log.series.values()))
    return Outcomes(
        finding=judge_value(
            check,
            facts,
            series=select(series, slice(0, 0)),
            whole=None,
            reduced=reduced,
            sides=check.sides(),
            subject=f"{check.check} against the baseline",
            statistic=check.change,
            note=f"{in_words(own.value)} here, {in_words(theirs.value)} in {baseline.run}",
            tag=own.tag,
        )
    )


def _change(check: RelativeCheck, own: float, theirs: float) -> float:
    if check.change == "difference":
        return own - theirs
    return own / theirs if theirs != 0 else math.nan
