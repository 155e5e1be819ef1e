"""Judges a run by its stage's own gate at some of its steps, while it trains; nothing stops or starts by that."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Literal

import numpy as np
from msgspec.structs import replace
from pydantic import BaseModel, ConfigDict, ValidationError

from flows.training.live.growing_run import GrowingRun
from gates.audit.run import audit
from gates.checks.gate_file import GateSpec
from gates.checks.run import run_checks
from gates.checks.types.completeness import CompletenessCheck
from gates.files import write_atomically
from gates.findings import Finding, Outcome, Verdict
from gates.verdict import decide

INTERIM_FILE = "interim.json"


class Standing(str, Enum):
    """What a gate says of a run that is not over."""

    NO_GO = "NO_GO"
    NOT_YET = "not yet"
    """No required check failed, but some have no evidence yet: never a pass."""
    CONDITIONAL = "CONDITIONAL"
    GO = "GO"


class InterimVerdict(BaseModel):
    """One interim gate; an entry of interim.json."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    step: int
    standing: Standing
    deciding: str
    """The one sentence that decided."""
    failed_live: tuple[str, ...] = ()
    """Required checks marked `live` that failed."""

    @property
    def sentence(self) -> str:
        """The verdict as a line for people."""
        return f"interim gate at step {self.step:,}: {self.standing.value}, {self.deciding}"


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    format: Literal[1] = 1
    interim: tuple[InterimVerdict, ...] = ()


@dataclass(frozen=True, kw_only=True)
class InterimJudgement:
    """An interim verdict with what it rests on."""

    verdict: InterimVerdict
    findings: tuple[Finding, ...]


class InterimGates:
    """The interim gates of one run: each judged once, as of its own step, when that was logged.

    A step that happens again after a restart is judged again, and so are all of them when gonogo
    itself was started again: as of its step a run always looks the same.
    """

    def __init__(self, run: Path, steps: Sequence[int]) -> None:
        self._run = run
        self._steps = tuple(steps)
        self.verdicts: dict[int, InterimVerdict] = {}
        """By step, those of this run of gonogo."""

    def begin_anew(self, from_step: int) -> None:
        """Forget the verdicts on steps that happen again."""
        self.verdicts = {s: v for s, v in self.verdicts.items() if s < from_step}

    def judge(self, growing: GrowingRun, last_step: int) -> list[InterimJudgement]:
        """Judge the steps that were passed since; returns what is new or says something else now.

        A step counts as passed when a later one was logged: then nothing is missing before it.
        """
        due = [s for s in self._steps if s < last_step and s not in self.verdicts]
        judged = [judge_interim(growing, step) for step in due]
        if not judged:
            return []
        said = set(read_interim(self._run))
        self.verdicts |= {one.verdict.step: one.verdict for one in judged}
        new = [one for one in judged if one.verdict not in said]
        if new:
            content = _File(interim=tuple(self.verdicts[s] for s in sorted(self.verdicts)))
            write_atomically(
                self._run / INTERIM_FILE,
                json.dumps(content.model_dump(mode="json"), indent=2) + "\n",
            )
        return new


def read_interim(run: Path) -> tuple[InterimVerdict, ...]:
    """Read interim.json of a run; empty when there is none that can be understood."""
    try:
        return _File.model_validate_json((run / INTERIM_FILE).read_bytes()).interim
    except (OSError, ValidationError):
        return ()


def judge_interim(growing: GrowingRun, step: int) -> InterimJudgement:
    """Judge a run as of a step, by all checks of its gate but that for the planned steps."""
    facts = growing.facts(until_step=step)
    gate = growing.gate
    with np.errstate(all="ignore"):
        checked = run_checks(_without_completeness(gate), facts).findings
        findings = (*checked, *audit(facts))
    standing, deciding = stand(findings)
    failed = tuple(
        f.check
        for f in findings
        if f.live and f.required and f.outcome is Outcome.FAIL and not f.dry_run
    )
    verdict = InterimVerdict(step=step, standing=standing, deciding=deciding, failed_live=failed)
    return InterimJudgement(verdict=verdict, findings=findings)


def stand(findings: Sequence[Finding]) -> tuple[Standing, str]:
    """Fold findings into what a gate says on the way: evidence that is not there yet never passes."""
    counted = [f for f in findings if not f.dry_run]
    known = [f for f in counted if f.outcome is not Outcome.INCONCLUSIVE]
    waiting = [f for f in counted if f.outcome is Outcome.INCONCLUSIVE and f.required]
    if not known:
        return Standing.NOT_YET, "no check has its evidence yet."
    decision = decide(known)
    if decision.verdict is Verdict.NO_GO or not waiting:
        return Standing(decision.verdict.value), decision.deciding
    names = ", ".join(f.title for f in waiting[:3])
    more = f" and {len(waiting) - 3} more" if len(waiting) > 3 else ""
    text = f"{len(waiting)} of {len(counted)} checks have no evidence yet ({names}{more})"
    if decision.verdict is Verdict.CONDITIONAL:
        return Standing.NOT_YET, f"{text}; {decision.deciding}"
    return Standing.NOT_YET, f"{text}; all others pass or are advisory."


def _without_completeness(gate: GateSpec) -> GateSpec:
    checks = tuple(c for c in gate.checks if not isinstance(c, CompletenessCheck))
    return replace(gate, checks=checks)
