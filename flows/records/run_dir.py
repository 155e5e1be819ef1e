"""The pipeline directory: one preset, one seed, a folder per stage, a new run folder per training.

Nothing in it is ever overwritten but the pipeline's own state and report.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.errors import OutputError, UsageError
from flows.records.locked_folder import LockedFolder, lock_folder
from flows.records.pipeline_record import (
    FILE_NAME,
    AttemptRecord,
    PipelineRecord,
    RunRecord,
    read_record,
    utc_now,
    write_record,
)
from flows.settings.run_options import DEFAULT_STAGES
from gates.files import write_atomically
from gates.progress import StageState

if TYPE_CHECKING:
    from flows.settings.plan import PipelinePlan, StagePlan

LEFT_ALONE = "gonogo was killed"
"""End of an attempt whose supervisor ended without a word; its guard stopped the trainer."""
_RUN = re.compile(r"run-(\d{3,})")


def default_directory(preset: str, seed: int, stamp: str) -> Path:
    """Return `runs/<preset>-seed<seed>-<stamp>` below the current folder."""
    return Path("runs") / f"{preset}-seed{seed}-{stamp}"


class PipelineDirectory(LockedFolder):
    """A pipeline directory that we alone write to while this object is open."""

    def __init__(self, path: Path, record: PipelineRecord, lock: int) -> None:
        super().__init__(path, lock)
        self.record = record

    @classmethod
    def open(
        cls,
        path: Path,
        plan: PipelinePlan,
        *,
        preset_source: str,
        stages_asked: tuple[str, ...] | None,
        wait_for_trainer_s: float = 0.0,
    ) -> PipelineDirectory:
        """Create the directory or go on in an existing one, and lock it.

        Args:
            path: The directory.
            plan: What is to be done in it.
            preset_source: Name or absolute path of the preset.
            stages_asked: Names or absolute paths of the pipeline's stages; None leaves them as they are.
            wait_for_trainer_s: How long a trainer whose supervisor was killed may take to save itself.

        Raises:
            UsageError: It is in use, holds another preset or seed, or something that is not ours.
            OutputError: It cannot be created or written.
        """
        path = path.absolute()
        refuse_foreign(path, preset=plan.preset, seed=plan.seed)
        try:
            path.mkdir(parents=True, exist_ok=True)
            lock = lock_folder(path, wait_s=wait_for_trainer_s)
        except OSError as error:
            raise OutputError.from_os_error("The pipeline's folder", path, error) from error
        try:
            record = read_record(path) or PipelineRecord(
                preset=plan.preset,
                preset_source=preset_source,
                seed=plan.seed,
                created_at=utc_now(),
            )
            asked = stages_asked or record.stages_asked or _around(plan)
            update = {"overrides": plan.overrides, "stages_asked": asked}
            record = record.model_copy(update=update)
            directory = cls(path, _without_lost_runs(record, path), lock)
            write_record(path, directory.record)
        except BaseException:
            os.close(lock)
            raise
        return directory

    @classmethod
    def reopen(cls, path: Path) -> PipelineDirectory:
        """Open an existing pipeline directory as it is, for us alone.

        Raises:
            UsageError: It is in use or no pipeline directory.
            OutputError: It cannot be written.
        """
        path = path.absolute()
        try:
            lock = lock_folder(path)
        except OSError as error:
            raise OutputError.from_os_error("The pipeline's folder", path, error) from error
        try:
            record = read_record(path)
            if record is None:
                raise UsageError(f"{path} holds no {FILE_NAME}.")
            return cls(path, _without_lost_runs(record, path), lock)
        except BaseException:
            os.close(lock)
            raise

    @classmethod
    def view(cls, path: Path) -> PipelineDirectory | None:
        """Return the directory for reading only, without its lock; None when it is none.

        Raises:
            UsageError: Its pipeline.json cannot be understood.
        """
        record = read_record(path)
        return None if record is None else cls(path.absolute(), record, lock=-1)

    def new_run(
        self, stage: StagePlan, *, recipe: str, note: str = "", expectation: str = ""
    ) -> Path:
        """Create the next run folder of a stage with its request.json and record it as running.

        Raises:
            OutputError: The folder cannot be written.
        """
        folder = self.path / stage.name
        try:
            folder.mkdir(exist_ok=True)
            numbers = [int(m.group(1)) for p in folder.iterdir() if (m := _RUN.fullmatch(p.name))]
            run = folder / f"run-{max(numbers, default=0) + 1:03d}"
            run.mkdir()
            write_json(run / "request.json", stage.request)
        except OSError as error:
            raise OutputError.from_os_error("A run's folder", folder, error) from error
        self.save_run(
            stage,
            RunRecord(
                run=run.name,
                state=StageState.RUNNING,
                started_at=utc_now(),
                recipe=recipe,
                overrides=self.record.overrides,
                note=note,
                expectation=expectation,
            ),
        )
        return run

    def save_run(self, stage: StagePlan, run: RunRecord) -> None:
        """Write a run's new state to pipeline.json."""
        self.save(self.record.with_run(stage.name, run, steps=stage.steps, gate=stage.gate))

    def save(self, record: PipelineRecord) -> None:
        """Replace the record and write it to pipeline.json."""
        self.record = record
        write_record(self.path, record)

    def run_path(self, stage: str, run: RunRecord) -> Path:
        """Return the folder of a recorded run."""
        return self.path / stage / run.run


def refuse_foreign(path: Path, *, preset: str, seed: int) -> None:
    """Refuse a folder that another pipeline, or something else, already uses.

    Raises:
        UsageError: With what is there and what to do.
    """
    record = read_record(path)
    if record is not None:
        if (record.preset, record.seed) != (preset, seed):
            raise UsageError(
                f"{path} holds a pipeline of preset {record.preset}, seed {record.seed}; this one "
                f"is of preset {preset}, seed {seed}. Choose another --out."
            )
        return
    if path.is_dir() and any(not entry.name.startswith(".") for entry in path.iterdir()):
        raise UsageError(
            f"{path} is not empty and holds no {FILE_NAME}; choose an empty or new folder for --out."
        )


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    write_atomically(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a JSON object; None when it is missing or half there."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


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
    return phase if own and phase in ("finished", "diverged") else LEFT_ALONE
