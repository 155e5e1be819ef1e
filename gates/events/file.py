"""One event file and how far it was read."""

from __future__ import annotations

import hashlib
import math
import os
import re
import stat
from functools import lru_cache
from pathlib import Path

import numpy as np
from msgspec import Struct, field, structs

from gates.errors import InputError
from gates.events.decoder import EventDecoder
from gates.events.framing import HEADER_BYTES, RecordBatch
from gates.events.points import Decoded
from gates.events.scanner import Flaw, RecordScanner
from gates.series import Damage, EventFile, IntArray

_BLOCK_BYTES = 512 * 1024
_ARENA_BYTES = 8 * 1024 * 1024
_FINGERPRINT_BYTES = 16
_DAMAGE_LIMIT = 100
"""Damaged places of a file that are listed one by one."""
_TIME_IN_NAME = re.compile(r"tfevents\.(\d{9,11})(?:\.|$)")


class Span(Struct, frozen=True, kw_only=True):
    """The steps that one tag has in a file."""

    low: int
    high: int
    points: int
    rises: bool
    """No step is lower than the one before."""

    @property
    def interval(self) -> float:
        """Mean distance of two points; 0 of a single one."""
        return (self.high - self.low) / max(1, self.points - 1)


class FileReplacedError(Exception):
    """A file is no longer the one that was read before: what was read of it does not hold."""


