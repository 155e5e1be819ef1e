"""Finds the interrupted training that `--resume` goes on with, and the one that only lacks its verdict."""

from __future__ import annotations

from flows.errors import UsageError
from flows.records.json_file import read_json
from flows.records.pipeline_record import RunRecord
from flows.records.recipe import flat_config, recipe_hash
from flows.records.run_dir import PipelineDirectory
from flows.settings.plan import StagePlan
from flows.training.process.attempt_ends import JUDGED
from gates.progress import StageState
from gates.runs.ended_early import read_ended_early

_SHOWN = 5
"""Keys that a sentence names at most."""
_LATER = ("final_episodes",)
"""Keys that earlier revisions did not write, and that decide nothing that is learned."""


def interrupted_run(stage: StagePlan, directory: PipelineDirectory) -> RunRecord | None:
    """Return the stage's newest run when it was interrupted; None when there is nothing to resume.

    A run that was judged is never resumed: a NO_GO stays one.

    Raises:
        UsageError: The run began with another configuration, so that going on would mix two.
    """
    run = directory.record.last(stage.name)
    if run is None or run.state not in (StageState.CRASHED, StageState.CANCELLED):
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
    if run is None or run.state not in (StageState.CRASHED, StageState.CANCELLED):
        return None
    if run.ended_at is not None and not also_tried:
        return None
    if not trained_already(run) or run.recipe != recipe_hash(stage):
        return None
    folder = directory.folder_of(stage.name, run)
    ended = read_ended_early(folder)
    if ended is not None and ended.rule != stage.long.early_stop.rule:
        return None
    return run if read_json(folder / "request.json") == dict(stage.request) else None


def trained_already(run: RunRecord) -> bool:
    """Tell whether only the gate is missing: the training itself came to its end."""
    return bool(run.attempts) and run.attempts[-1].end in {end.value for end in JUDGED}


def nothing_to_resume(stage: StagePlan, directory: PipelineDirectory) -> str:
    """Say why `--resume` finds nothing, one sentence."""
    run = directory.record.last(stage.name)
    state = "it was not run yet" if run is None else f"{run.run} ended {run.state.value}"
    return f"There is nothing to resume at {stage.name}: {state}. Leave --resume out to train it."
