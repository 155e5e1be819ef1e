"""Collects what the stages of a pipeline evaluated afresh, to compare each with those before it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flows.judging.rules import Rules, pipeline_of, recorded_run
from gates.audit.stages_before import StageAfresh, stage_gain, unreadable
from gates.errors import InputError
from gates.findings import Finding
from gates.runs.afresh import read_afresh

if TYPE_CHECKING:
    from flows.records.pipeline_record import PipelineRecord, RunRecord


def gain_of(run: Path | None, rules: Rules) -> tuple[Finding, ...]:
    """Say what a run bought, as long as it is judged for its own stage; nothing for a first stage."""
    record = pipeline_of(run)
    recorded = recorded_run(run, record) if run and record else None
    if run is None or record is None or recorded is None:
        return ()
    run = run.absolute()
    if run.parent.name != rules.stage:
        return ()
    try:
        own = stage_afresh(run)
        if own is None:
            return ()
        earlier = (stage_afresh(folder) for folder in _before(run, recorded, record))
        finding = stage_gain(own, [stage for stage in earlier if stage is not None])
    except InputError as error:
        return (unreadable(error),)
    return () if finding is None else (finding,)


def stage_afresh(run: Path) -> StageAfresh | None:
    """Read what a run of a pipeline evaluated afresh; None where it did not.

    Raises:
        InputError: The record cannot be understood.
    """
    found = read_afresh(run)
    return None if found is None else StageAfresh(run.parent.name, run.name, found)


def _before(run: Path, recorded: RunRecord, record: PipelineRecord) -> list[Path]:
    """List the newest judged run of each shorter stage that began before this one."""
    stages, own = record.stages, record.stages[run.parent.name]
    found = []
    for name, stage in stages.items():
        if stage.planned_steps >= own.planned_steps:
            continue
        runs = [r for r in stage.runs if r.state.judged and r.started_at <= recorded.started_at]
        if runs:
            found.append(run.parents[1] / name / runs[-1].run)
    return found
