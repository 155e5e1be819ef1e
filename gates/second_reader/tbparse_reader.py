"""Reads event files with tbparse: a reader that shares no code with ours, for `gates.second_reader.process.compare`."""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gates.tags import tag_of_part
from gates.text import error_in_words

if TYPE_CHECKING:
    import pandas as pd

    from gates.second_reader.columns import Columns

READER = "tbparse"

Rows = NDArray[np.void]
ROW = np.dtype([("step", np.int64), ("value", np.uint64)])
"""A point: step and the bits of its value, with one NaN for all."""


@dataclass(frozen=True, kw_only=True)
class FileToRead:
    """An event file, and how much of it was judged."""

    path: str
    size_bytes: int
    sha256: str
    """SHA-256 of its first `size_bytes`."""
    part: str = ""
    """Folder that another writer of the run made for it; with `prefix` it names its tags."""
    prefix: str = ""
    void_from: int | None = None
    """Points from this step on are left out: a later file's session start voids them."""


@dataclass(kw_only=True)
class Reading:
    """Points that tbparse finds, tag by tag, and what is to be said about them."""

    parts: dict[str, list[Rows]] = field(default_factory=dict)
    explained: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """Files that tbparse could not read, one sentence each."""


Read = Callable[[Sequence[FileToRead]], Reading]
"""Reads files in their order, here or in another process."""


class ReadingBrokeError(Exception):
    """Reading came to no result; the text says why in one line."""


def read_files(files: Sequence[FileToRead]) -> Reading:
    """Read files one by one, each cut to the bytes that were judged.

    Raises:
        ValueError: A file's beginning is no longer what was judged.
        OSError: A file cannot be opened.
        ImportError: tbparse is not installed.
    """
    reading = Reading()
    with quiet():
        for file in files:
            _read(file, reading)
    return reading


def _read(file: FileToRead, reading: Reading) -> None:
    tbparse = importlib.import_module(READER)
    name, voided = Path(file.path).name, 0
    with judged_bytes(file) as path:
        try:
            found = tbparse.SummaryReader(str(path), event_types={"scalars", "tensors"})
            frames = [found.scalars, found.tensors]
        except Exception as error:  # a reader may fail in any way: that is a result
            reading.failed.append(f"{READER} failed on {name}: {one_line(error)}")
            return
    for frame, is_tensor in zip(frames, (False, True), strict=True):
        for tag, found_rows in _by_tag(frame, is_tensor):
            void = file.void_from
            kept = found_rows if void is None else found_rows[found_rows["step"] < void]
            voided += len(found_rows) - len(kept)
            reading.parts.setdefault(tag_of_part(file.part, file.prefix, tag), []).append(kept)
        if is_tensor and len(frame) and reading.parts:
            _explain(reading, f"tensor scalars were compared with {READER}'s tensors")
    if voided:
        _explain(
            reading,
            f"{voided:,} points of {name} are void since a later session start at step "
            f"{file.void_from:,}, which {READER} does not apply",
        )


def _by_tag(frame: pd.DataFrame | Columns, is_tensor: bool) -> Iterator[tuple[str, Rows]]:
    """Yield the points of each tag; only tensors of one real number count."""
    if not len(frame):
        return
    points: dict[str, tuple[list[int], list[float]]] = {}
    for tag, step, value in zip(frame["tag"], frame["step"], frame["value"], strict=True):
        if not is_tensor or isinstance(value, (bool, int, float)):
            steps, values = points.setdefault(str(tag), ([], []))
            steps.append(step)
            values.append(value)
    for tag, (steps, values) in points.items():
        yield tag, rows_of(np.array(steps, np.int64), np.array(values, np.float64))


def rows_of(steps: NDArray[np.int64], values: NDArray[np.float64]) -> Rows:
    """Put points into the form in which they are compared, bit for bit."""
    table = np.empty(len(steps), dtype=ROW)
    table["step"] = steps
    table["value"] = np.where(np.isnan(values), np.nan, values).astype(np.float64).view(np.uint64)
    return table


def _explain(reading: Reading, sentence: str) -> None:
    if sentence not in reading.explained:
        reading.explained.append(sentence)


@contextlib.contextmanager
def judged_bytes(file: FileToRead) -> Iterator[Path]:
    """Give a path at which exactly the bytes lie that were judged: the file itself unless it grew.

    Raises:
        ValueError: Its beginning is no longer what was judged.
    """
    whole = Path(file.path)
    with whole.open("rb") as source, tempfile.TemporaryDirectory() as folder:
        grew = os.fstat(source.fileno()).st_size != file.size_bytes
        copy = Path(folder) / whole.name
        digest, unread = hashlib.sha256(), file.size_bytes
        with copy.open("wb") if grew else contextlib.nullcontext() as target:
            while unread and (block := source.read(min(unread, 1 << 20))):
                digest.update(block)
                unread -= len(block)
                if target is not None:
                    target.write(block)
        if digest.hexdigest() != file.sha256:
            raise ValueError(f"{whole.name} has changed since it was read")
        yield copy if grew else whole


@contextlib.contextmanager
def quiet() -> Iterator[None]:
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


def one_line(error: BaseException) -> str:
    """Name an error in one line: its type and what it says; a reading that broke says enough by itself."""
    text = error_in_words(error)
    if isinstance(error, ReadingBrokeError):
        return text.removeprefix(f"{ReadingBrokeError.__name__}: ")
    return text
