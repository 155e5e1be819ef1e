"""`gonogo end`: allows early stopping to end a training whose stage only warns."""

from __future__ import annotations

from pathlib import Path

from flows.commands.terminal import say
from flows.errors import UsageError
from flows.records.run_dir import read_record
from flows.training.live.early_stop import allow_early_stop
from gates.progress import StageState


def end_early(run: Path) -> int:
    """Allow it and say what happens; returns the exit code.

    Raises:
        UsageError: There is no such run, or it is not training.
        OutputError: The run folder cannot be written.
    """
    run = run.absolute()
    record = read_record(run.parents[1]) if len(run.parents) > 1 else None
    stage = record.stages.get(run.parent.name) if record is not None else None
    own = next((r for r in stage.runs if r.run == run.name), None) if stage is not None else None
    if own is None:
        raise UsageError(f"{run} is no run of a pipeline; name its folder, runs/NAME/1m/run-001.")
    if own.state is not StageState.RUNNING:
        raise UsageError(f"{run} is not training: it is {own.state.value}.")
    allow_early_stop(run)
    say(
        "The training ends as soon as its evaluations show no improvement, as the stage's early_stop says."
    )
    return 0
