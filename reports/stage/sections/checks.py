"""The rows of the table of checks: gravest first, each value with how it was taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from gates.findings import Finding, GateResult, Outcome, Side, Verdict
from gates.text import (
    ABSENT,
    format_count,
    format_limit,
    format_number,
    format_pair,
    format_range,
)
from reports.context import PreviousRun

_SIGN = {"max": "≤ ", "min": "≥ "}
_FAIL_SIGN = {"max": "fails above", "min": "fails below"}
_WARN_SIGN = {"max": "warns above", "min": "warns below"}


class CheckRow(Struct, frozen=True, kw_only=True):
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
    """The limit with every factor when it was derived from the run, else where it comes from."""
    footnote: str
    """Where the numbers of a derived limit come from, and what the series was derived from."""
    last_go: str
    """Value of the same check in the last run of the stage that ended GO."""


def ordered(result: GateResult) -> tuple[Finding, ...]:
    """Sort findings by severity, required before advisory, the one that decided before its equals.

    Dry runs come last, whatever they say; the order of the gate is kept otherwise.
    """

    def key(finding: Finding) -> tuple[bool, int, bool, bool]:
        decided = finding is result.deciding_finding
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
    origin = finding.limit_origin
    notes = [*origin.inputs, finding.limit_source] if origin is not None else []
    if finding.derived_from:
        notes.append(f"derived from {finding.derived_from}")
    return CheckRow(
        finding=finding,
        outcome="BY RULE" if finding.ended_early else finding.outcome.value,
        kind=kind_of(finding),
        title=finding.title,
        value=value if finding.value is None else _with_unit(value, finding.unit),
        statistic=_statistic(finding),
        limit=_limit(finding, limit),
        limit_source=_limit_source(finding),
        footnote="; ".join(notes),
        last_go=format_number(earlier.value) if earlier is not None else ABSENT,
    )


def _with_unit(text: str, unit: str) -> str:
    return text if unit in ("", "1", "value", "share", "norm", "ratio") else f"{text} {unit}"


def _statistic(finding: Finding) -> str:
    if finding.value is None or finding.outcome is Outcome.INCONCLUSIVE:
        return finding.reason
    parts = [finding.statistic, format_range(finding.first_step, finding.last_step)]
    if finding.points:
        parts.append(f"n = {format_count(finding.points)}")
    return ", ".join(part for part in parts if part) or ABSENT


def _limit(finding: Finding, text: str) -> str:
    """Write what the value was compared with: the level that was broken, or all levels."""
    if finding.limit is None:
        return ABSENT
    if finding.outcome is Outcome.FAIL or not finding.direction:
        return _SIGN.get(finding.direction, "") + text
    if finding.outcome is Outcome.WARN:
        return _SIGN[finding.direction] + text + _fails_at(finding)
    return ", ".join(_side(side) for side in _sides(finding))


def _sides(finding: Finding) -> tuple[Side, ...]:
    """Return all levels; results of earlier versions hold one side only."""
    if finding.sides or not finding.direction:
        return finding.sides
    direction: Literal["max", "min"] = "max" if finding.direction == "max" else "min"
    return (Side(direction=direction, warn=finding.warn_limit, fail=finding.limit),)


def _side(side: Side) -> str:
    warns = "" if side.warn is None else f"{_WARN_SIGN[side.direction]} {format_limit(side.warn)}"
    if side.fail is None:
        return warns
    limit = _SIGN[side.direction] + format_limit(side.fail)
    return f"{limit} ({warns})" if warns and side.warn != side.fail else limit


def _fails_at(finding: Finding) -> str:
    """Add the level that FAIL starts at to the one that warned."""
    for side in finding.sides:
        if side.direction == finding.direction and side.fail not in (None, finding.limit):
            return f" ({_FAIL_SIGN[side.direction]} {format_limit(side.fail)})"
    return ""


def _limit_source(finding: Finding) -> str:
    """Write a derived limit so that it can be repeated, with every factor."""
    origin = finding.limit_origin
    if finding.limit is None or origin is None:
        return finding.limit_source if finding.limit is not None else ""
    factor = "" if origin.factor == 1.0 else f"{format_number(origin.factor)} x "
    return f"{factor}{origin.formula} = {factor}{origin.numbers}"
