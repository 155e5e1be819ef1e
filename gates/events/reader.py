"""Reads the event files of a finished or running training into series of scalars."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import structs

from gates.errors import InputError
from gates.events.folder import EventFolder, find_event_folder
from gates.events.one_run.writers import (
    first_tags,
    made_by_add_scalars,
    prefix_beside,
    says_what_it_is,
)
from gates.events.tail import EventTail
from gates.series import EventLog
from gates.tags import tag_of_part

_PARTS_LIMIT = 200
"""Sub-directories that are read; `add_scalars` makes one for each curve."""


def read_events(directory: Path) -> EventLog:
    """Return every scalar of the run in `directory`, with what was damaged, purged or left out.

    A file that still grows is read up to the size that it has when it is opened. Folders that other writers of the
    same run made are read as well: of `SummaryWriter.add_scalars` in `train_return/` the tag `train` is
    `train/return`; `eval/` beside or below the training keeps its tags, as `eval/TAG` where the training has them too.

    Raises:
        InputError: The directory is missing, holds no event files or those of several runs, or none of its event
            files has an intact event.
    """
    tail = EventTail(directory)
    log = tail.poll()
    if tail.folder is None:
        find_event_folder(directory)
    for path, part in _candidates(directory, tail.folder):
        log = _with_folder(log, directory, tail.folder, path, part)
    if not any(file.records for file in log.files):
        reasons = "; ".join(f"{d.path.name}: {d.note}" for d in log.damage[:3])
        raise InputError(f"{directory} holds no readable event ({reasons or 'no file'})")
    return log


def _candidates(directory: Path, folder: EventFolder | None) -> Iterator[tuple[Path, str]]:
    """Yield folders that another writer of the run may have made, with their names below what is around both."""
    if folder is None or folder.went_on:
        return
    others = [*((f, folder.path) for f in folder.below), *((f, directory) for f in folder.beside)]
    for path, around in others[:_PARTS_LIMIT]:
        if not any(path in other.parents for other, _ in others):
            yield path, str(path.relative_to(around))


def _with_folder(
    log: EventLog, directory: Path, folder: EventFolder | None, path: Path, part: str
) -> EventLog:
    """Add a folder that another writer of the same run made; the log as it is where it is another run's."""
    if folder is None:
        return log
    name, prefix = f"{path.relative_to(directory)}/", ""
    if not made_by_add_scalars(part, first_tags(path)):
        if not says_what_it_is(Path(part)):
            return log
        beside = path in folder.beside
        main = folder.path.relative_to(directory) if beside else Path()
        found = prefix_beside(Path(part), EventTail(path).poll().series, main, log.series)
        if found is None:
            return log
        prefix = found
    added = with_part(log, EventTail(path).poll(), part, prefix)
    ignored = {other: why for other, why in log.ignored.items() if other != name}
    return log if added is None else structs.replace(added, ignored=ignored)


def with_part(log: EventLog, part_log: EventLog, part: str, prefix: str) -> EventLog | None:
    """Add what another writer logged; None where a tag of it is there already."""
    series = {tag_of_part(part, prefix, tag): s for tag, s in part_log.series.items()}
    if series.keys() & log.series.keys() or len(series) < len(part_log.series):
        return None
    named = {tag: structs.replace(s, tag=tag) for tag, s in series.items()}
    files = (structs.replace(file, part=part, prefix=prefix) for file in part_log.files)
    return structs.replace(
        log,
        series={**log.series, **named},
        files=(*log.files, *files),
        damage=(*log.damage, *part_log.damage),
        purged_points=log.purged_points + part_log.purged_points,
    )
