"""Reads the event files of a finished or running training into series of scalars."""

from __future__ import annotations

from pathlib import Path

from gates.errors import InputError
from gates.events.folder import find_event_folder
from gates.events.tail import EventTail
from gates.series import EventLog


def read_events(directory: Path) -> EventLog:
    """Return every scalar of the run in `directory`, with what was damaged, purged or left out.

    A file that still grows is read up to the size that it has when it is opened.

    Raises:
        InputError: The directory is missing, holds no event files or those of several runs, or not
        one of its event
            files has a single intact event.
    """
    find_event_folder(directory)
    log = EventTail(directory).poll()
    if not any(file.records for file in log.files):
        reasons = "; ".join(f"{d.path.name}: {d.note}" for d in log.damage[:3])
        raise InputError(f"{directory} holds no readable event ({reasons or 'no file'})")
    return log
