"""pipeline.json: what a pipeline was asked to do and how far each stage came, over all its runs."""

from __future__ import annotations

from typing import ClassVar

from flows.records.state_record import Entry, Record, StageEntries, StateRecord
from gates.findings import Finding, Outcome, Verdict
from gates.progress import EvaluationPoint, StageState
from gates.text import format_duration


class AttemptRecord(Record):
    """One process of a training."""

    attempt: int
    started_at: str
    ended_at: str | None = None
    from_step: int = 0
    """Step of the checkpoint that it went on from; 0: from the start."""
    to_step: int | None = None
    """Last step of its heartbeat; None when there was none."""
    end: str = ""
    """A value of `flows.training.process.attempt_ends.End`; empty while it runs."""
    why: str = ""
    """One sentence; empty for a training that finished as it should."""
    resumable: bool = False
    """It ended before its plan, and its trainer can go on."""


class LiveStopRecord(Record):
    """A training that the live gate stopped."""

    step: int
    planned_steps: int
    saved_s: float | None = None
    """Time that the rest of the stage would have taken; None when the speed is unknown."""
    check: str
    title: str
    group: str
    reason: str
    """What the check found when the run was stopped."""
    fact: str = ""
    """The same in short."""

    @property
    def sentence(self) -> str:
        """Where it was stopped, what that saved and why, without a full stop."""
        saved = f", saved about {format_duration(self.saved_s)}" if self.saved_s is not None else ""
        return (
            f"Stopped at step {self.step:,} of {self.planned_steps:,}{saved}, by the live gate: "
            f"{self.title}: {self.reason.rstrip('.')}"
        )

    @property
    def finding(self) -> Finding:
        """What makes the run a NO_GO, whatever its gate looks at."""
        return Finding(
            check="live_gate",
            type="live_gate",
            title="Training not stopped early",
            outcome=Outcome.FAIL,
            required=True,
            reason=f"{self.sentence}.",
            fact=f"stopped at step {self.step:,} by the live gate: {self.fact or self.title}",
            value=float(self.step),
            limit=float(self.planned_steps),
            direction="min",
            statistic="last step",
            group="integrity",
            last_step=self.step,
            rationale="A run is stopped when a required check failed for so long that no GO is left.",
            limit_source="docs/supervision.md",
        )


class RunRecord(Entry):
    """One training of a stage, with its verdict."""

    run: str
    """Folder below the stage's folder: `run-001`."""
    state: StageState
    started_at: str
    ended_at: str | None = None
    recipe: str
    """Hash of everything that shapes the training; a GO is kept only for the same recipe."""
    overrides: tuple[str, ...] = ()
    note: str = ""
    """What the user changed."""
    expectation: str = ""
    """What the user expects of it."""
    message: str = ""
    """Why there is no verdict, one sentence."""
    evaluations: tuple[EvaluationPoint, ...] = ()
    attempts: tuple[AttemptRecord, ...] = ()
    """The processes of the training, oldest first."""
    live_stop: LiveStopRecord | None = None

    @property
    def name(self) -> str:
        """Folder below the stage's folder."""
        return self.run

    @property
    def verdict(self) -> Verdict | None:
        """What the gate decided; None when the run was not judged."""
        return Verdict(self.state.value) if self.state.judged else None


class StageRecord(StageEntries[RunRecord]):
    """A stage with all its runs, oldest first."""

    runs: tuple[RunRecord, ...] = ()
    key: ClassVar[str] = "runs"


class PipelineRecord(StateRecord[RunRecord, StageRecord]):
    """The content of pipeline.json."""

    seed: int
