"""The pipeline directory: one preset, one seed, a folder per stage, a new run folder per training.

Nothing in it is ever overwritten but the pipeline's own state and report.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from flows.errors import UsageError, writing
from flows.records.json_file import read_json, utc_now, write_json
from flows.records.pipeline_record import AttemptRecord, PipelineRecord, RunRecord, StageRecord
from flows.records.state_folder import StateFolder
from flows.records.stored_result import PIPELINE_FILE, REQUEST_FILE
from flows.settings.run_options import DEFAULT_STAGES
from gates.progress import StageState
from gates.runs.heartbeat import Phase

if TYPE_CHECKING:
    from flows.settings.plan import PipelinePlan, StagePlan

LEFT_ALONE = "gonogo was killed"
"""End of an attempt whose supervisor ended without a word; its guard stopped the trainer."""


class PipelineDirectory(StateFolder[PipelineRecord]):
    """A pipeline directory that we alone write to while this object is open."""

    file_name = PIPELINE_FILE
    state_type = PipelineRecord
    stage_type = StageRecord
    entry_prefix = "run-"

    @classmethod
    def open(
        cls,
        path: Path,
        plan: PipelinePlan,
        *,
        preset_source: str,
        stages_asked: tuple[str, ...] = (),
        wait_for_trainer_s: float = 0.0,
    ) -> PipelineDirectory:
        """Create or resume a directory, and lock it; without `stages_asked` its stages stay as they are.

        Raises:
            UsageError: It is in use, or holds another preset or seed, or other files.
            OutputError: It cannot be created or written.
        """
        new = PipelineRecord(
            preset=plan.preset,
            preset_source=preset_source,
            seed=plan.seed,
            overrides=plan.overrides,
            stages_asked=stages_asked,
            created_at=utc_now(),
        )
        read_record(path)

        def ours(known: PipelineRecord | None) -> PipelineRecord:
            record = new.taking_up(known)
            asked = record.stages_asked or _around(plan)
            return _without_lost_runs(record.model_copy(update={"stages_asked": asked}), path)

        return cls._opened(path, new, ours, wait_s=wait_for_trainer_s)

    @classmethod
    def why_not(cls, known: PipelineRecord, new: PipelineRecord) -> str:
        """Say what else the directory holds."""
        if (known.preset, known.seed) == (new.preset, new.seed):
            return ""
        return (
            f"a pipeline of preset {known.preset}, seed {known.seed}; this one "
            f"is of preset {new.preset}, seed {new.seed}. Choose another --out."
        )

    @classmethod
    def reopen(cls, path: Path) -> PipelineDirectory:
        """Open an existing directory; runs that were still recorded as running are marked as lost."""
        directory = super().reopen(path)
        directory.record = _without_lost_runs(directory.record, directory.path)
        return directory

    def new_run(
        self, stage: StagePlan, *, recipe: str, note: str = "", expectation: str = ""
    ) -> Path:
        """Create the next run folder of a stage with its request.json and record it as running.

        Raises:
            OutputError: The folder cannot be written.
        """
        run = self.new_folder(stage.name)
        with writing("The request", run):
            write_json(run / REQUEST_FILE, stage.request)
        record = RunRecord(
            run=run.name,
            state=StageState.RUNNING,
            started_at=utc_now(),
            recipe=recipe,
            overrides=self.record.overrides,
            note=note,
            expectation=expectation,
        )
        self.save_entry(stage, record)
        return run


def read_record(directory: Path) -> PipelineRecord | None:
    """Read pipeline.json; None when the folder is no pipeline directory.

    Raises:
        UsageError: The file exists but cannot be understood, or `directory` is not a folder.
    """
    if directory.is_file():
        raise UsageError(f"{directory} is not a folder.")
    return PipelineDirectory.read(directory)


def _around(plan: PipelinePlan) -> tuple[str, ...]:
    """Return the pipeline that a single stage is likely to be part of."""
    names = tuple(stage.name for stage in plan.stages)
    if set(names) <= set(DEFAULT_STAGES):
        return DEFAULT_STAGES
    return tuple(str(stage.source.absolute()) for stage in plan.stages)


def _without_lost_runs(record: PipelineRecord, path: Path) -> PipelineRecord:
    """Mark runs that are still recorded as running: we hold the lock, so nobody runs them."""
    stages = {
        name: stage.model_copy(
            update={"runs": tuple(_lost(run, path / name / run.run) for run in stage.runs)}
        )
        for name, stage in record.stages.items()
    }
    return record.model_copy(update={"stages": stages})


def _lost(run: RunRecord, folder: Path) -> RunRecord:
    if run.state is not StageState.RUNNING:
        return run
    message = "gonogo ended while this run was going on."
    attempts = run.attempts
    if attempts and not attempts[-1].end:
        end = _end_left_alone(attempts[-1], folder)
        why = f"The trainer {end}; gonogo was killed before it noticed."
        if end == LEFT_ALONE:
            why = "gonogo was killed; the guard asked the trainer to save itself and ended it."
        last = attempts[-1].model_copy(update={"end": end, "why": why})
        attempts = (*attempts[:-1], last)
    update = {"state": StageState.CRASHED, "message": message, "attempts": attempts}
    return run.model_copy(update=update)


def _end_left_alone(attempt: AttemptRecord, folder: Path) -> str:
    """Return how an attempt ended whose supervisor was killed: as its trainer said, if it still did."""
    status = read_json(folder / "status.json") or {}
    phase, said_at = status.get("phase"), status.get("updated_at")
    try:
        # What an earlier attempt of the same run said is no word about this one.
        own = datetime.fromisoformat(str(said_at)) >= datetime.fromisoformat(attempt.started_at)
    except (TypeError, ValueError):
        return LEFT_ALONE
    return phase if own and phase in (Phase.FINISHED, Phase.DIVERGED) else LEFT_ALONE
