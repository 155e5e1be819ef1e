"""Collects the verdicts below a folder, of runs and of seeds together; event files are never read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

from flows.errors import UsageError
from flows.records.decisions import newest_decision
from flows.records.group_dir import read_group
from flows.records.group_record import GroupRecord
from flows.records.json_file import read_json
from flows.records.pipeline_record import PipelineRecord, RunRecord
from flows.records.run_dir import read_record
from flows.records.stored_result import GATE_FILE, RUN_FILE
from flows.stored.find import find_stored
from gates.errors import InputError
from gates.findings import GateResult, Verdict
from gates.result_file import from_json

State = TypeVar("State")


@dataclass(frozen=True, kw_only=True)
class HistoryRow:
    """One judged run, or the seeds of a stage that were judged together."""

    folder: Path
    """Where gate.json or joint.json lies."""
    started_at: str
    """UTC, ISO 8601; when gate.json was written if the run itself tells no time."""
    preset: str
    seed: int | None = None
    seeds: tuple[int, ...] = ()
    """Seeds that were judged together; empty for one run."""
    stage: str
    run: str
    """`run-001`; `run-001 rejudged-001` for a later judgement of the same run; `joint-001` of several seeds."""
    verdict: str
    decision: str
    """`approved by Ada`; empty when no person decided."""
    decision_reason: str
    deciding_check: str
    """The check that kept the verdict from GO; empty after a GO."""
    deciding: str
    cause: str = ""
    """First cause of the diagnosis; empty when none was named."""
    config_sha256: str = ""
    gate_sha256: str
    last_step: int | None = None
    steps_per_s: float | None = None
    """Environment steps per second of the whole training; None when its duration is unknown."""
    note: str = ""
    """What the user said about the run."""


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """Something that is no history that can be read."""

    path: Path
    reason: str


@dataclass(frozen=True, kw_only=True)
class History:
    """All judged runs below a folder, newest first."""

    rows: tuple[HistoryRow, ...]
    unreadable: tuple[Unreadable, ...]
    older: int
    """Verdicts that were left out because of the limit."""
    without_verdict: int
    """Runs that a pipeline recorded and that have no verdict: broken, cancelled or going on."""


@dataclass(frozen=True, kw_only=True)
class _Judged:
    folder: Path
    run: Path
    """The run's own folder: `folder`, or the one above a later judgement."""
    run_json: dict[str, Any]
    started_at: datetime


def read_history(
    root: Path, *, preset: str | None = None, stage: str | None = None, limit: int | None = None
) -> History:
    """Read gate.json, run.json, pipeline.json and group.json of everything below `root`, each once.

    With a limit only as many gate.json are read as are shown; a filter reads on until it has them.

    Raises:
        UsageError: There is no such folder.
    """
    found = find_stored(root)
    unreadable = [
        Unreadable(path=path, reason=f"cannot be listed: {why}.") for path, why in found.unreadable
    ]
    records = dict(_states(found.pipelines, read_record, unreadable))
    joint = [
        row
        for folder, group in _states(found.groups, read_group, unreadable)
        for row in _rows_of_group(folder, group)
        if preset in (None, row.preset) and stage in (None, row.stage)
    ]
    waiting = sorted(
        (_judged(folder) for folder in found.judged),
        key=lambda judged: (judged.started_at, str(judged.folder)),
        reverse=True,
    )
    rows: list[HistoryRow] = []
    looked_at = 0
    for judged in waiting:
        if limit is not None and len(rows) >= limit:
            break
        looked_at += 1
        try:
            row = _row(judged, _read_gate(judged.folder), records)
        except InputError as error:
            unreadable.append(Unreadable(path=judged.folder / GATE_FILE, reason=f"{error}."))
            continue
        if preset in (None, row.preset) and stage in (None, row.stage):
            rows.append(row)
    newest_first = sorted([*rows, *joint], key=lambda row: row.started_at, reverse=True)
    shown = newest_first[:limit]
    return History(
        rows=tuple(shown),
        unreadable=tuple(unreadable),
        older=len(waiting) - looked_at + len(newest_first) - len(shown),
        without_verdict=sum(
            1
            for record in records.values()
            if preset in (None, record.preset)
            for run in _recorded(record, stage)
            if not run.state.judged
        ),
    )


