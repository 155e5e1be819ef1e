"""Judges a run while it trains: the gate's live checks on the growing log, with patience."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flows.settings.supervision import LiveSettings
from gates.checks.gate_file import GateSpec
from gates.checks.run import run_checks
from gates.facts.run_facts import RunFacts
from gates.findings import Finding, Outcome, Verdict
from gates.verdict import decide


@dataclass(frozen=True, kw_only=True)
class LiveVerdict:
    """What the live checks say now."""

    verdict: Verdict
    deciding: str
    """The one sentence that decided."""
    step: int
    """Environment step of the newest logged update."""
    findings: tuple[Finding, ...] = ()
    """Of the live checks whose evidence is there."""
    lost: Finding | None = None
    """The required check that has failed for so long that the run is lost; None while there is hope."""

    @property
    def text(self) -> str:
        """The verdict for a line of progress."""
        if self.verdict is Verdict.GO:
            return "live checks pass"
        return f"if the gate ran now: {self.verdict.value} because {self.deciding}"


class LiveRules:
    """Counts how long the live checks have failed.

    A check whose evidence is not there yet says nothing: only what already failed can be seen
    early. A run is lost when the same required check failed in several judgements in a row, over
    several logged updates, so that neither noise nor a young run's first values stop it; or at once
    when nothing that is logged later can undo the failure (`Check.irrevocable`).
    """

    def __init__(self, gate: GateSpec, settings: LiveSettings) -> None:
        self._gate = gate
        self._settings = settings
        self._failing: dict[str, _Failing] = {}
        self._irrevocable = {check.id for check in gate.checks if check.irrevocable}

    def begin_anew(self) -> None:
        """Forget what failed: its steps happen again."""
        self._failing.clear()

    def judge(self, facts: RunFacts, updates: int) -> LiveVerdict | None:
        """Judge what was logged; None while no live check has its evidence."""
        found = run_checks(self._gate, facts, live_only=True).findings
        known = [f for f in found if f.outcome is not Outcome.INCONCLUSIVE and not f.dry_run]
        if not known:
            return None
        decision = decide(known)
        return LiveVerdict(
            verdict=decision.verdict,
            deciding=decision.deciding,
            step=facts.last_step or 0,
            findings=tuple(known),
            lost=self._lost(known, updates),
        )

    def _lost(self, findings: Sequence[Finding], updates: int) -> Finding | None:
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
        return decide(lost).finding if lost else None


@dataclass(frozen=True, kw_only=True)
class _Failing:
    """How long a check has failed without a break."""

    since: int
    """Logged updates when it first failed."""
    judgements: int = 0

    def again(self) -> _Failing:
        return _Failing(since=self.since, judgements=self.judgements + 1)
