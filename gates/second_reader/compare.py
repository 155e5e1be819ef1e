"""Reads the same event files with tbparse, an independent reader, and compares point by point.

tbparse takes some ten microseconds a point. Of logs that are too long for it, stretches are compared.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

import numpy as np
from msgspec import Struct, structs

from gates.events.reader import with_part
from gates.events.tag_table import OTHER_TAGS, shortened
from gates.events.tail import EventTail
from gates.second_reader.sample import write_sample
from gates.second_reader.tbparse_reader import (
    READER,
    ROW,
    FileToRead,
    Read,
    Rows,
    judged_bytes,
    one_line,
    read_files,
    rows_of,
)
from gates.series import EventFile, EventLog, Series

_DIFFERENCES_LIMIT = 20
WHOLE_POINTS = 200_000
"""Longer logs are compared in stretches."""
_SAMPLED_POINTS = 100_000
"""Points that the stretches of such a log hold in all, about."""
STRETCHES = 16
"""Stretches of each file."""


class CrossCheck(Struct, frozen=True, kw_only=True):
    """What two readers make of the same bytes.

    `agrees`: they find the same points, apart from what tbparse is known not to see.
    `explained_by_damage`: they do not, but only because tbparse stops at the first damaged record
    of a file while we read on. When neither holds, the readings contradict each other.
    """

    agrees: bool
    explained_by_damage: bool
    compared_tags: int
    compared_points: int
    """Less than the log has when only stretches of its files were compared."""
    differences: tuple[str, ...]
    """One sentence each; those that are explained say by what."""
    reader: str


def cross_check(log: EventLog, directory: Path, read: Read = read_files) -> CrossCheck:
    """Compare a raw reading of the run in `directory` with that of tbparse; never raises.

    Steps and values of every tag must be the same, bit for bit and as often (NaN equals NaN). The
    files are handed to tbparse one by one and cut to the bytes that were judged; points that a
    later session start voids are taken out of its result, because it does not know session starts
    of other files. `read` is tbparse here, or in another process.

    Of a log with more than `WHOLE_POINTS` points, `STRETCHES` stretches of each file are compared:
    both readers read the stretches alone, and every point that they find there must be in `log`.
    """
    try:
        if sum(map(len, log.series.values())) > WHOLE_POINTS:
            return _compare_stretches(log, read)
        return _compare(log, read)
    except Exception as error:  # an independent reader may fail in any way: that is a result
        reader = _reader_and_version()
        reason = f"{reader} failed on {directory}: {one_line(error)}"
        return CrossCheck(
            agrees=False,
            explained_by_damage=False,
            compared_tags=0,
            compared_points=0,
            differences=(reason,),
            reader=reader,
        )


def _reader_and_version() -> str:
    with contextlib.suppress(metadata.PackageNotFoundError):
        return f"{READER} {metadata.version(READER)}"
    return READER


def _compare_stretches(log: EventLog, read: Read) -> CrossCheck:
    share = _SAMPLED_POINTS / sum(map(len, log.series.values()))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts: dict[str, tuple[int, str]] = {}
        for file in log.files:
            with judged_bytes(_to_read(file, None)) as path:
                number = parts.setdefault(file.part, (len(parts), file.prefix))[0]
                (folder / str(number)).mkdir(exist_ok=True)
                write_sample(
                    path,
                    folder / str(number) / file.path.name,
                    stretches=STRETCHES,
                    stretch_bytes=int(file.size_bytes * share / STRETCHES) + 4096,
                )
        sample = read_parts(folder, parts)
        check = _compare(sample, read)
    valid_to = _first_void(log) if _first_void(sample) != _first_void(log) else None
    lost = [
        f"{tag!r}: points of a stretch that is read alone are not among those that were judged"
        for tag, series in sample.series.items()
        if tag not in log.skipped_tags and not _is_read(series, log.series.get(tag), valid_to)
    ]
    return structs.replace(
        check,
        agrees=check.agrees and not lost,
        explained_by_damage=check.explained_by_damage and not lost,
        differences=_shortened([*lost, *check.differences]),
    )


def read_parts(folder: Path, parts: Mapping[str, tuple[int, str]]) -> EventLog:
    """Read the stretches of a run's own files and of what its other writers made; number and prefix of each part."""
    read = [
        (part, prefix, EventTail(folder / str(n)).poll()) for part, (n, prefix) in parts.items()
    ]
    log = next((each for part, _, each in read if not part), EventLog(series={}, files=()))
    for part, prefix, each in read:
        log = (part and with_part(log, each, part, prefix)) or log
    return log


