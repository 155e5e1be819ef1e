"""Declares logged points void where a trainer went on from a checkpoint without saying so in its event files."""

from __future__ import annotations

from pathlib import Path

from flows.training.health.events import first_record, session_start


def write_purge_mark(folder: Path, *, step: int, at: float) -> Path:
    """Write a small event file: points of older files at or after `step` are void.

    It holds the session-start record that TensorBoard's writers make with `purge_step`.

    Args:
        folder: Of the event files.
        step: First environment step that the new attempt logged.
        at: When the new attempt began; the files before it are older. Seconds since the epoch.

    Raises:
        OSError: It cannot be written.
    """
    path = folder / f"events.out.tfevents.{int(at)}.gonogo-purge"
    temporary = folder / f".purge-{int(at)}"
    temporary.write_bytes(first_record(at) + session_start(at, step))
    temporary.replace(path)
    return path
