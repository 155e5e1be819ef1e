"""Declares logged points void where a trainer went on from a checkpoint without saying so in its event files."""

from __future__ import annotations

from pathlib import Path


def write_purge_mark(events: Path, *, step: int, at: float) -> Path:
    """Write a small event file: points of older files at or after `step` are void.

    It holds the session-start record that TensorBoard's writers make with `purge_step`.

    Args:
        events: Folder below which the event files lie.
        step: First environment step that the new attempt logged.
        at: When the new attempt began; the files before it are older. Seconds since the epoch.

    Raises:
        OSError: It cannot be written.
    """
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog
    from tensorboard.summary.writer.record_writer import RecordWriter

    folder = _folder_of(events)
    path = folder / f"events.out.tfevents.{int(at)}.gonogo-purge"
    temporary = folder / f".purge-{int(at)}"
    with temporary.open("wb") as file:
        writer = RecordWriter(file)
        for event in (
            Event(wall_time=at, file_version="brain.Event:2"),
            Event(wall_time=at, step=step, session_log=SessionLog(status=SessionLog.START)),
        ):
            writer.write(event.SerializeToString())
        writer.flush()
    temporary.replace(path)
    return path


def _folder_of(events: Path) -> Path:
    """Return the folder of the event files: that, or a folder of the trainer's own below it."""
    found = sorted({path.parent for path in events.rglob("*tfevents*")})
    return found[0] if found else events
