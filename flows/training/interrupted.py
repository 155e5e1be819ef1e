"""Finds the interrupted training that `--resume` goes on with, and the one that only lacks its verdict."""

from __future__ import annotations

from pathlib import Path

from flows.errors import UsageError
from flows.records.command_run import dialect_of
from flows.records.json_file import read_json
from flows.records.pipeline_record import RunRecord
from flows.records.recipe import flat_config, recipe_hash
from flows.records.run_dir import LEFT_ALONE, PipelineDirectory
from flows.settings.plan import StagePlan
from flows.training.process.attempt_ends import JUDGED, End
from flows.training.trainers.checkpoints import can_go_on, newest_whole
from flows.training.trainers.heartbeat import EventHeartbeat
from gates.progress import StageState
from gates.runs.ended_early import read_ended_early
from gates.runs.heartbeat import Phase
from gates.runs.translate import load_dialect

_SHOWN = 5
"""Keys that a sentence names at most."""
_LATER = ("final_episodes",)
"""Keys that earlier revisions did not write, and that decide nothing that is learned."""


def interrupted_run(stage: StagePlan, directory: PipelineDirectory) -> RunRecord | None:
    """Return the stage's newest run when it was interrupted; None when there is nothing to resume.

    A run that was judged is not resumed: a NO_GO stays one, unless its trainer ended before the plan and can go on.

    Raises:
        UsageError: The run began with another configuration, so that going on would mix two.
    """
    run = directory.record.last(stage.name)
    if run is None or not (_unjudged(run) or may_go_on(stage, run, directory)):
        return None
    folder = directory.folder_of(stage.name, run)
    request = read_json(folder / "request.json")
    if request is None:
        return None
    asked = {k: v for k, v in stage.request.items() if k in request or k not in _LATER}
    if request != asked:
        before, now = flat_config(request), flat_config(asked)
        keys = sorted(key for key in {*before, *now} if before.get(key) != now.get(key))
        raise UsageError(
            f"{folder} began with another configuration ({', '.join(keys[:_SHOWN])}) and cannot be "
            f"resumed with this one; set back what differs, or leave --resume out to train {stage.name} anew."
        )
    return run


def unjudged_run(
    stage: StagePlan, directory: PipelineDirectory, *, also_tried: bool
) -> RunRecord | None:
    """Return the stage's newest run when it was trained to its end by this recipe, but never judged.

    Whatever ended gonogo between the training and the gate, the hours of the training are not lost.

    Args:
        stage: What is to be trained.
        directory: The open pipeline directory.
        also_tried: Also a run whose gate was tried and broke, for instance on a full disk.
    """
    run = directory.record.last(stage.name)
    if run is None or not _unjudged(run):
        return None
    if run.ended_at is not None and not also_tried:
        return None
    folder = directory.folder_of(stage.name, run)
    if not trained_already(stage, run, folder) or run.recipe != recipe_hash(stage):
        return None
    ended = read_ended_early(folder)
    if ended is not None and ended.rule != stage.long.early_stop.rule:
        return None
    return run if read_json(folder / "request.json") == dict(stage.request) else None


def trained_already(stage: StagePlan, run: RunRecord, folder: Path) -> bool:
    """Tell whether only the gate is missing: the training itself came to its end."""
    if not run.attempts or not _unjudged(run):
        return False
    end = run.attempts[-1].end
    return end in {end.value for end in JUDGED} or _finished_alone(stage, run, folder) is not None


def noted_as_finished(stage: StagePlan, run: RunRecord, folder: Path) -> RunRecord:
    """Note, in the record that is returned and in status.json, how a run ended that nobody watched."""
    events = _finished_alone(stage, run, folder)
    if events is None:
        return run
    why = (
        f"It reached step {events.step:,} of {stage.steps:,}, and is judged. {run.attempts[-1].why}"
    )
    events.end(Phase.FINISHED, why)
    last = run.attempts[-1].model_copy(
        update={"end": End.FINISHED.value, "why": why, "to_step": events.step}
    )
    return run.model_copy(update={"attempts": (*run.attempts[:-1], last)})


def _finished_alone(stage: StagePlan, run: RunRecord, folder: Path) -> EventHeartbeat | None:
    """Return the events of a trainer by command that reached its plan while gonogo was killed; else None."""
    if stage.trainer is None or run.attempts[-1].end != LEFT_ALONE:
        return None
    dialect = load_dialect(dialect_of(folder, stage.trainer))
    events = EventHeartbeat(folder, planned_steps=stage.steps, dialect=dialect)
    events.step = events.last_row
    return events if events.step >= stage.steps else None


def fell_short(run: RunRecord | None) -> bool:
    """Tell whether a run is a NO_GO whose trainer ended by itself before its plan."""
    return (
        run is not None
        and run.state is StageState.NO_GO
        and run.decision is None
        and bool(run.attempts)
        and run.attempts[-1].end == End.SHORT.value
    )


def may_go_on(stage: StagePlan, run: RunRecord, directory: PipelineDirectory) -> bool:
    """Tell whether a run that fell short of its plan can be resumed after all."""
    if not fell_short(run) or stage.trainer is None:
        return False
    checkpoint = newest_whole(stage.trainer, directory.folder_of(stage.name, run))
    return can_go_on(stage.trainer, checkpoint)


def _unjudged(run: RunRecord) -> bool:
    return run.state in (StageState.CRASHED, StageState.CANCELLED)


def nothing_to_resume(stage: StagePlan, directory: PipelineDirectory) -> str:
    """Say why `--resume` finds nothing, one sentence."""
    run = directory.record.last(stage.name)
    state = "it was not run yet" if run is None else f"{run.run} ended {run.state.value}"
    if fell_short(run):
        state += " before its plan, and has no checkpoint that its trainer could go on from"
    return f"There is nothing to resume at {stage.name}: {state}. Leave --resume out to train it."
