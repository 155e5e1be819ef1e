"""Writes down that early stopping ended a training, for the gate that judges it."""

from __future__ import annotations

from pathlib import Path

from flows.errors import OutputError
from gates.files import write_atomically
from gates.runs.ended_early import ENDED_EARLY_FILE, EndedEarly


def write_ended_early(run: Path, ended: EndedEarly) -> None:
    """Write ended-early.json, before the trainer is asked to stop.

    Raises:
        OutputError: It cannot be written.
    """
    path = run / ENDED_EARLY_FILE
    try:
        write_atomically(path, ended.to_json())
    except OSError as error:
        raise OutputError.from_os_error("What early stopping said", path, error) from error


def forget_ended_early(run: Path) -> None:
    """Remove what an earlier attempt left behind: the training goes on.

    Raises:
        OutputError: It cannot be removed.
    """
    path = run / ENDED_EARLY_FILE
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError.from_os_error("What early stopping said", path, error) from error
