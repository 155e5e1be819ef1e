"""Tells one run that went on in a new folder from several runs: by its attempts, or by growing steps.

Trainers that name a folder by a number or by the time (`TD3_2`, `2026-01-31_12-00`) make a new one when they resume.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
from msgspec import Struct

from gates.events.decoder import EventDecoder
from gates.events.file import FileReplacedError, FileTail
from gates.events.folder import event_files
from gates.events.one_run.order import in_order
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
    Elsewhere, none may be written while another one is, and each must begin where the one before has ended, at steps
    that a fresh run does not begin with. Steps say which comes first where the clock was set back.
    """
    if len(folders) > _MOST_FOLDERS:
        return None
    began = _attempts(directory)
    if len(began) > 1:
        return _by_attempt(folders, began)
    return _by_steps(folders)


def _attempts(directory: Path) -> list[float]:
    """Return when each attempt of a run directory began, in their order, in seconds since the epoch."""
    run = directory.parent if directory.name == "events" else directory
    try:
        attempts = json.loads((run / "run.json").read_text(encoding="utf-8"))["attempts"]
        return [datetime.fromisoformat(a["started_at"]).timestamp() for a in attempts]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _by_attempt(folders: Sequence[Path], began: list[float]) -> WentOn | None:
    begun = [head for folder in folders if (head := _head(folder)) is not None]
    by_attempt = {_attempt_of(head, began): head.folder for head in begun}
    if len(by_attempt) < len(begun) or not begun:
        return None
    # What such an attempt logs again, its supervisor declares void.
    return WentOn(folders=tuple(by_attempt[number] for number in sorted(by_attempt)), void_from={})


def _attempt_of(head: _Head, began: list[float]) -> int:
    """Return the attempt that began last before a folder did; the clock may have been set back between attempts."""
    before = [(at, number) for number, at in enumerate(began) if at <= head.wall_time]
    return max(before, default=(0.0, -1))[1]


class _Head(Struct, frozen=True, kw_only=True):
    """How a folder begins."""

    folder: Path
    wall_time: float
    first: int | None
    """Lowest step of the first points; None where none is that near."""
    fresh: int
    """A step up to which a run that begins as this one does has its first point."""


def _head(folder: Path) -> _Head | None:
    """Read the heads of a folder's files; None where it has no event yet."""
    files = [FileTail(path, EventDecoder(TagTable())) for path in event_files(folder)]
    found = [d for file in files if (d := file.read_head(_HEAD_BYTES)) is not None]
    times = [d.first_wall_time for d in found if d.first_wall_time is not None]
    if not times:
        return None
    steps = [each for d in found for each in (d.points.steps, *(table.steps for table in d.tables))]
    rows = np.unique(np.concatenate([np.empty(0, np.int64), *steps]))[: _FRESH + 1]
    return _Head(
        folder=folder,
        wall_time=min(times),
        first=int(rows[0]) if len(rows) else None,
        fresh=int(rows[-1]) if len(rows) else 0,
    )


class _Part(Struct, frozen=True, kw_only=True):
    folder: Path
    series: Mapping[str, Series]
    first_wall_time: float
    last_wall_time: float
    marked: bool
    """A file of it says itself which earlier points are void."""

    @property
    def first_step(self) -> int:
        """Lowest step of any tag."""
        return min(int(series.steps.min()) for series in self.series.values())


def _by_steps(folders: Sequence[Path]) -> WentOn | None:
    if _begin_alike(folders):
        return None
    parts = [part for folder in folders if (part := _read(folder)) is not None]
    parts.sort(key=lambda part: part.first_step)
    if len(parts) < len(folders):
        return None
    for before, after in pairwise(parts):
        if _at_the_same_time(before, after) or not _continues(before, after):
            return None
    void_from = {part.folder: part.first_step for part in parts[1:] if not part.marked}
    return WentOn(folders=tuple(part.folder for part in parts), void_from=void_from)


def _begin_alike(folders: Sequence[Path]) -> bool:
    """Tell several runs without reading them whole: another one begins among the first rows of the earliest."""
    heads = [head for folder in folders if (head := _head(folder)) is not None]
    begun = sorted((head.first, head.fresh) for head in heads if head.first is not None)
    return any(first <= begun[0][1] for first, _ in begun[1:])


def _at_the_same_time(one: _Part, other: _Part) -> bool:
    return one.first_wall_time < other.last_wall_time and other.first_wall_time < one.last_wall_time


def _read(folder: Path) -> _Part | None:
    series, marked = read_folder(folder)
    times = [s.wall_times for s in series.values()]
    if not times:
        return None
    return _Part(
        folder=folder,
        series=series,
        first_wall_time=float(min(t.min() for t in times)),
        last_wall_time=float(max(t.max() for t in times)),
        marked=marked,
    )


def read_folder(folder: Path) -> tuple[Mapping[str, Series], bool]:
    """Return all points of a folder, and whether it says itself which earlier ones are void."""
    tags = TagTable()
    decoder = EventDecoder(tags)
    files = [FileTail(path, decoder) for path in event_files(folder)]
    try:
        decoded = {file.path: file.read() for file in files}
    except FileReplacedError:
        return {}, False
    ordered = [part for file in in_order(files) for part in decoded[file.path]]
    return by_tag(ordered, tags.names), any(file.lowest_start is not None for file in files)


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
