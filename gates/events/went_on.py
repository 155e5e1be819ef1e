"""Tells one run that went on in a new folder from several runs: by its attempts, or by time and growing steps.

Trainers that name a folder by a number or by the time (`TD3_2`, `2026-01-31_12-00`) make a new one when they resume.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
from msgspec import Struct

from gates.events.decoder import EventDecoder
from gates.events.file import FileReplacedError, FileTail
from gates.events.folder import event_files
from gates.events.points import by_tag
from gates.events.tag_table import TagTable
from gates.series import Series

_HEAD_BYTES = 4_096
_MOST_FOLDERS = 100
_FRESH = 2
"""A fresh run logs a tag first within so many of the tag's intervals from where another one did."""


class WentOn(Struct, frozen=True, kw_only=True):
    """The folders of one run, in the order in which it wrote them."""

    folders: tuple[Path, ...]
    void_from: Mapping[Path, int]
    """Step from which a folder voids what the ones before it logged, where no file says so."""


def went_on(directory: Path, folders: Sequence[Path]) -> WentOn | None:
    """Return the order in which one run wrote several folders; None when they are several runs.

    In a run directory whose run.json names attempts, each folder must have begun in an attempt of its own.
    Elsewhere, each must begin after the one before has ended, at steps that a fresh run does not begin with.
    """
    if len(folders) > _MOST_FOLDERS:
        return None
    began = _attempts(directory)
    if len(began) > 1:
        return _by_attempt(folders, began)
    return _by_steps(folders)


def _attempts(directory: Path) -> list[float]:
    """Return when each attempt of a run directory began, in seconds since the epoch; empty without a run.json."""
    run = directory.parent if directory.name == "events" else directory
    try:
        attempts = json.loads((run / "run.json").read_text(encoding="utf-8"))["attempts"]
        return sorted(datetime.fromisoformat(a["started_at"]).timestamp() for a in attempts)
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _by_attempt(folders: Sequence[Path], began: list[float]) -> WentOn | None:
    begun = [head for folder in folders if (head := _head(folder)) is not None]
    begun.sort(key=lambda head: head.wall_time)
    attempts = [bisect_right(began, head.wall_time) for head in begun]
    if len(set(attempts)) < len(attempts) or not begun:
        return None
    # What such an attempt logs again, its supervisor declares void.
    return WentOn(folders=tuple(head.folder for head in begun), void_from={})


class _Head(Struct, frozen=True, kw_only=True):
    """How a folder begins."""

    folder: Path
    wall_time: float
    step: int | None
    """Lowest step of the first points; None where none is that near."""


def _head(folder: Path) -> _Head | None:
    """Read the heads of a folder's files; None where it has no event yet."""
    files = [FileTail(path, EventDecoder(TagTable())) for path in event_files(folder)]
    found = [d for file in files if (d := file.read_head(_HEAD_BYTES)) is not None]
    times = [d.first_wall_time for d in found if d.first_wall_time is not None]
    if not times:
        return None
    steps = [each for d in found for each in (d.points.steps, *(table.steps for table in d.tables))]
    step = min((int(each.min()) for each in steps if len(each)), default=None)
    return _Head(folder=folder, wall_time=min(times), step=step)


class _Part(Struct, frozen=True, kw_only=True):
    folder: Path
    series: Mapping[str, Series]
    first_wall_time: float
    last_wall_time: float
    marked: bool
    """A file of it says itself which earlier points are void."""


def _by_steps(folders: Sequence[Path]) -> WentOn | None:
    if _begin_alike(folders):
        return None
    parts = [part for folder in folders if (part := _read(folder)) is not None]
    parts.sort(key=lambda part: part.first_wall_time)
    if len(parts) < len(folders):
        return None
    for before, after in pairwise(parts):
        if after.first_wall_time < before.last_wall_time or not _continues(before, after):
            return None
    void_from = {
        part.folder: min(int(series.steps.min()) for series in part.series.values())
        for part in parts[1:]
        if not part.marked
    }
    return WentOn(folders=tuple(part.folder for part in parts), void_from=void_from)


def _begin_alike(folders: Sequence[Path]) -> bool:
    """Tell several runs without reading them whole: a later one begins no further than the first one did."""
    heads = [head for folder in folders if (head := _head(folder)) is not None]
    heads.sort(key=lambda head: head.wall_time)
    steps = [head.step for head in heads if head.step is not None]
    return any(step <= steps[0] for step in steps[1:])


def _read(folder: Path) -> _Part | None:
    tags = TagTable()
    decoder = EventDecoder(tags)
    files = [FileTail(path, decoder) for path in event_files(folder)]
    files.sort(key=FileTail.order)
    try:
        decoded = [part for file in files for part in file.read()]
    except FileReplacedError:
        return None
    series = by_tag(decoded, tags.names)
    times = [s.wall_times for s in series.values()]
    if not times:
        return None
    return _Part(
        folder=folder,
        series=series,
        first_wall_time=float(min(t.min() for t in times)),
        last_wall_time=float(max(t.max() for t in times)),
        marked=any(file.lowest_start is not None for file in files),
    )


def _continues(before: _Part, after: _Part) -> bool:
    """Tell whether most tags go on where they stood, rather than begin again where they had begun."""
    common = before.series.keys() & after.series.keys()
    alike = 2 * len(common) > len(before.series.keys() | after.series.keys())
    go_on = sum(_goes_on(before.series[tag], after.series[tag]) for tag in common)
    return alike and 2 * go_on > len(common)


def _goes_on(before: Series, after: Series) -> bool:
    gap = max(_interval(before), _interval(after))
    first, last = int(before.steps.min()), int(before.steps.max())
    begins = int(after.steps.min())
    return (
        gap > 0 and first + _FRESH * gap < begins <= last + _FRESH * gap and begins > _FRESH * gap
    )


def _interval(series: Series) -> int:
    """Return the largest distance between two points; 0 of a single one, of which nothing is known."""
    return int(np.diff(np.unique(series.steps)).max(initial=0))
