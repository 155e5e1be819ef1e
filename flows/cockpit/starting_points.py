"""Where a stage that is run again starts: anew, or from a checkpoint of its newest run."""

from __future__ import annotations

from pathlib import Path

from flows.commands.rollback import roll_back
from flows.errors import UsageError
from flows.records.run_dir import read_record


def prepare(pipeline: Path, stage: str, start: str, step: int, *, again: bool) -> bool:
    """Make the pipeline ready for the start that was chosen; returns whether to resume.

    Args:
        pipeline: Pipeline directory.
        stage: Name of the stage.
        start: What the form says.
        step: Of the checkpoint, for a start from one.
        again: The flow run was begun before: what was to be discarded is discarded already.

    Raises:
        UsageError: There is no run to go on with, or no checkpoint of this step.
    """
    if start == "from the beginning":
        return False
    record = read_record(pipeline)
    newest = record.last(stage) if record else None
    if newest is None:
        raise UsageError(f"{stage} was not run in {pipeline} yet; start from the beginning.")
    if start == "from the checkpoint below" and not again:
        if step < 1:
            raise UsageError("Give the step of the checkpoint, for example 25000.")
        roll_back(pipeline / stage / newest.run, to=str(step), yes=True)
    return True
