"""Writes down that early stopping ended a training, for the gate that judges it, and that it may end one."""

from __future__ import annotations

from pathlib import Path

from flows.errors import writing
from gates.files import write_atomically
from gates.runs.ended_early import ENDED_EARLY_FILE, EndedEarly

_ALLOWED = "end-early"
"""File in the run folder: early stopping may end this training, whatever the stage's mode."""


def write_ended_early(run: Path, ended: EndedEarly) -> None:
    """Write ended-early.json, before the trainer is asked to stop.

    Raises:
        OutputError: It cannot be written.
    """
    path = run / ENDED_EARLY_FILE
    with writing("What early stopping said", path):
        write_atomically(path, ended.to_json())


def allow_early_stop(run: Path) -> None:
    """Let early stopping end a training whose stage only warns.

    Raises:
        OutputError: It cannot be written.
    """
    path = run / _ALLOWED
    with writing("That the training may be ended", path):
        write_atomically(path, "")


def is_allowed(run: Path) -> bool:
    """Say whether somebody allowed early stopping for this run."""
    return (run / _ALLOWED).exists()


def forget_ended_early(run: Path) -> None:
    """Remove what an earlier attempt left behind: the training goes on.

    Raises:
        OutputError: It cannot be removed.
    """
    path = run / ENDED_EARLY_FILE
    with writing("What early stopping said", path):
        path.unlink(missing_ok=True)
