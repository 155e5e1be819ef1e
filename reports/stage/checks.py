"""The rows of the table of checks: gravest first, each value with how it was taken."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gates.findings import Finding, GateResult, Outcome, Verdict
from reports.context import PreviousRun
from reports.text.numbers import (
    ABSENT,
    format_count,
    format_limit,
    format_number,
    format_pair,
    format_range,
)

_SIGN = {"max": "≤ ", "min": "≥ "}
_WARN_SIGN = {"max": "warns above", "min": "warns below"}


@dataclass(frozen=True, kw_only=True)
class CheckRow:
    """One check as the tables show it; all fields are unescaped text."""

    finding: Finding
    outcome: str
    kind: str
    """`required`, `advisory`, or `dry run` when it is shown and not counted."""
    title: str
    value: str
    statistic: str
    """How the value was reduced, over which steps, from how many points; why there is none."""
    limit: str
    limit_source: str
    """Where the limit comes from, its first clause."""
    footnote: str
    """The rest of it, and what the series was derived from."""
    last_go: str
    """Value of the same check in the last run of the stage that ended GO."""


def ordered(result: GateResult) -> tuple[Finding, ...]:
    """Sort findings by severity, required before advisory, the one that decided before its equals.

    Dry runs come last, whatever they say; the order of the gate is kept otherwise.
    """

    def key(finding: Finding) -> tuple[bool, int, bool, bool]:
        decided = f"{finding.title}: {finding.reason}" == result.deciding
        return (finding.dry_run, -finding.outcome.severity, not finding.required, not decided)

    return tuple(sorted(result.findings, key=key))


def kind_of(finding: Finding) -> str:
    """Say how a check counts."""
    if finding.dry_run:
        return "dry run"
    return "required" if finding.required else "advisory"


def last_go(previous: Sequence[PreviousRun]) -> PreviousRun | None:
    """Return the newest earlier run that ended GO; a failed run is no reference."""
    return next((run for run in reversed(previous) if run.result.verdict is Verdict.GO), None)


def check_rows(result: GateResult, previous: Sequence[PreviousRun]) -> tuple[CheckRow, ...]:
    """Return one row for each check, gravest first."""
    reference = last_go(previous)
    earlier = {f.check: f for f in reference.result.findings} if reference is not None else {}
    return tuple(_row(finding, earlier.get(finding.check)) for finding in ordered(result))


def _row(finding: Finding, earlier: Finding | None) -> CheckRow:
    value, limit = format_pair(finding.value, finding.limit)
    source, _, rest = finding.limit_source.partition("; ")
    derived = f"derived from {finding.derived_from}" if finding.derived_from else ""
    if finding.derived_from and finding.derived_from in rest:
        rest = ""
    return CheckRow(
        finding=finding,
        outcome=finding.outcome.value,
        kind=kind_of(finding),
        title=finding.title,
        value=value if finding.value is None else _with_unit(value, finding.unit),
        statistic=_statistic(finding),
        limit=_limit(finding, limit),
        limit_source=source if finding.limit is not None else "",
        footnote="; ".join(part for part in (rest, derived) if part),
        last_go=format_number(earlier.value) if earlier is not None else ABSENT,
    )


def _with_unit(text: str, unit: str) -> str:
    return text if unit in ("", "1", "value", "share", "norm", "ratio") else f"{text} {unit}"


def _statistic(finding: Finding) -> str:
    if finding.value is None:
        return finding.reason
    parts = [finding.statistic, format_range(finding.first_step, finding.last_step)]
    if finding.points:
        parts.append(f"n = {format_count(finding.points)}")
    return ", ".join(part for part in parts if part) or ABSENT


def _limit(finding: Finding, text: str) -> str:
    if finding.limit is None:
        return ABSENT
    limit = _SIGN.get(finding.direction, "") + text
    warn = finding.warn_limit
    if warn is None or not math.isfinite(warn) or warn == finding.limit:
        return limit
    if finding.outcome is Outcome.WARN or finding.direction not in _WARN_SIGN:
        return limit
    return f"{limit} ({_WARN_SIGN[finding.direction]} {format_limit(warn)})"
