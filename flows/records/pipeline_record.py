"""pipeline.json: what a pipeline was asked to do and how far each stage came, over all its runs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from flows.errors import UsageError
from flows.records.decisions import Decision
from flows.records.state_file import read_state, write_state
from gates.progress import EvaluationPoint, StageState

FILE_NAME = "pipeline.json"


class _Record(BaseModel):
    # A newer gonogo may have written more keys; they are dropped, not refused. Not every directory that
    # is judged belongs to a pipeline, so the models are built when they are used.
    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


class AttemptRecord(_Record):
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
    """One sentence; empty for a training that finished."""


class LiveStopRecord(_Record):
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


class WaitRecord(_Record):
    """A pipeline that waits for a person's decision about a run."""

    since: str
    until: str | None = None
    """When it stops waiting; None: never."""
    flow_run: str = ""
    """Id of the Prefect flow run; empty when none has to be resumed."""
    api_url: str = ""
    """Of the Prefect server that knows the flow run."""


class RunRecord(_Record):
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
    gate_sha256: str = ""
    """Hash of the rules that judged the run; empty before the verdict."""
    deciding: str = ""
    """The one sentence that decided the verdict."""
    message: str = ""
    """Why there is no verdict, one sentence."""
    decision: Decision | None = None
    """What a person decided about a verdict that is not GO; the decision files are the original."""
    waits: WaitRecord | None = None
    """A pipeline waits for that decision."""
    training_s: float | None = None
    evaluations: tuple[EvaluationPoint, ...] = ()
    attempts: tuple[AttemptRecord, ...] = ()
    """The processes of the training, oldest first."""
    live_stop: LiveStopRecord | None = None


class StageRecord(_Record):
    """A stage with all its runs, oldest first."""

    planned_steps: int
    gate: str
    runs: tuple[RunRecord, ...] = ()


class PipelineRecord(_Record):
    """The content of pipeline.json."""

    format: Literal[1] = 1
    preset: str
    preset_source: str
    """Name or absolute path, as `--preset` takes it."""
    seed: int
    overrides: tuple[str, ...] = ()
    """The current recipe's differences from the preset; a later `--set` adds to them."""
    stages_asked: tuple[str, ...] = ()
    """Names or absolute paths, as `--stages` takes them."""
    created_at: str
    stages: Mapping[str, StageRecord] = Field(default_factory=dict)

    def last_run(self, stage: str) -> RunRecord | None:
        """Return the newest run of a stage."""
        record = self.stages.get(stage)
        return record.runs[-1] if record and record.runs else None

    def with_run(self, stage: str, run: RunRecord, *, steps: int, gate: str) -> PipelineRecord:
        """Return a record in which `run` is added, or replaces the run of the same name."""
        old = self.stages.get(stage)
        runs = tuple(r for r in old.runs if r.run != run.run) if old else ()
        new = StageRecord(planned_steps=steps, gate=gate, runs=(*runs, run))
        return self.model_copy(update={"stages": {**self.stages, stage: new}})

    def with_changed_run(self, stage: str, run: RunRecord) -> PipelineRecord:
        """Return a record in which a run that is recorded already is replaced in its place."""
        old = self.stages[stage]
        runs = tuple(run if r.run == run.run else r for r in old.runs)
        changed = old.model_copy(update={"runs": runs})
        return self.model_copy(update={"stages": {**self.stages, stage: changed}})


def read_record(directory: Path) -> PipelineRecord | None:
    """Read pipeline.json; None when the folder is no pipeline directory.

    Raises:
        UsageError: The file is there but cannot be understood.
    """
    try:
        return read_state(directory / FILE_NAME, PipelineRecord)
    except NotADirectoryError:
        raise UsageError(f"{directory} is not a folder.") from None


def write_record(directory: Path, record: PipelineRecord) -> None:
    """Write pipeline.json whole or not at all.

    Raises:
        OutputError: The folder cannot be written or the disk is full.
    """
    write_state(directory / FILE_NAME, record, "The pipeline's state")


def utc_now() -> str:
    """Return the time as the project's files hold it."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
