"""Judges a directory and writes gate.json and the report beside each other."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flows.errors import OutputError
from gates.findings import GateResult
from gates.judge import Judgement, judge
from gates.spec import load_gate
from reports.context import StageContext

GATE_FILE = "gate.json"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A judgement and where it was written."""

    judgement: Judgement
    report: Path
    gate_json: Path


def judge_directory(
    directory: Path,
    *,
    stage: str,
    gate: str | Path,
    planned_steps: int | None,
    out: Path,
    context: Callable[[Judgement], StageContext],
    config: Path | None = None,
    dialect: Path | None = None,
    cross_check: bool = True,
    baseline: GateResult | None = None,
) -> Judged:
    """Judge the event files below `directory`; write gate.json, report.md and plots into `out`.

    Args:
        directory: Run directory of our trainer or of another one.
        stage: Name that the result bears.
        gate: Name in config/gates or a path.
        planned_steps: What the run was meant to reach; None when nobody knows.
        out: Folder for the results, created when missing; earlier results there are replaced.
        context: Makes what the report shows besides the judgement.
        config: What another trainer was meant to do.
        dialect: Tag names of another trainer.
        cross_check: Read everything a second time with an independent reader.
        baseline: An earlier GO to compare with.

    Raises:
        GatesError: The directory or a configuration file cannot be used.
        OutputError: `out` cannot be written or the disk is full.
    """
    from gates import gate_file
    from reports.stage_report import write_stage_report

    spec = load_gate(gate)
    judgement = judge(
        directory,
        gate=spec,
        stage=stage,
        planned_steps=planned_steps,
        config=config,
        dialect=dialect,
        cross_check=cross_check,
        baseline=baseline,
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
        gate_file.write(judgement.result, out / GATE_FILE)
        report = write_stage_report(judgement, context(judgement), out)
    except OSError as error:
        raise OutputError.from_os_error("The report", out, error) from error
    return Judged(judgement=judgement, report=report, gate_json=out / GATE_FILE)


def free_judgement_folder(run: Path) -> Path:
    """Return where a further judgement of one of our runs goes; the first one is never replaced."""
    if not (run / GATE_FILE).exists():
        return run
    candidates = (run / f"rejudged-{number:03d}" for number in itertools.count(1))
    return next(folder for folder in candidates if not folder.exists())
