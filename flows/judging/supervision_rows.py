"""What the report of a stage says about its attempts, stalls and resources."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flows.records.pipeline_record import AttemptRecord, RunRecord
from flows.supervising.attempt_ends import End
from flows.supervising.resources import resource_summary

Rows = tuple[tuple[str, str], ...]


def supervision_rows(run: RunRecord, folder: Path) -> Rows:
    """Return label and text of what happened while the run was trained."""
    rows: list[tuple[str, str]] = []
    if run.attempts:
        rows.append(("Attempts", _attempts(run.attempts)))
    stalls = sorted(path.name for path in folder.glob("stall-*.txt"))
    if stalls:
        rows.append(("Stacks of stalls", ", ".join(f"`{name}`" for name in stalls)))
    resources = resource_summary(folder)
    if resources:
        rows.append(("Resources", resources))
    return tuple(rows)


def _attempts(attempts: Sequence[AttemptRecord]) -> str:
    if len(attempts) == 1 and attempts[0].end == End.FINISHED.value:
        return "1, which finished"
    return f"{len(attempts)}. " + " ".join(_sentence(attempt) for attempt in attempts)


def _sentence(attempt: AttemptRecord) -> str:
    began = f"from step {attempt.from_step:,}" if attempt.from_step else "from the start"
    why = attempt.why or f"It {attempt.end or 'goes on'}."
    return f"{attempt.attempt}, {began}: {why}"
