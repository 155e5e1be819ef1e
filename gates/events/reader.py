"""Reads the event files of a finished or running training into series of scalars."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import structs

from gates.errors import InputError
from gates.events.decoder import EventDecoder
from gates.events.folder import EventFolder, event_files, find_event_folder
from gates.events.framing import RecordBatch
from gates.events.scanner import RecordScanner
from gates.events.tag_table import TagTable
from gates.events.tail import EventTail
from gates.series import EventLog
from gates.tags import part_tag

_PEEK_BYTES = 65_536
_PARTS_LIMIT = 200
"""Sub-directories that are read; `add_scalars` makes one for each curve."""


def read_events(directory: Path) -> EventLog:
    """Return every scalar of the run in `directory`, with what was damaged, purged or left out.

    A file that still grows is read up to the size that it has when it is opened. Sub-directories that
    `SummaryWriter.add_scalars` made are read as well: `train_return/` with the tag `train` is `train/return`.

    Raises:
        InputError: The directory is missing, holds no event files or those of several runs, or none of its event
            files has an intact event.
    """
    tail = EventTail(directory)
    log = tail.poll()
    if tail.folder is None:
        find_event_folder(directory)
    folder = tail.folder
    if not any(file.records for file in log.files):
        reasons = "; ".join(f"{d.path.name}: {d.note}" for d in log.damage[:3])
        raise InputError(f"{directory} holds no readable event ({reasons or 'no file'})")
    for path, part in _parts(folder):
        log = _with_part(log, EventTail(path).poll(), part, f"{path.relative_to(directory)}/")
    return log


def _parts(folder: EventFolder | None) -> Iterator[tuple[Path, str]]:
    """Yield the sub-directories whose names follow from the tags in them, as `add_scalars` names them."""
    if folder is None or folder.went_on:
        return
    for path in folder.below[:_PARTS_LIMIT]:
        part = str(path.relative_to(folder.path))
        if any(path in other.parents for other in folder.below):
            continue
        tags = _first_tags(path)
        if tags and all(part_tag(part, tag) for tag in tags):
            yield path, part


def _first_tags(folder: Path) -> list[str]:
    table = TagTable()
    decoder = EventDecoder(table)
    try:
        with event_files(folder)[0].open("rb") as file:
            begin = file.read(_PEEK_BYTES)
    except OSError:
        return []
    for item in RecordScanner().feed(begin, at_end=False):
        if isinstance(item, RecordBatch):
            decoder.decode(item)
    return table.names


def _with_part(log: EventLog, part_log: EventLog, part: str, name: str) -> EventLog:
    """Add a sub-directory to a log, unless a tag of it does not follow the rule or is logged already."""
    series = {part_tag(part, tag): s for tag, s in part_log.series.items()}
    if None in series or series.keys() & log.series.keys():
        return log
    named = {tag: structs.replace(s, tag=tag) for tag, s in series.items() if tag is not None}
    return structs.replace(
        log,
        series={**log.series, **named},
        files=(*log.files, *(structs.replace(file, part=part) for file in part_log.files)),
        damage=(*log.damage, *part_log.damage),
        purged_points=log.purged_points + part_log.purged_points,
        ignored={other: why for other, why in log.ignored.items() if other != name},
    )
