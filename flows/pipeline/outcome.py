"""How stages and pipelines ended; the verdict is data, and Prefect's states carry its name for people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.decisions.judged import Judged
from flows.records.decisions import Decision
from flows.records.state_record import Entry
from gates.findings import Verdict
from reports.stage.markdown import REPORT_NAME

if TYPE_CHECKING:  # a training begins before Prefect is imported
    from prefect.client.schemas import State


@dataclass(frozen=True, repr=False)
class StageOutcome:
    """How a stage ended, for one seed or for all seeds of a group; it exists only after a judgement."""

    stage: str
    run: Path
    """Run folder, or the folder of the joint judgement."""
    entry: Entry
    """What the state file records of it."""
    kept: bool = False
    """An earlier result of the same recipe was kept, nothing was trained."""

    @classmethod
    def of(cls, judged: Judged, *, kept: bool = False) -> StageOutcome:
        """Return how a stage ended that a pipeline or a group recorded."""
        return cls(judged.stage, judged.folder, judged.entry, kept)

    def __repr__(self) -> str:
        """Return what Prefect's logs show of a state that holds us."""
        return f"{self.stage}/{self.run.name}: {self.verdict.value}"

    @property
    def verdict(self) -> Verdict:
        """What the gate decided."""
        assert self.entry.verdict is not None, "an outcome is judged"
        return self.entry.verdict

    @property
    def deciding(self) -> str:
        """The sentence that decided."""
        return self.entry.deciding

    @property
    def decision(self) -> Decision | None:
        """What a person decided about a verdict that is not GO."""
        return self.entry.decision

    @property
    def report(self) -> Path:
        """Its report."""
        return self.run / REPORT_NAME

    @property
    def verdict_text(self) -> str:
        """`GO`, or `CONDITIONAL, approved by the driver team: known spike`; never a GO by decision."""
        return self.decision.text if self.decision is not None else self.verdict.value


@dataclass(frozen=True, kw_only=True)
class PipelineOutcome:
    """How a pipeline ended."""

    verdict: Verdict
    """The verdict of the last judged stage; earlier ones were GO, or a person let them pass."""
    stages: tuple[StageOutcome, ...]
    """In the order in which they were decided."""
    report: Path


def verdict_state(outcome: StageOutcome) -> State[StageOutcome]:
    """Return a state that carries the verdict's name, and is failed for a NO_GO.

    It may be returned only by tasks of which nothing is ever stored.
    """
    from prefect.states import Completed, Failed

    state = Failed if outcome.verdict is Verdict.NO_GO else Completed
    return state(name=outcome.verdict.value, message=outcome.deciding, data=outcome)


def outcome_of(state: State[Any]) -> StageOutcome:
    """Return the outcome that a task's state holds; raise what broke the task."""
    outcome = state.result(raise_on_failure=False)
    if isinstance(outcome, BaseException):
        raise outcome
    assert isinstance(outcome, StageOutcome), f"unexpected result {outcome!r}"
    return outcome
