"""Chooses by which rules a directory is judged, and where what is written about it belongs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flows.errors import ConfigError, UsageError
from flows.records.json_file import read_json
from flows.records.stored_result import PIPELINE_FILE, read_result
from flows.settings.stage_rules import StageRules, gate_reference, is_path, shipped_rules
from gates.second_reader.process import SecondReader

if TYPE_CHECKING:
    from flows.records.pipeline_record import LiveStopRecord, PipelineRecord, RunRecord

REPORTS_FOLDER = "gonogo-reports"


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was said about how to judge a directory; the rest it tells itself, or its stage."""

    stage: str | None = None
    """Name, or path of a stage file."""
    gate: str | Path | None = None
    """Rules in place of the stage's: a name in config/gates or a path."""
    planned_steps: int | None = None
    """What the run was meant to reach."""
    config: Path | None = None
    """What another trainer was meant to do."""
    dialect: Path | None = None
    """Tag names of another trainer."""
    cross_check: bool = True
    """Read everything a second time with an independent reader."""
    second_reader: SecondReader | None = None
    """Process that does so, started already."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """By what a directory is judged."""

    stage: str
    gate: str | Path
    planned_steps: int | None


def own_run(directory: Path) -> Path | None:
    """Return the run folder when `directory` is one of our trainer's, or its events folder."""
    candidates = (directory, directory.parent if directory.name == "events" else directory)
    return next((folder for folder in candidates if (folder / "run.json").is_file()), None)


def rules_for(run: Path | None, asked: Asked) -> Rules:
    """Choose stage, gate and planned steps: what was asked for, else what the run or its stage says.

    Raises:
        UsageError: No stage was given and the run names none.
        ConfigError: The stage is unknown.
    """
    gate, planned_steps = asked.gate, asked.planned_steps
    told = (read_json(run / "run.json") or {}) if run else {}
    name = asked.stage or str(told.get("stage") or "")
    if not name:
        raise UsageError("Say by which stage to judge, for example --stage 5k.")
    same_stage = told.get("stage") == name
    told_steps = told.get("planned_steps")
    if planned_steps is None and same_stage and isinstance(told_steps, int):
        planned_steps = told_steps
    try:
        known = shipped_rules(name) or _rules_of_file(name)
    except ConfigError:
        recorded = _recorded_gate(run, name) if run and same_stage and not is_path(name) else None
        if gate is None and recorded is None:
            raise
        return Rules(stage=name, gate=gate or recorded or "", planned_steps=planned_steps)
    return Rules(
        stage=known.name,
        gate=gate or known.gate,
        planned_steps=planned_steps or known.steps,
    )


def pipeline_of(run: Path | None) -> PipelineRecord | None:
    """Read the state of the pipeline that a run folder belongs to; None outside of pipelines.

    Raises:
        UsageError: The state cannot be understood.
    """
    folder = run.absolute().parents[1] if run else None
    if folder is None or not os.path.lexists(folder / PIPELINE_FILE):
        return None
    from flows.records.run_dir import read_record  # outside of pipelines nobody waits for it

    return read_record(folder)


def recorded_run(run: Path, record: PipelineRecord) -> RunRecord | None:
    """Return what its pipeline recorded about a run folder; None when it does not know the run."""
    stage = record.stages.get(run.absolute().parent.name)
    return next((r for r in stage.runs if r.run == run.absolute().name), None) if stage else None


def live_stop_of(run: Path | None, rules: Rules) -> LiveStopRecord | None:
    """Return where the live gate stopped a run, as long as the run is judged for the same stage and steps."""
    record = pipeline_of(run)
    recorded = recorded_run(run, record) if run and record else None
    stop = recorded.live_stop if recorded else None
    if run is None or stop is None or run.absolute().parent.name != rules.stage:
        return None
    return stop if rules.planned_steps in (None, stop.planned_steps) else None


def foreign_folder(directory: Path) -> Path:
    """Return a folder below the current one: another trainer's directory is left as it is."""
    name = directory.resolve().name or "root"
    number = 1
    while True:
        folder = Path(REPORTS_FOLDER) / (name if number == 1 else f"{name}-{number}")
        earlier = read_result(folder)
        if earlier is None or Path(earlier.run).resolve() == directory.resolve():
            return folder
        number += 1


def _rules_of_file(name: str) -> StageRules:
    from flows.settings.setting_files import load_stage  # finds every mistake in it

    path, stage = load_stage(name)
    return StageRules(name=stage.name, gate=gate_reference(path, stage.gate), steps=stage.steps)


def _recorded_gate(run: Path, stage: str) -> str | None:
    """Return the gate that the run's pipeline recorded for a stage of the user's own."""
    record = pipeline_of(run)
    found = record.stages.get(stage) if record else None
    return found.gate if found else None
