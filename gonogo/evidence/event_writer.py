"""The trainer's writer of event files, loaded by its file: the user's program may have its own package `trainer`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gonogo.start import load_file

if TYPE_CHECKING:
    from trainer.run.event_writer import EventWriter
else:
    EventWriter = load_file(
        "trainer/run/event_writer.py", "gonogo.evidence.writer_of_trainer"
    ).EventWriter

__all__ = ["EventWriter"]
