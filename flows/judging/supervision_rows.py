"""What the report of a stage says about its attempts, stalls, resources, interim gates and alerts."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

from flows.records.json_file import read_json
from flows.records.pipeline_record import AttemptRecord, RunRecord
from flows.settings.trainers.placeholders import written
from flows.settings.warm_start import warm_start_words
from flows.training.health.resources import resource_summary
from flows.training.live.alerts import read_alerts
from flows.training.live.interim import read_interim
from flows.training.process.attempt_ends import End
from reports.context import InterimGate, RaisedAlert
from reports.stage.interim import interim_name

Rows = tuple[tuple[str, str], ...]


def supervision_rows(run: RunRecord, folder: Path) -> Rows:
    """Return label and text of what happened while the run was trained."""
    rows = _command_rows(folder)
    warm = (read_json(folder / "run.json") or {}).get("warm_start")
    if isinstance(warm, dict):
        rows.append(("Warm start", warm_start_words(warm)))
    if run.attempts:
        rows.append(("Attempts", _attempts(run.attempts)))
    stalls = sorted(path.name for path in folder.glob("stall-*.txt"))
    if stalls:
        rows.append(("Stacks of stalls", ", ".join(f"`{name}`" for name in stalls)))
    resources = resource_summary(folder)
    if resources:
        rows.append(("Resources", resources))
    return tuple(rows)


def _command_rows(folder: Path) -> list[tuple[str, str]]:
    """Return what a trainer by command was started with; nothing for our own."""
    told = read_json(folder / "run.json") or {}
    trainer, values = told.get("trainer"), told.get("train")
    if not isinstance(trainer, dict) or not isinstance(trainer.get("command"), list):
        return []
    command = " ".join(shlex.quote(str(argument)) for argument in trainer["command"])
    # Not as code: a span of code is cut where it is long.
    rows = [("Trainer", command), ("Its folder", f"`{trainer.get('cwd', '')}`")]
    if isinstance(values, dict) and values:
        given = ", ".join(f"{name} {_written(value)}" for name, value in values.items())
        rows.append(("Values given", given))
    return rows


def _written(value: object) -> str:
    return " ".join(map(written, value)) if isinstance(value, list) else written(value)


def interim_gates(folder: Path) -> tuple[InterimGate, ...]:
    """Return what the stage's gate said on the way."""
    return tuple(
        InterimGate(
            step=verdict.step,
            standing=verdict.standing.value,
            deciding=verdict.deciding,
            page=name if (folder / (name := interim_name(verdict.step))).is_file() else "",
        )
        for verdict in read_interim(folder)
    )


def raised_alerts(folder: Path) -> tuple[RaisedAlert, ...]:
    """Return the alerts that were raised while the run was trained."""
    return tuple(
        RaisedAlert(
            at=alert.at,
            step=alert.step,
            level=alert.level,
            title=alert.title,
            value=alert.value,
            limit=alert.limit,
        )
        for alert in read_alerts(folder)
    )


def _attempts(attempts: Sequence[AttemptRecord]) -> str:
    if len(attempts) == 1 and attempts[0].end == End.FINISHED.value and not attempts[0].why:
        return "1, which finished"
    if len(attempts) == 1:
        return f"1, {_sentence(attempts[0])}"
    return " ".join(f"Attempt {one.attempt}, {_sentence(one)}" for one in attempts)


def _sentence(attempt: AttemptRecord) -> str:
    began = f"from step {attempt.from_step:,}" if attempt.from_step else "from the start"
    why = attempt.why or f"It {attempt.end or 'goes on'}."
    return f"{began}: {why}"
