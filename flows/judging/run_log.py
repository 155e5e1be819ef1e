"""Reads the events of a stored run again, under the tag names that reports know."""

from __future__ import annotations

from pathlib import Path

from gates.errors import GatesError
from gates.events.reader import read_events
from gates.runs.run_info import load_run_info
from gates.runs.translate import choose_dialect, translate
from gates.series import EventLog


def translated_log(folder: Path) -> EventLog:
    """Read the events of a run with canonical tags.

    Raises:
        GatesError: They cannot be read or translated.
    """
    raw, info = read_events(folder), load_run_info(folder)
    return translate(raw, choose_dialect(raw, info.dialect if info else ""))


def read_log(source: Path) -> tuple[EventLog | None, str]:
    """Read a run's series with canonical tags; without any, say why."""
    try:
        return translated_log(source), ""
    except GatesError as error:
        return None, f"its events cannot be drawn: {error}."
