"""Judges stored runs again and explains every verdict that flips; writes nothing."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path

from flows.backtesting.labels import Label
from flows.errors import UsageError
from flows.records.stored_result import read_result
from gates.checks.gate_file import GateSpec, load_gate
from gates.errors import GatesError
from gates.findings import Finding, GateResult, Outcome, Verdict
from gates.judge import judge
from gates.verdict import decide
from reports.comparison.compare import paired_findings

_GRAVITY = {Verdict.GO: 0, Verdict.CONDITIONAL: 1, Verdict.NO_GO: 2}
_SECOND_READER = "independent_reader"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A stored run and by what it is judged again."""

    run: Path
    stage: str
    gate: str
    """Name of a shipped gate or path of a file."""
    against: str | None
    """Gate whose verdict is the one before; None takes the stored one."""
    stored: GateResult | None
    planned_steps: int | None
    config: Path | None = None
    label: Label | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Cause:
    """A check that made a verdict flip."""

    check: str
    title: str
    before: Finding | None
    """None when the earlier rules did not have the check, or it did not apply."""
    after: Finding | None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A run's verdict before and now."""

    case: Case
    before: GateResult | None
    after: GateResult | None
    """None when the run could not be judged."""
    problem: str = ""
    """Why it could not be judged, one sentence."""
    notes: tuple[str, ...] = ()

    @property
    def flipped(self) -> bool:
        """Whether there are two verdicts and they differ."""
        return (
            self.before is not None
            and self.after is not None
            and self.before.verdict is not self.after.verdict
        )

    @property
    def causes(self) -> tuple[Cause, ...]:
        """Return the checks that made the verdict flip; none when it did not."""
        if self.before is None or self.after is None:
            return ()
        return flip_causes(self.before, self.after)


def backtest(cases: Iterable[Case], *, jobs: int = 1) -> Iterator[Comparison]:
    """Judge each case and yield its comparison, in the order of the cases.

    Raises:
        UsageError: A process was killed.
    """
    if jobs == 1:
        yield from map(compare, cases)
        return
    pool = ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_leave_ctrl_c_to_the_caller)
    try:
        yield from pool.map(compare, cases)
    except BrokenProcessPool:
        raise UsageError(
            "A judging process was killed, most likely for lack of memory; use fewer --jobs."
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def compare(case: Case) -> Comparison:
    """Judge one case; what cannot be judged becomes a comparison with a problem."""
    notes = list(case.notes)
    try:
        baseline = _baseline(case, notes)
        after = _judged(case, case.gate, baseline)
        before = case.stored if case.against is None else _judged(case, case.against, baseline)
    except GatesError as error:
        return Comparison(
            case=case,
            before=case.stored,
            after=None,
            problem=" ".join(str(error).split()) + ".",
            notes=tuple(notes),
        )
    if case.against is None and before is not None and _hashes(before) != _hashes(after):
        notes.append("its event files are not those that were judged before")
    return Comparison(case=case, before=before, after=after, notes=tuple(notes))


def flip_causes(before: GateResult, after: GateResult) -> tuple[Cause, ...]:
    """Return the checks without which the verdict would not have flipped to what it is.

    To a graver verdict: those that alone demand it and did not before. To a milder one: those that
    alone demanded more than it.
    """
    change = _GRAVITY[after.verdict] - _GRAVITY[before.verdict]
    if change == 0:
        return ()
    causes = []
    for check, earlier, later in paired_findings(before, after):
        was, now = _demanded(earlier), _demanded(later)
        if change > 0 and now != _GRAVITY[after.verdict]:
            continue
        if (was < now) if change > 0 else (was > _GRAVITY[after.verdict]):
            finding = later or earlier
            title = finding.title if finding else ""
            causes.append(Cause(check=check, title=title, before=earlier, after=later))
    return tuple(causes)


def _judged(case: Case, gate: str, baseline: GateResult | None) -> GateResult:
    # A second reader takes many times as long; it matters where it disagreed before.
    disagreed = case.stored is not None and any(
        f.check == _SECOND_READER and f.outcome is not Outcome.PASS for f in case.stored.findings
    )
    return judge(
        case.run,
        gate=_gate(gate),
        stage=case.stage,
        planned_steps=case.planned_steps,
        config=case.config,
        cross_check=disagreed,
        baseline=baseline,
    ).result


@lru_cache(maxsize=32)
def _gate(reference: str) -> GateSpec:
    return load_gate(reference)


def _baseline(case: Case, notes: list[str]) -> GateResult | None:
    """Return the earlier GO that the stored judgement compared with; runs may have been moved."""
    told = case.stored.baseline if case.stored else ""
    if not told:
        return None
    for folder in (case.run.parent / Path(told).name, Path(told)):
        result = read_result(folder)
        if result is not None:
            return replace(result, run=told)
    notes.append(f"the run that it was compared with, {told}, is gone")
    return None


def _hashes(result: GateResult) -> list[str]:
    return sorted(str(entry.get("sha256", "")) for entry in result.inputs)


def _demanded(finding: Finding | None) -> int:
    """How grave a verdict one finding alone demands."""
    if finding is None or finding.dry_run:
        return 0
    return _GRAVITY[decide((finding,)).verdict]


def _leave_ctrl_c_to_the_caller() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
