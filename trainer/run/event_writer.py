"""Writes TensorBoard event files: one event holds every scalar that was measured together.

The files are read by TensorBoard and by every reader of TFRecord event files. One event per step
instead of one per scalar halves the file and makes a write cheap enough to log every update.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import socket
import struct
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType

import google_crc32c
import numpy as np
from numpy.typing import NDArray

_BUFFER_BYTES = 1 << 20
_LAYOUTS_LIMIT = 256
_MASK_DELTA = 0xA282EAD8
_TIME_IN_NAME = re.compile(r"tfevents\.(\d+)\.")
_NUMBERS = itertools.count()

_FILE_VERSION = b"\x1a\x0dbrain.Event:2"
"""Event.file_version = 3."""
_SESSION_START = b"\x3a\x02\x08\x01"
"""Event.session_log = 7 with SessionLog.status = START."""


class EventWriter:
    """An event file of one attempt; a context manager that closes the file.

    Values are stored as float32, so a larger number becomes infinite; NaN and infinity are written
    as they are. While writing continues, what was written reaches the file within
    `flush_interval_s`, otherwise after `flush` or `close`. A process that is killed loses at most that; what is in
    the file stays readable.
    """

    def __init__(
        self,
        directory: Path,
        *,
        purge_step: int | None = None,
        flush_interval_s: float = 2.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Create the file; the directory is made if it is missing.

        Args:
            directory: Where the event files of all attempts of a run are.
            purge_step: For a resumed run: points of earlier attempts from this step on are void.
            flush_interval_s: Longest wait of an event in memory while others are written, seconds.
            clock: Returns the seconds since the epoch.

        Raises:
            OSError: The file cannot be created or written; `filename` names it.
        """
        self._clock = clock
        self._flush_interval_s = flush_interval_s
        self._layouts: dict[tuple[str, ...], _Layout] = {}
        self._buffer = bytearray()
        self._whole_bytes = 0
        """Length of the file up to the end of its last whole record."""
        self._torn = False
        directory.mkdir(parents=True, exist_ok=True)
        self.path, self._descriptor = _create(directory, clock())
        self._append(_event_head(clock(), 0) + _FILE_VERSION)
        if purge_step is not None:
            self._append(_event_head(clock(), purge_step) + _SESSION_START)
        self._flushed_at = clock()
        try:
            self.flush()
        except OSError:
            self._release()
            raise

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Append one event with all scalars; a mapping without scalars writes nothing.

        The same tags in the same order are written fastest: their encoding is remembered.

        Raises:
            OSError: The disk is full or the file cannot be written. The event is kept and written
            by the next flush
                that succeeds; what is in the file stays readable.
            ValueError: The writer is closed.
        """
        self._check_open()
        if not scalars:
            return
        tags = tuple(scalars)
        layout = self._layouts.get(tags)
        if layout is None:
            if len(self._layouts) >= _LAYOUTS_LIMIT:
                self._layouts.clear()
            layout = self._layouts[tags] = _Layout(tags)
        now = self._clock()
        self._append(_event_head(now, step) + layout.fill(scalars.values()))
        if not 0.0 <= now - self._flushed_at < self._flush_interval_s or (
            len(self._buffer) > _BUFFER_BYTES
        ):
            self.flush()

    def flush(self) -> None:
        """Hand everything written so far to the operating system.

        Raises:
            OSError: The disk is full or the file cannot be written; `filename` names it. A part of
            a record that did
                reach the file is cut off again, at the latest by the next flush.
            ValueError: The writer is closed.
        """
        self._check_open()
        self._flushed_at = self._clock()
        try:
            if self._torn:
                os.ftruncate(self._descriptor, self._whole_bytes)
                self._torn = False
            self._write_buffer()
        except OSError as error:
            if self._torn:
                with contextlib.suppress(OSError):
                    os.ftruncate(self._descriptor, self._whole_bytes)
                    self._torn = False
            raise OSError(error.errno, error.strerror, str(self.path)) from error

    def close(self) -> None:
        """Write everything to the disk and close the file; a second call does nothing.

        Raises:
            OSError: As for `flush`; the file is closed all the same.
        """
        if self._descriptor < 0:
            return
        try:
            self.flush()
            os.fsync(self._descriptor)
        finally:
            self._release()

    def __enter__(self) -> EventWriter:
        """Return the writer itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def _append(self, event: bytes) -> None:
        length = struct.pack("<Q", len(event))
        self._buffer += length
        self._buffer += _masked_crc32c(length)
        self._buffer += event
        self._buffer += _masked_crc32c(event)

    def _write_buffer(self) -> None:
        """Write the whole buffer at the end of the last whole record; keep it when that fails."""
        data, written = memoryview(bytes(self._buffer)), 0
        while written < len(data):
            self._torn = True
            written += os.pwrite(self._descriptor, data[written:], self._whole_bytes + written)
        self._whole_bytes += written
        self._torn = False
        self._buffer.clear()

    def _check_open(self) -> None:
        if self._descriptor < 0:
            raise ValueError(f"{self.path} is closed")

    def _release(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1


class _Layout:
    """The encoded summary of some tags, in which only the values change."""

    def __init__(self, tags: tuple[str, ...]) -> None:
        summary, places = bytearray(), []
        for tag in tags:
            name = tag.encode("utf-8")
            value = b"\x0a" + _varint(len(name)) + name + b"\x15" + bytes(4)
            summary += b"\x0a" + _varint(len(value)) + value
            places.append(len(summary) - 4)
        head = b"\x2a" + _varint(len(summary))
        self._count = len(tags)
        self._bytes = np.frombuffer(bytearray(head + summary), dtype=np.uint8)
        offsets = np.array(places)[:, None] + np.arange(4) + len(head)
        self._places: NDArray[np.intp] = offsets.ravel()

    def fill(self, values: Iterable[float]) -> bytes:
        """Return the summary with these values, one per tag in the order of the tags."""
        numbers = np.fromiter(values, dtype=np.float64, count=self._count)
        with np.errstate(over="ignore"):
            numbers = numbers.astype("<f4")
        self._bytes[self._places] = numbers.view(np.uint8)
        return self._bytes.tobytes()


def _event_head(wall_time: float, step: int) -> bytes:
    """Encode Event.wall_time = 1 and Event.step = 2; a step of 0 is left out, as protobuf does."""
    head = b"\x09" + struct.pack("<d", wall_time)
    return head + b"\x10" + _varint(step & 0xFFFFFFFFFFFFFFFF) if step else head


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def _masked_crc32c(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF)


def _create(directory: Path, now: float) -> tuple[Path, int]:
    """Create a new file whose name sorts after every existing event file.

    Readers put the files of a run in the order of the seconds in their names; two attempts within
    one second would otherwise follow one another in the order of their process ids.
    """
    found = (_TIME_IN_NAME.search(path.name) for path in directory.iterdir())
    begun = max([int(now), *(int(match.group(1)) + 1 for match in found if match)])
    host = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname()) or "host"
    while True:
        path = directory / f"events.out.tfevents.{begun}.{host}.{os.getpid()}.{next(_NUMBERS)}"
        with contextlib.suppress(FileExistsError):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            return path, os.open(path, flags, 0o644)
