"""Finds the checkpoint that a stage begins with, and makes sure that it can."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from flows.errors import UsageError
from flows.records.json_file import read_json
from flows.records.pipeline_record import RunRecord
from flows.records.run_dir import PipelineDirectory
from flows.records.trainer_files import best_step, newest_checkpoint
from flows.settings.plan import StagePlan
from flows.settings.run_options import Carry
from flows.settings.setting_files import known_stages
from flows.settings.trainers.trainer_check import check_requests
from flows.settings.warm_start import BEST, WarmStartOption
from gates.progress import StageState


def warm_started(
    stage: StagePlan,
    directory: PipelineDirectory,
    option: WarmStartOption | None = None,
    *,
    going_on: bool = False,
    check: bool = True,
) -> StagePlan:
    """Return the stage with `warm_start` in its request when it does not begin fresh.

    A checkpoint that a person named stays that of the stage until another one, or `fresh`, is named:
    as with `--set`, whoever goes on in the folder means the same training.

    Args:
        stage: As its file and preset say.
        directory: The open pipeline directory.
        option: What a person named.
        going_on: An interrupted run may be gone on with: what it began with counts, as it is.
        check: Let the trainer look whether the checkpoint fits, which takes seconds.

    Raises:
        UsageError: There is no such checkpoint, or it does not fit.
    """
    before, state = _before(stage, directory)
    interrupted = state in (StageState.CRASHED, StageState.CANCELLED)
    if option is None and before is not None and going_on and interrupted:
        warm = before.get("warm_start")
        return _with(stage, warm) if isinstance(warm, Mapping) else stage
    earlier = (before or {}).get("warm_start")
    if option is None and isinstance(earlier, Mapping) and earlier.get("named"):
        return _checked(_with(stage, earlier), directory, check)
    carry: Carry = "weights" if stage.begin == "fresh" else stage.begin
    if option is not None:
        if option.run is None:
            return stage
        checkpoint, step = _checkpoint(option.run, option.at)
        warm = _chosen(checkpoint, step, option.carry or carry, directory, named=True)
    elif stage.begin == "fresh":
        return stage
    else:
        checkpoint, step = _checkpoint(_run_before(stage, directory), None)
        warm = _chosen(checkpoint, step, carry, directory, named=False)
    if stage.trainer is not None:
        raise UsageError(
            f"{stage.name} is trained by a command of its own, which alone can begin with a "
            "checkpoint; name one in trainer.values and leave warm starts out."
        )
    return _checked(_with(stage, warm), directory, check)


def _before(
    stage: StagePlan, directory: PipelineDirectory
) -> tuple[dict[str, Any] | None, StageState | None]:
    """Return request.json and state of the stage's newest run."""
    run = directory.record.last(stage.name)
    if run is None:
        return None, None
    return read_json(directory.folder_of(stage.name, run) / "request.json"), run.state


def _run_before(stage: StagePlan, directory: PipelineDirectory) -> Path:
    """Return the run of the stage before this one, which must have been passed."""
    names = [known.name for known in known_stages(directory.record.stages_asked)]
    at = names.index(stage.name) if stage.name in names else 0
    if at == 0:
        raise UsageError(
            f"{stage.source}: warm_start: {stage.begin} asks for the stage before {stage.name}, and "
            "this pipeline has none; name a run with --warm-start."
        )
    name = names[at - 1]
    run = directory.record.last(name)
    if run is None or not _passed(run):
        raise UsageError(
            f"{stage.source}: warm_start: {stage.begin} asks for a checkpoint of {name}, which has "
            f"no GO in {directory.path}; run it first, or name a run with --warm-start."
        )
    return directory.folder_of(name, run)


def _passed(run: RunRecord) -> bool:
    """Tell whether later stages may begin with it; whether they may begin at all is decided elsewhere."""
    return run.may_go_on or run.state is StageState.CONDITIONAL


def _checkpoint(run: Path, at: int | str | None) -> tuple[Path, int | None]:
    """Return the file of a checkpoint and its step, which is unknown of an old run's best one."""
    folder = run / "checkpoints"
    if at == BEST:
        path, step = folder / "best.ckpt", best_step(run)
    else:
        step = newest_checkpoint(run) if at is None else int(at)
        path = folder / f"step-{step or 0:09d}.ckpt"
    if not path.is_file():
        steps = sorted(int(p.stem.removeprefix("step-")) for p in folder.glob("step-*.ckpt"))
        there = ", ".join(f"{step:,}" for step in steps) or "none"
        what = "checkpoint" if at is None else f"checkpoint {at if at == BEST else format(at, ',')}"
        raise UsageError(f"{run} has no {what} to begin with; it has: {there}.")
    return path, step


def _chosen(
    checkpoint: Path,
    step: int | None,
    carry: Carry,
    directory: PipelineDirectory,
    *,
    named: bool,
) -> dict[str, Any]:
    """Return what stands in request.json.

    Inside the pipeline paths begin at the run folder, two levels below, so that it may be moved.
    """
    try:
        digest = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    except OSError as error:
        raise UsageError(f"{checkpoint} cannot be read: {error.strerror}.") from None
    resolved = checkpoint.resolve()
    pipeline = directory.path.resolve()
    inside = resolved.is_relative_to(pipeline)
    path = Path("..", "..", resolved.relative_to(pipeline)) if inside else resolved
    return {
        "checkpoint": str(path),
        "sha256": digest,
        "step": step,
        "carry": carry,
        "named": named,
    }


def _with(stage: StagePlan, warm: Mapping[str, Any]) -> StagePlan:
    return replace(stage, request={**stage.request, "warm_start": dict(warm)})


def _checked(stage: StagePlan, directory: PipelineDirectory, check: bool) -> StagePlan:
    """Let the trainer look whether the checkpoint is there and fits."""
    if not check:
        return stage
    warm = stage.request["warm_start"]
    path = os.path.normpath(directory.path.resolve() / stage.name / "run" / warm["checkpoint"])
    whole = {**stage.request, "warm_start": {**warm, "checkpoint": path}}
    (result,) = check_requests([whole])
    if result.mistakes:
        raise UsageError(f"{stage.name}: {'; '.join(map(str, result.mistakes))}")
    return stage
