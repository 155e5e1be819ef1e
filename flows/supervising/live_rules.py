"""Judges a run while it trains: the gate's live checks on the growing log, with patience."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flows.settings.supervision import LiveSettings
from gates.checks.keys import Window
from gates.checks.limit import LimitCheck
from gates.checks.presence import FiniteCheck
from gates.dialects import Dialect, choose_dialect, translate
from gates.event_tail import EventTail, join
from gates.facts import UPDATE_TAGS, RunFacts
from gates.findings import Finding, Outcome, Verdict
from gates.run_checks import run_checks
from gates.run_info import RunInfo, load_run_info
from gates.series import EventLog
from gates.spec import AnyCheck, GateSpec
from gates.verdict import decide


@dataclass(frozen=True, kw_only=True)
class LiveVerdict:
    """What the live checks say now."""

    verdict: Verdict
    deciding: str
    """The one sentence that decided."""
    step: int
    """Environment step of the newest logged update."""
    lost: Finding | None = None
    """The required check that has failed for so long that the run is lost; None while there is hope."""

    @property
    def text(self) -> str:
        """The verdict for a line of progress."""
        if self.verdict is Verdict.GO:
            return "live checks pass"
        return f"if the gate ran now: {self.verdict.value} because {self.deciding}"


class LiveGate:
    """Follows one run's event files; nothing is read twice.

    A check whose evidence is not there yet says nothing: only what already failed can be seen
    early. A run is lost when the same required check failed in several judgements in a row, over
    several logged updates, so that neither noise nor a young run's first values stop it; or at once
    when nothing that is logged later can undo the failure (`irrevocable`).
    """

    def __init__(
        self,
        run: Path,
        *,
        gate: GateSpec,
        stage: str,
        planned_steps: int,
        settings: LiveSettings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run = run
        self._gate = gate
        self._stage = stage
        self._planned_steps = planned_steps
        self._settings = settings
        self._clock = clock
        self._tail = EventTail(run)
        self._log: EventLog | None = None
        self._run_info: RunInfo | None = None
        self._dialect: Dialect | None = None
        self._tags_seen = 0
        self._due = clock()
        self._costs: deque[float] = deque(maxlen=3)
        self._judged_updates = 0
        self._failing: dict[str, _Failing] = {}
        self._irrevocable = {check.id for check in gate.checks if irrevocable(check)}
        self.newest: LiveVerdict | None = None
        """The verdict of the last judgement."""
        self.broken = ""
        """Why the run could not be judged the last time; empty when it could."""

    def judge_when_due(self) -> LiveVerdict | None:
        """Judge the run if it is time and something was logged; returns the verdict when it did.

        Whatever goes wrong here is kept in `broken`: watching must never end what it watches.
        """
        started = self._clock()
        if started < self._due or self._settings.mode == "off":
            return None
        try:
            verdict = self._judge()
            self.broken = ""
        except Exception as error:
            self.broken = f"{type(error).__name__}: {error}"
            verdict = None
        now = self._clock()
        self._costs.append(now - started)
        # The first judgements load what later ones have at hand; a busy machine slows single ones.
        cost = min(self._costs) if len(self._costs) == self._costs.maxlen else 0.0
        self._due = now + max(self._settings.every_s, cost / self._settings.most_share)
        self.newest = verdict or self.newest
        return verdict

    def _judge(self) -> LiveVerdict | None:
        updates = self._read()
        if self._log is None or updates == self._judged_updates:
            return None
        self._judged_updates = updates
        facts = RunFacts(
            log=translate(self._log, self._dialect) if self._dialect else self._log,
            run=self._run_info,
            stage=self._stage,
            planned_steps=self._planned_steps,
            planned_source="the stage",
            next_steps=self._gate.next_steps,
        )
        found = run_checks(self._gate, facts, live_only=True).findings
        known = [f for f in found if f.outcome is not Outcome.INCONCLUSIVE and not f.dry_run]
        if not known:
            return None
        verdict, deciding = decide(known)
        return LiveVerdict(
            verdict=verdict,
            deciding=deciding,
            step=facts.last_step or 0,
            lost=self._lost(known, updates),
        )

    def _read(self) -> int:
        """Add what is new to the log and return the number of logged updates."""
        new = self._tail.poll()
        if new.void_from_step is not None or new.restarted:
            # Steps that an earlier attempt logged happen again.
            self._failing.clear()
            self._judged_updates = 0
        self._log = new if self._log is None else join([self._log, new])
        if self._run_info is None:
            self._run_info = load_run_info(self._run)
        if len(self._log.series) != self._tags_seen:
            self._tags_seen = len(self._log.series)
            declared = self._run_info.dialect if self._run_info else ""
            self._dialect = choose_dialect(self._log, declared)
        series = self._log.series
        logged = [len(series[tag]) for tag in UPDATE_TAGS if tag in series]
        return max(logged or map(len, series.values()), default=0)

    def _lost(self, findings: list[Finding], updates: int) -> Finding | None:
        """Count how long each required check has failed; return one that failed for too long."""
        failed = {f.check: f for f in findings if f.required and f.outcome is Outcome.FAIL}
        self._failing = {
            check: self._failing.get(check, _Failing(since=updates)).again() for check in failed
        }
        settings = self._settings
        lost = [
            finding
            for check, finding in failed.items()
            if check in self._irrevocable
            or (
                self._failing[check].judgements >= settings.judgements
                and updates - self._failing[check].since >= settings.updates
            )
        ]
        if not lost:
            return None
        gravest = decide(lost)[1]
        return next(f for f in lost if f"{f.title}: {f.reason}" == gravest)


def irrevocable(check: AnyCheck) -> bool:
    """Tell whether a FAIL stays one whatever is logged later: a NaN, or a fixed level exceeded once."""
    if isinstance(check, FiniteCheck):
        return True
    return (
        isinstance(check, LimitCheck)
        and check.statistic == "max_abs"
        and check.window == Window()
        and check.patience is None
    )


@dataclass(frozen=True, kw_only=True)
class _Failing:
    """How long a check has failed without a break."""

    since: int
    """Logged updates when it first failed."""
    judgements: int = 0

    def again(self) -> _Failing:
        return _Failing(since=self.since, judgements=self.judgements + 1)
