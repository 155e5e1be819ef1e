"""How stages and pipelines ended; the verdict is data, and Prefect's states carry its name for people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from prefect.client.schemas import State
from prefect.states import Completed, Failed

from flows.records.decisions import Decision
from gates.findings import Verdict

_Data = TypeVar("_Data")


@dataclass(frozen=True, kw_only=True, repr=False)
class StageOutcome:
    """How a stage ended, for one seed or for all seeds of a group; it exists only after a judgement."""

    stage: str
    verdict: Verdict
    deciding: str
    """The sentence that decided."""
    run: Path
    """Run folder, or the folder of the joint judgement."""
    report: Path
    gate_json: Path
    """gate.json, or joint.json."""
    kept: bool = False
    """An earlier result of the same recipe was kept, nothing was trained."""
    decision: Decision | None = None
    """What a person decided about a verdict that is not GO."""

    def __repr__(self) -> str:
        """Return what Prefect's logs show of a state that holds us."""
        return f"{self.stage}/{self.run.name}: {self.verdict.value}"

    @property
    def may_go_on(self) -> bool:
        """True when the next stage may start."""
        decided = self.decision is not None and self.decision.goes_on
        return self.verdict is Verdict.GO or decided

    @property
    def undecided(self) -> bool:
        """True when a person has to decide."""
        return self.verdict is Verdict.CONDITIONAL and self.decision is None

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


def verdict_state(verdict: Verdict, message: str, data: _Data) -> State[_Data]:
    """Return a state that carries the verdict's name, and is failed for a NO_GO."""
    state = Failed if verdict is Verdict.NO_GO else Completed
    return state(name=verdict.value, message=message, data=data)


def outcome_of(state: State[Any]) -> StageOutcome:
    """Return the outcome that a task's state holds; raise what broke the task."""
    outcome = state.result(raise_on_failure=False)
    if isinstance(outcome, BaseException):
        raise outcome
    assert isinstance(outcome, StageOutcome), f"unexpected result {outcome!r}"
    return outcome