def _recorded(record: PipelineRecord, stage: str | None) -> Iterator[RunRecord]:
    for name, stage_record in record.stages.items():
        if stage in (None, name):
            yield from stage_record.runs


def _judged(folder: Path) -> _Judged:
    run = folder
    if not (folder / RUN_FILE).is_file() and (folder.parent / RUN_FILE).is_file():
        run = folder.parent
    run_json = read_json(run / RUN_FILE) or {}
    told = _time(run_json.get("started_at")) if run == folder else None
    return _Judged(
        folder=folder, run=run, run_json=run_json, started_at=told or _written_at(folder)
    )


def _time(text: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


def _written_at(folder: Path) -> datetime:
    try:
        seconds = (folder / GATE_FILE).stat().st_mtime
    except OSError:
        seconds = 0.0
    return datetime.fromtimestamp(seconds, tz=timezone.utc)


def _read_gate(folder: Path) -> GateResult:
    try:
        return from_json((folder / GATE_FILE).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise InputError("cannot be read: it is no JSON text") from error


def _row(judged: _Judged, result: GateResult, records: dict[Path, PipelineRecord]) -> HistoryRow:
    record = _record_of(judged.run, records)
    decided_by = result.deciding_finding
    decision = newest_decision(judged.folder)
    own = judged.run_json
    last_step = result.last_step if isinstance(result.last_step, int) else None
    training_s = record.training_s if record else None
    foreign = "" if own else Path(str(result.run)).name
    again = f"{judged.run.name} {judged.folder.name}"
    return HistoryRow(
        folder=judged.folder,
        started_at=judged.started_at.astimezone(timezone.utc).isoformat(timespec="seconds"),
        preset=str(result.preset or own.get("preset") or ""),
        seed=result.seed if isinstance(result.seed, int) else None,
        stage=str(result.stage),
        run=foreign or (judged.folder.name if judged.run == judged.folder else again),
        verdict=result.verdict.value,
        decision=f"{decision.kind} by {decision.by}" if decision else "",
        decision_reason=decision.reason if decision else "",
        deciding_check=str(decided_by.check) if decided_by else "",
        deciding=str(result.deciding),
        cause=str(result.diagnoses[0].cause) if result.diagnoses else "",
        config_sha256=str(result.config_sha256 or own.get("config_sha256") or ""),
        gate_sha256=str(result.gate_sha256),
        last_step=last_step,
        steps_per_s=last_step / training_s if last_step and training_s else None,
        note=record.note if record else "",
    )


def _states(
    folders: Iterable[Path], read: Callable[[Path], State | None], unreadable: list[Unreadable]
) -> Iterator[tuple[Path, State]]:
    """Read the state files of some folders; one that cannot be understood is noted."""
    for folder in folders:
        try:
            state = read(folder)
        except UsageError as error:
            unreadable.append(Unreadable(path=folder, reason=str(error)))
        else:
            if state is not None:
                yield folder, state


def _rows_of_group(folder: Path, group: GroupRecord) -> Iterator[HistoryRow]:
    for stage, joints in group.stages.items():
        for joint in joints.joints:
            decision = joint.decision
            yield HistoryRow(
                folder=folder / stage / joint.joint,
                started_at=joint.judged_at,
                preset=group.preset,
                seeds=tuple(sorted(joint.runs)) or group.seeds,
                stage=stage,
                run=joint.joint,
                verdict=joint.verdict.value,
                decision=f"{decision.kind} by {decision.by}" if decision else "",
                decision_reason=decision.reason if decision else "",
                deciding_check="" if joint.verdict is Verdict.GO else "seeds together",
                deciding=joint.deciding,
                gate_sha256=joint.gate_sha256,
            )


def _record_of(run: Path, records: dict[Path, PipelineRecord]) -> RunRecord | None:
    """Return what the pipeline recorded about a run, which lies two folders below it."""
    pipeline = records.get(run.parent.parent)
    stage = pipeline.stages.get(run.parent.name) if pipeline else None
    return next((r for r in stage.runs if r.run == run.name), None) if stage else None