class FileTail(Struct, eq=False):
    """An event file that is read piece by piece; every byte of a whole record is read once."""

    path: Path
    decoder: EventDecoder
    events: int = 0
    """Intact events read so far."""
    lowest_start: int | None = None
    """Lowest step of its session-start records."""
    spans: dict[int, Span] = field(default_factory=dict)
    """Of each tag that has points in it."""
    _scanner: RecordScanner = field(default_factory=RecordScanner)
    _hasher: hashlib._Hash = field(default_factory=hashlib.sha256)
    """Of the bytes before the scanner's position."""
    _sha256: str = ""
    size_bytes: int = 0
    first_wall_time: float | None = None
    _last_wall_time: float | None = None
    _flaws: list[Flaw] = field(default_factory=list)
    _unlisted: int = 0
    _pending: Flaw | None = None
    _identity: tuple[int, int] | None = None
    _fingerprint: bytes = b""
    """Last bytes before the scanner's position: they tell whether the file was rewritten."""

    def read(self) -> list[Decoded]:
        """Return what was added since the last call, up to the size that the file has now.

        Raises:
            FileReplacedError: The file is gone, is another one, was cut or rewritten.
            InputError: It cannot be opened or read.
        """
        try:
            descriptor = _open_regular(self.path)
            if descriptor is None:
                self._note_pending("not_an_event_file", "it is no regular file")
                return []
            try:
                return self._read(descriptor)
            finally:
                os.close(descriptor)
        except FileNotFoundError:
            raise FileReplacedError(f"{self.path} is gone") from None
        except OSError as error:
            raise InputError(f"{self.path} cannot be read: {error.strerror}") from None

    def _read(self, descriptor: int) -> list[Decoded]:
        _keep_freed_memory()
        size, position = self._check_identity(descriptor), self._scanner.position
        os.lseek(descriptor, position, os.SEEK_SET)
        decoded: list[Decoded] = []
        rest, unread, at_end = b"", size - position, False
        self._scanner.needed = 0
        self._pending = None
        while not at_end:
            block = os.read(descriptor, min(max(_BLOCK_BYTES, self._scanner.needed), unread))
            unread -= len(block)
            at_end = unread <= 0 or not block
            buffer, base = rest + block, self._scanner.position
            for item in self._scanner.feed(buffer, at_end=at_end):
                if isinstance(item, RecordBatch):
                    decoded.append(self._decode(item))
                else:
                    self._note(item)
            consumed = self._scanner.position - base
            self._hasher.update(memoryview(buffer)[:consumed])
            self._fingerprint = (self._fingerprint + buffer[:consumed])[-_FINGERPRINT_BYTES:]
            rest = buffer[consumed:]
        whole = self._hasher.copy()
        whole.update(rest)
        self._sha256, self.size_bytes = whole.hexdigest(), self._scanner.position + len(rest)
        if not self.size_bytes:
            self._note_pending("torn_tail", "it is empty")
        return decoded

    def _check_identity(self, descriptor: int) -> int:
        """Return the file's size, having made sure that what was read before still stands there."""
        status, before = os.fstat(descriptor), len(self._fingerprint)
        identity, position = (status.st_dev, status.st_ino), self._scanner.position
        if self._identity not in (None, identity):
            raise FileReplacedError(f"{self.path} was replaced")
        if (
            status.st_size < position
            or os.pread(descriptor, before, position - before) != self._fingerprint
        ):
            raise FileReplacedError(f"{self.path} was cut or rewritten")
        self._identity = identity
        return status.st_size

    def _decode(self, records: RecordBatch) -> Decoded:
        decoded = self.decoder.decode(records)
        self.events += len(records.starts) - len(decoded.malformed)
        if self.first_wall_time is None:
            self.first_wall_time = decoded.first_wall_time
        if decoded.last_wall_time is not None:
            self._last_wall_time = decoded.last_wall_time
        self._add_spans(decoded)
        for _, step in decoded.session_starts:
            self.lowest_start = step if self.lowest_start is None else min(step, self.lowest_start)
        for index, reason in decoded.malformed:
            offset = records.offset + int(records.starts[index]) - HEADER_BYTES
            note = f"a record is no event: {reason}"
            self._note(Flaw(offset=offset, kind="bad_record", note=note))
        return decoded

    def _add_spans(self, decoded: Decoded) -> None:
        for table in filter(len, decoded.tables):
            for tag in table.tags.tolist():
                self._add_span(tag, table.steps)
        order = np.argsort(decoded.points.tags, kind="stable")
        tags, begins = np.unique(decoded.points.tags[order], return_index=True)
        for tag, steps in zip(
            tags.tolist(), np.split(decoded.points.steps[order], begins[1:]), strict=False
        ):
            self._add_span(tag, steps)

    def _add_span(self, tag: int, steps: IntArray) -> None:
        before, low, high = self.spans.get(tag), int(steps.min()), int(steps.max())
        rises = bool((np.diff(steps) >= 0).all()) and (before is None or before.high <= low)
        self.spans[tag] = Span(
            low=low if before is None else min(low, before.low),
            high=high if before is None else max(high, before.high),
            points=len(steps) + (0 if before is None else before.points),
            rises=rises and (before is None or before.rises),
        )

    def _note(self, flaw: Flaw) -> None:
        if not flaw.final:
            self._pending = flaw
        elif len(self._flaws) < _DAMAGE_LIMIT:
            self._flaws.append(flaw)
        else:
            self._unlisted += 1

    def _note_pending(self, kind: str, note: str) -> None:
        self._pending = Flaw(offset=0, kind=kind, note=note, final=False)

    def damage(self) -> list[Damage]:
        """Return the damage found so far, with a last record that may still become whole."""
        flaws = [*self._flaws]
        if self._unlisted:
            note = f"{flaws[-1].note}; {self._unlisted:,} more damaged places follow"
            flaws[-1] = structs.replace(flaws[-1], note=note)
        if self._pending is not None:
            flaws.append(self._pending)
        if flaws and not self.events and all(flaw.kind == "bad_record" for flaw in flaws):
            note = "its records are no TensorBoard events"
            flaws = [Flaw(offset=0, kind="not_an_event_file", note=note)]
        return [
            Damage(path=self.path, offset=flaw.offset, kind=flaw.kind, note=flaw.note)
            for flaw in flaws
        ]

    def read_head(self, size: int) -> Decoded | None:
        """Return what the first bytes alone hold; None where no event is whole there.

        Nothing of it counts as read.
        """
        try:
            descriptor = _open_regular(self.path)
            if descriptor is None:
                return None
            try:
                head = os.read(descriptor, size)
            finally:
                os.close(descriptor)
        except OSError:
            return None
        for item in RecordScanner().feed(head, at_end=False):
            if isinstance(item, RecordBatch):
                return self.decoder.decode(item)
        return None

    def void_before_it(self, step: int) -> None:
        """Let the file void points of earlier files from a step on, as a session start in it would."""
        if self.lowest_start is None:
            self.lowest_start = step

    def begins_like(self, other: FileTail) -> bool:
        """Tell whether all bytes of this file are the beginning of another one's: it is a copy of that file.

        Two writers never begin with the same bytes, since the first record holds the time in microseconds.
        """
        unread = self.size_bytes
        if unread > other.size_bytes:
            return False
        try:
            with self.path.open("rb") as ours, other.path.open("rb") as theirs:
                while unread > 0:
                    count = min(unread, _BLOCK_BYTES)
                    if ours.read(count) != theirs.read(count):
                        return False
                    unread -= count
        except OSError:
            return False
        return True

    def order(self) -> tuple[float, float, str]:
        """Return the key by which the files of a run follow one another: when each was begun."""
        first = math.inf if self.first_wall_time is None else self.first_wall_time
        named = _TIME_IN_NAME.search(self.path.name)
        if math.isnan(first):
            first = math.inf
        second = float(named.group(1)) if named else float(first // 1.0)
        return (second, first, self.path.name)

    @property
    def was_read(self) -> bool:
        """False for what is no regular file: there are no bytes that could have been judged."""
        return bool(self._sha256)

    @property
    def is_empty(self) -> bool:
        """True for a file without a single byte, as a writer that was killed at its start leaves it."""
        return self.was_read and not self.size_bytes

    def as_event_file(self) -> EventFile:
        """Return the file as it was read so far."""
        return EventFile(
            path=self.path,
            sha256=self._sha256,
            size_bytes=self.size_bytes,
            records=self.events,
            first_wall_time=self.first_wall_time,
            last_wall_time=self._last_wall_time,
            purge_step=self.lowest_start,
        )


@lru_cache(maxsize=1)
def _keep_freed_memory() -> None:
    """Let the C library keep the memory of one block of a file for the next one.

    Every block needs the same arrays again. glibc gives those above 128 KiB back to the system at once,
    and asking for them anew, page by page, takes as long as all other work on them. It stops doing so
    for sizes up to that of the largest array that was ever freed.
    """
    np.empty(_ARENA_BYTES, dtype=np.uint8)


def _open_regular(path: Path) -> int | None:
    """Open a regular file; None for pipes and devices, which are not even touched."""
    if not stat.S_ISREG(path.stat().st_mode):
        return None
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None
