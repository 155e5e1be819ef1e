"""Reads the same event files with tbparse, an independent reader, and compares point by point.

tbparse takes some ten microseconds a point. Of logs that are too long for it, stretches are compared.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gates.event_reader import read_events
from gates.event_sample import write_sample
from gates.event_tags import OTHER_TAGS
from gates.series import EventFile, EventLog, Series

if TYPE_CHECKING:
    import pandas as pd

_READER = "tbparse"
_DIFFERENCES_LIMIT = 20
WHOLE_POINTS = 200_000
"""Longer logs are compared in stretches."""
_SAMPLED_POINTS = 100_000
"""Points that the stretches of such a log hold in all, about."""
STRETCHES = 16
"""Stretches of each file."""
_LOSING = ("bad_crc", "bad_length", "bad_record", "torn_tail", "not_an_event_file")

_Rows = NDArray[np.void]
_ROW = np.dtype([("step", np.int64), ("value", np.uint64)])
"""A point: step and the bits of its value, with one NaN for all."""


@dataclass(frozen=True, kw_only=True)
class CrossCheck:
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


@dataclass
class _Reading:
    """Points that tbparse finds, tag by tag, one part per file."""

    parts: dict[str, list[_Rows]] = field(default_factory=dict)
    explained: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def cross_check(log: EventLog, directory: Path) -> CrossCheck:
    """Compare a raw reading of the run in `directory` with that of tbparse; never raises.

    Steps and values of every tag must be the same, bit for bit and as often (NaN equals NaN). The
    files are handed to tbparse one by one and cut to the bytes that were judged; points that a
    later session start voids are taken out of its result, because it does not know session starts
    of other files.

    Of a log with more than `WHOLE_POINTS` points, `STRETCHES` stretches of each file are compared:
    both readers read the stretches alone, and every point that they find there must be in `log`.
    """
    reader = _READER
    with contextlib.suppress(metadata.PackageNotFoundError):
        reader = f"{_READER} {metadata.version(_READER)}"
    try:
        if sum(map(len, log.series.values())) > WHOLE_POINTS:
            return _compare_stretches(log, reader)
        return _compare(log, reader)
    except Exception as error:  # an independent reader may fail in any way: that is a result
        reason = f"{reader} failed on {directory}: {_one_line(error)}"
        return CrossCheck(
            agrees=False,
            explained_by_damage=False,
            compared_tags=0,
            compared_points=0,
            differences=(reason,),
            reader=reader,
        )


def _compare_stretches(log: EventLog, reader: str) -> CrossCheck:
    share = _SAMPLED_POINTS / sum(map(len, log.series.values()))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in log.files:
            with _judged_bytes(file) as path:
                write_sample(
                    path,
                    folder / file.path.name,
                    stretches=STRETCHES,
                    stretch_bytes=int(file.size_bytes * share / STRETCHES) + 4096,
                )
        sample = read_events(folder)
        check = _compare(sample, reader)
    valid_to = _first_void(log) if _first_void(sample) != _first_void(log) else None
    lost = [
        f"{tag!r}: points of a stretch that is read alone are not among those that were judged"
        for tag, series in sample.series.items()
        if tag not in log.skipped_tags and not _is_read(series, log.series.get(tag), valid_to)
    ]
    return replace(
        check,
        agrees=check.agrees and not lost,
        explained_by_damage=check.explained_by_damage and not lost,
        differences=_shortened([*lost, *check.differences]),
    )


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
    return _contains(_rows(whole.steps[nearby], whole.values[nearby]), _rows(steps, values))


def _compare(log: EventLog, reader: str) -> CrossCheck:
    damaged = {damage.path for damage in log.damage if damage.kind in _LOSING}
    reading = _Reading()
    with _quiet():
        for index, file in enumerate(log.files):
            later = [f.purge_step for f in log.files[index + 1 :] if f.purge_step is not None]
            _read(file, min(later, default=None), reading, damaged)
    unexplained: list[str] = list(reading.failed)
    by_damage: list[str] = []
    points = 0
    for tag in sorted(log.series.keys() | reading.parts.keys()):
        series, parts = log.series.get(tag), reading.parts.get(tag, [])
        theirs = np.sort(np.concatenate([np.empty(0, _ROW), *parts]))
        if series is None:
            reason = log.skipped_tags.get(tag) or log.skipped_tags.get(OTHER_TAGS)
            if reason and len(theirs):
                reading.explained.append(f"{tag!r}: left out here, because {reason}")
                continue
            ours = np.empty(0, _ROW)
        else:
            ours = np.sort(_rows(series.steps, series.values))
        points += len(ours)
        if np.array_equal(ours, theirs):
            continue
        sentence = _difference(tag, ours, theirs)
        if damaged and _contains(ours, theirs):
            by_damage.append(f"{sentence} (explained: {_READER} stops at damage)")
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
        reader=reader,
    )


def _read(file: EventFile, void_from: int | None, reading: _Reading, damaged: set[Path]) -> None:
    """Add the points that tbparse finds in one file, without those that later files void."""
    tbparse = importlib.import_module(_READER)
    if file.path in damaged and not file.records:
        return  # nothing was read from it; what it is stands in the damage
    voided = 0
    with _judged_bytes(file) as path:
        try:
            found = tbparse.SummaryReader(str(path), event_types={"scalars", "tensors"})
            frames = [found.scalars, found.tensors]
        except Exception as error:  # see cross_check
            reading.failed.append(f"{_READER} failed on {file.path.name}: {_one_line(error)}")
            return
    for frame, is_tensor in zip(frames, (False, True), strict=True):
        for tag, rows in _by_tag(frame, is_tensor):
            kept = rows if void_from is None else rows[rows["step"] < void_from]
            voided += len(rows) - len(kept)
            reading.parts.setdefault(tag, []).append(kept)
        if is_tensor and len(frame) and reading.parts:
            _explain(reading, f"tensor scalars were compared with {_READER}'s tensors")
    if voided:
        _explain(
            reading,
            f"{voided:,} points of {file.path.name} are void since a later session start at step "
            f"{void_from:,}, which {_READER} does not apply",
        )


def _by_tag(frame: pd.DataFrame, is_tensor: bool) -> Iterator[tuple[str, _Rows]]:
    """Yield the points of each tag; only tensors of one real number count."""
    if not len(frame):
        return
    for tag, group in frame.groupby("tag", sort=False):
        steps, values = group["step"].to_numpy(), group["value"].to_numpy()
        if is_tensor:
            real = np.array([isinstance(v, (bool, int, float)) for v in values], dtype=np.bool_)
            steps, values = steps[real], values[real]
        if len(values):
            yield str(tag), _rows(steps, values.astype(np.float64))


def _rows(steps: NDArray[np.int64], values: NDArray[np.float64]) -> _Rows:
    rows = np.empty(len(steps), dtype=_ROW)
    rows["step"] = steps
    rows["value"] = np.where(np.isnan(values), np.nan, values).astype(np.float64).view(np.uint64)
    return rows


def _contains(whole: _Rows, part: _Rows) -> bool:
    """Tell whether every point of `part` is in `whole` at least as often."""
    rows, counts = np.unique(part, return_counts=True)
    there, there_counts = np.unique(whole, return_counts=True)
    known = dict(zip(there.tolist(), there_counts.tolist(), strict=True))
    pairs = zip(rows.tolist(), counts.tolist(), strict=True)
    return all(known.get(row, 0) >= count for row, count in pairs)


def _difference(tag: str, ours: _Rows, theirs: _Rows) -> str:
    if len(ours) != len(theirs):
        return f"{tag!r}: {len(ours):,} points here, {len(theirs):,} with {_READER}"
    at = int(np.argmax(ours != theirs))
    one, other = ours[at], theirs[at]
    return (
        f"{tag!r}: step {one['step']} is {_value(one)} here, "
        f"step {other['step']} is {_value(other)} with {_READER}"
    )


def _value(row: np.void) -> float:
    return float(np.array(row["value"], dtype=np.uint64).view(np.float64))


def _explain(reading: _Reading, sentence: str) -> None:
    if sentence not in reading.explained:
        reading.explained.append(sentence)


def _shortened(differences: list[str]) -> tuple[str, ...]:
    more = len(differences) - _DIFFERENCES_LIMIT
    if more <= 0:
        return tuple(differences)
    return (*differences[:_DIFFERENCES_LIMIT], f"and {more:,} more differences")


@contextlib.contextmanager
def _judged_bytes(file: EventFile) -> Iterator[Path]:
    """Give a path at which exactly the bytes lie that were judged: the file itself unless it grew.

    Raises:
        ValueError: Its beginning is no longer what was judged.
    """
    with file.path.open("rb") as source, tempfile.TemporaryDirectory() as folder:
        grew = os.fstat(source.fileno()).st_size != file.size_bytes
        copy = Path(folder) / file.path.name
        digest, unread = hashlib.sha256(), file.size_bytes
        with copy.open("wb") if grew else contextlib.nullcontext() as target:
            while unread and (block := source.read(min(unread, 1 << 20))):
                digest.update(block)
                unread -= len(block)
                if target is not None:
                    target.write(block)
        if digest.hexdigest() != file.sha256:
            raise ValueError(f"{file.path.name} has changed since it was read")
        yield copy if grew else file.path


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep TensorFlow, TensorBoard and pandas from talking while tbparse works."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logger = logging.getLogger("tensorboard")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