def _first_void(log: EventLog) -> int | None:
    """Return the step from which on points of some files are void, if any are."""
    return min((f.purge_step for f in log.files if f.purge_step is not None), default=None)


def _is_read(part: Series, whole: Series | None, valid_to: int | None) -> bool:
    """Tell whether every point of a stretch before the step `valid_to` is in the log."""
    there = slice(None) if valid_to is None else part.steps < valid_to
    steps, values = part.steps[there], part.values[there]
    if whole is None:
        return not len(steps)
    nearby = np.isin(whole.steps, steps)
    return _contains(rows_of(whole.steps[nearby], whole.values[nearby]), rows_of(steps, values))


def _compare(log: EventLog, read: Read) -> CrossCheck:
    damaged = {damage.path for damage in log.damage}
    files = []
    for index, file in enumerate(log.files):
        later = [
            f.purge_step
            for f in log.files[index + 1 :]
            if f.purge_step is not None and f.part == file.part
        ]
        # Of a damaged file without records nothing was read; what it is stands in the damage.
        if file.records or file.path not in damaged:
            files.append(_to_read(file, min(later, default=None)))
    reading = read(files)
    unexplained: list[str] = list(reading.failed)
    by_damage: list[str] = []
    points = 0
    for tag in sorted(log.series.keys() | reading.parts.keys()):
        series, parts = log.series.get(tag), reading.parts.get(tag, [])
        theirs = np.sort(np.concatenate([np.empty(0, ROW), *parts]))
        if series is None:
            named = log.skipped_tags.get(shortened(tag))
            reason = named or log.skipped_tags.get(OTHER_TAGS)
            if reason and len(theirs):
                reading.explained.append(f"{shortened(tag)!r}: left out here, because {reason}")
                continue
            ours = np.empty(0, ROW)
        else:
            ours = np.sort(rows_of(series.steps, series.values))
        points += len(ours)
        if np.array_equal(ours, theirs):
            continue
        sentence = _difference(tag, ours, theirs)
        if damaged and _contains(ours, theirs):
            by_damage.append(f"{sentence} (explained: {READER} stops at damage)")
        elif tag in log.skipped_tags and _contains(theirs, ours):
            reading.explained.append(f"{sentence} (explained: {log.skipped_tags[tag]})")
        else:
            unexplained.append(sentence)
    differences = _shortened([*unexplained, *by_damage, *reading.explained])
    return CrossCheck(
        agrees=not unexplained and not by_damage,
        explained_by_damage=bool(by_damage) and not unexplained,
        compared_tags=len(log.series),
        compared_points=points,
        differences=differences,
        reader=_reader_and_version(),
    )


def _to_read(file: EventFile, void_from: int | None) -> FileToRead:
    return FileToRead(
        path=str(file.path.absolute()),
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        part=file.part,
        prefix=file.prefix,
        void_from=void_from,
    )


def _contains(whole: Rows, part: Rows) -> bool:
    """Tell whether every point of `part` is in `whole` at least as often."""
    rows, counts = np.unique(part, return_counts=True)
    there, there_counts = np.unique(whole, return_counts=True)
    known = dict(zip(there.tolist(), there_counts.tolist(), strict=True))
    pairs = zip(rows.tolist(), counts.tolist(), strict=True)
    return all(known.get(row, 0) >= count for row, count in pairs)


def _difference(tag: str, ours: Rows, theirs: Rows) -> str:
    if len(ours) != len(theirs):
        return f"{tag!r}: {len(ours):,} points here, {len(theirs):,} with {READER}"
    at = int(np.argmax(ours != theirs))
    one, other = ours[at], theirs[at]
    return (
        f"{tag!r}: step {one['step']} is {_value(one)} here, "
        f"step {other['step']} is {_value(other)} with {READER}"
    )


def _value(row: np.void) -> float:
    return float(np.array(row["value"], dtype=np.uint64).view(np.float64))


def _shortened(differences: list[str]) -> tuple[str, ...]:
    more = len(differences) - _DIFFERENCES_LIMIT
    if more <= 0:
        return tuple(differences)
    return (*differences[:_DIFFERENCES_LIMIT], f"and {more:,} more differences")
