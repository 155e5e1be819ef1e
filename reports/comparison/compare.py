"""Compares two judged runs check by check: what became better, what became worse, by how much."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum

from msgspec import Struct, field

from gates.findings import Finding, GateResult, Outcome
from gates.progress import EvaluationPoint
from gates.series import EventLog
from gates.text import ABSENT, format_number
from reports.context import ConfigChange
from reports.stage.sections.driving import DrivingView

_LARGEST_PERCENT = 10.0
"""Relative changes beyond this are written as a factor."""

_NEGLIGIBLE = 0.01


class ChangeKind(str, Enum):
    """What became of a check from run A to run B, by its outcome alone."""

    WORSE = "worse"
    BETTER = "better"
    UNDECIDED = "no longer decided"
    """It failed in A, and B does not hold enough to say whether it still does."""
    SAME = "same"
    ONLY_A = "only in A"
    ONLY_B = "only in B"
    UNCOUNTED = "not counted"
    """The outcome differs, and the check is a dry run in one of the runs."""


class ComparedRun(Struct, frozen=True, kw_only=True):
    """One of the two runs."""

    name: str
    """Its path as people should read it."""
    result: GateResult
    judged_now: bool
    """There was no stored verdict."""
    config: Mapping[str, object] | None
    """Resolved configuration with dotted keys; None when it is unknown."""
    log: EventLog | None
    """None when the events are not there any more."""
    evaluations: tuple[EvaluationPoint, ...]
    remark: str = ""
    """What the reader must know about it, one sentence."""
    driving: DrivingView | None = None
    """How it drove at the end; None where that is not known."""


class CheckChange(Struct, frozen=True, kw_only=True):
    """A check in both runs."""

    check: str
    title: str
    kind: ChangeKind
    a: Finding | None
    b: Finding | None

    @property
    def difference(self) -> float | None:
        """Value in B minus value in A; None without two finite values."""
        a, b = _value(self.a), _value(self.b)
        return None if a is None or b is None else b - a

    @property
    def relative(self) -> float | None:
        """Difference over the magnitude of the value in A; None where that is 0 or unknown."""
        a, difference = _value(self.a), self.difference
        return None if not a or difference is None else difference / abs(a)

    @property
    def toward_limit(self) -> bool | None:
        """Whether B is nearer to breaking the same limit, or further beyond it; None when unknown.

        Also None for a change of less than 1 %, which says nothing.
        """
        a, b, difference = self.a, self.b, self.difference
        if self.relative is not None and abs(self.relative) < _NEGLIGIBLE:
            return None
        if a is None or b is None or not difference or a.limit is None or a.limit != b.limit:
            return None
        if a.direction != b.direction or a.direction not in ("max", "min"):
            return None
        return (difference > 0) == (a.direction == "max")


class Comparison(Struct, frozen=True, kw_only=True):
    """Two runs and everything in which they differ."""

    a: ComparedRun
    b: ComparedRun
    checks: tuple[CheckChange, ...]
    """Worse, better, no longer decided, judged in one only, then the rest."""
    config_changes: tuple[ConfigChange, ...] = field(default_factory=tuple)

    def of_kind(self, *kinds: ChangeKind) -> tuple[CheckChange, ...]:
        """Return the checks of some kinds."""
        return tuple(change for change in self.checks if change.kind in kinds)

    @property
    def same_rules(self) -> bool:
        """Whether both verdicts were reached by the same rules."""
        return self.a.result.gate_sha256 == self.b.result.gate_sha256

    @property
    def config_known(self) -> bool:
        """Whether the configurations of both runs are known."""
        return self.a.config is not None and self.b.config is not None


def compare_runs(a: ComparedRun, b: ComparedRun) -> Comparison:
    """Compare two runs; A is the earlier one or the reference."""
    changes = [_change(*pair) for pair in paired_findings(a.result, b.result)]
    order = list(_ORDER)
    changes.sort(key=lambda change: (order.index(change.kind), -_severity(change)))
    return Comparison(a=a, b=b, checks=tuple(changes), config_changes=config_changes(a, b))


def paired_findings(
    a: GateResult, b: GateResult
) -> tuple[tuple[str, Finding | None, Finding | None], ...]:
    """Return each check with its findings in both results; the audit may use a name twice."""
    first, second = _by_key(a), _by_key(b)
    return tuple(
        (key[0], first.get(key), second.get(key)) for key in dict.fromkeys((*first, *second))
    )


def config_changes(a: ComparedRun, b: ComparedRun) -> tuple[ConfigChange, ...]:
    """Return the keys that differ; none when one of the configurations is unknown."""
    old, new = a.config, b.config
    if old is None or new is None:
        return ()
    return tuple(
        ConfigChange(key=key, before=old.get(key), after=new.get(key))
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    )


def change_text(change: CheckChange) -> str:
    """Say how much a value changed: `+12.5 (+30%)`, `+2.1e+06 (x 4,700)`."""
    difference = change.difference
    if difference is None:
        return ABSENT
    if difference == 0:
        return "0"
    sign = "+" if difference > 0 else ""
    return f"{sign}{format_number(difference)}{_relative_text(change)}"


def value_text(finding: Finding | None) -> str:
    """Write outcome and value of a finding: `FAIL 2.13e+06`."""
    if finding is None:
        return ABSENT
    parts = [finding.outcome.value]
    if finding.value is not None:
        parts.append(format_number(finding.value))
    return " ".join(parts)


def _relative_text(change: CheckChange) -> str:
    relative = change.relative
    if relative is None or not math.isfinite(relative):
        return ""
    if abs(relative) < _LARGEST_PERCENT:
        return f" ({'+' if relative > 0 else ''}{format_number(relative * 100, digits=2)}%)"
    a, b = _value(change.a), _value(change.b)
    if not a or b is None or b / a <= 0:
        return ""
    return f" (x {format_number(b / a, digits=3)})"


_ORDER = (
    ChangeKind.WORSE,
    ChangeKind.BETTER,
    ChangeKind.UNDECIDED,
    ChangeKind.ONLY_A,
    ChangeKind.ONLY_B,
    ChangeKind.UNCOUNTED,
    ChangeKind.SAME,
)


def _change(check: str, a: Finding | None, b: Finding | None) -> CheckChange:
    there = b or a
    title = there.title if there is not None else check
    return CheckChange(check=check, title=title, kind=_kind(a, b), a=a, b=b)


def _kind(a: Finding | None, b: Finding | None) -> ChangeKind:
    if a is None:
        return ChangeKind.ONLY_B
    if b is None:
        return ChangeKind.ONLY_A
    if a.outcome is b.outcome:
        return ChangeKind.SAME
    if a.dry_run or b.dry_run:
        return ChangeKind.UNCOUNTED
    if a.outcome is Outcome.FAIL and b.outcome is Outcome.INCONCLUSIVE:
        return ChangeKind.UNDECIDED
    return ChangeKind.WORSE if b.outcome.severity > a.outcome.severity else ChangeKind.BETTER


def _severity(change: CheckChange) -> int:
    return max((f.outcome.severity for f in (change.a, change.b) if f is not None), default=0)


def _value(finding: Finding | None) -> float | None:
    if finding is None or finding.value is None or not math.isfinite(finding.value):
        return None
    return float(finding.value)


def _by_key(result: GateResult) -> dict[tuple[str, int], Finding]:
    found: dict[tuple[str, int], Finding] = {}
    times: dict[str, int] = {}
    for finding in result.findings:
        number = times.get(finding.check, 0)
        times[finding.check] = number + 1
        found[(finding.check, number)] = finding
    return found
