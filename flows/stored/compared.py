"""Loads two runs for a comparison; a run without a verdict is judged in memory only."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from flows.errors import UsageError
from flows.judging.rules import Asked, own_run, rules_for
from flows.judging.run_log import read_log
from flows.records.json_file import read_json
from flows.records.recipe import flat_config
from flows.records.stored_result import GATE_FILE, PIPELINE_FILE, RUN_FILE, read_result
from flows.settings.shell_path import shell_path
from flows.stored.find import require_folder
from gates.checks.gate_file import load_gate
from gates.errors import InputError
from gates.findings import GateResult
from gates.judge import judge
from gates.runs.drives import read_final_evaluation
from gates.series import EventLog
from reports.comparison.compare import ComparedRun
from reports.stage.sections.driving import DrivingView, driving_view
from reports.stage.sections.evaluations import evaluation_points

_RUN = re.compile(r"run-(\d{3,})")
_TOLD = ("preset", "seed", "algorithm", "planned_steps", "git_revision")
"""Keys of run.json besides env and train in which two runs may differ."""


def find_run(path: Path) -> Path:
    """Return the folder of a run: `path`, or the newest run of a stage folder.

    Raises:
        UsageError: There is no such folder, or it is a whole pipeline.
    """
    require_folder(path)
    if (path / PIPELINE_FILE).is_file():
        raise UsageError(
            f"{path} is a pipeline with several stages; name one of them, for example {path / '5k'}."
        )
    numbered = [
        (int(match.group(1)), entry)
        for entry in path.iterdir()
        if (match := _RUN.fullmatch(entry.name)) and entry.is_dir()
    ]
    if numbered and not (path / RUN_FILE).is_file():
        return max(numbered)[1]
    return path


def load_run(path: Path, *, stage: str | None) -> ComparedRun:
    """Read a run's verdict, configuration and events; judge it when it has no verdict.

    Raises:
        UsageError: No stage is known by which to judge.
        GatesError: It has no verdict and cannot be judged.
    """
    run = find_run(path)
    stored = read_result(run)
    source = _source(run, stored)
    own = own_run(source)
    if stored is None:
        rules = rules_for(own, Asked(stage=stage))
        judgement = judge(
            source,
            gate=load_gate(rules.gate),
            stage=rules.stage,
            planned_steps=rules.planned_steps,
            cross_check=False,
        )
        log: EventLog | None = judgement.log
        result, remark = judgement.result, ""
    else:
        result = stored
        log, remark = read_log(source)
    unreadable = stored is None and (run / GATE_FILE).exists()
    return ComparedRun(
        name=shell_path(run),
        result=result,
        judged_now=stored is None,
        config=_config(own) if own else None,
        log=log,
        evaluations=evaluation_points(log) if log is not None else (),
        remark=f"its {GATE_FILE} cannot be read." if unreadable else remark,
        driving=_driving(source, log) if log is not None else None,
    )


def _driving(source: Path, log: EventLog) -> DrivingView | None:
    """Return how the run drove; a record that cannot be read is left out."""
    try:
        final = read_final_evaluation(source)
    except InputError:
        final = None
    return driving_view(log, final)


def stage_of(path: Path) -> str | None:
    """Return the stage that a run tells of itself."""
    run = find_run(path)
    stored = read_result(run)
    own = own_run(run)
    told = (read_json(own / RUN_FILE) or {}).get("stage") if own else None
    return str(told or (stored.stage if stored else "")) or None


def _source(run: Path, stored: GateResult | None) -> Path:
    """Return the folder with the events: that of a judgement may lie apart from them."""
    if own_run(run) or stored is None:
        return run
    judged = Path(stored.run)
    return judged if judged.is_dir() else run


def _config(own: Path) -> dict[str, Any] | None:
    content = read_json(own / RUN_FILE)
    if content is None:
        return None
    parts = {key: content.get(key) for key in ("env", "train")}
    flat = flat_config({key: part for key, part in parts.items() if isinstance(part, dict)})
    return {**{key: content[key] for key in _TOLD if key in content}, **flat}
