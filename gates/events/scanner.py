"""Walks through the bytes of an event file: intact records out, damage reported and passed."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import numpy as np
from msgspec import Struct

from gates.events.framing import (
    FRAME_BYTES,
    HEADER_BYTES,
    RECORD_LIMIT_BYTES,
    Headers,
    IntArray,
    RecordBatch,
    data_is_intact,
    find_headers,
    header_length,
    intact,
)

_LOSSES_LIMIT = 10_000
"""Times that reading may lose its place in one file; beyond that the rest is not worth the
search."""


class Flaw(Struct, frozen=True, kw_only=True):
    """A place of a file that could not be read."""

    offset: int
    kind: str
    note: str
    final: bool = True
    """False while more bytes may still mend it: a record that is being written."""


class RecordScanner:
    """Splits a growing file into records, fed with its bytes in order.

    `feed` takes the bytes from `position` on and returns what can be decided; the caller feeds what
    lies behind the new `position` again, together with more bytes. Nothing is ever decided from a
    record that is not there as a whole.

    Damage inside the data of a record costs that record. Damage to a length, or to a record behind
    which nothing sensible follows, costs everything up to the next record whose length and data
    both carry the right checksum.
    """

    def __init__(self) -> None:
        self.position = 0
        """Offset in the file of the first byte not yet decided."""
        self.records = 0
        self.needed = 0
        """Bytes behind those fed last without which nothing more can be decided, as far as
        known."""
        self._lost_at: int | None = None
        self._lost_kind = ""
        self._lost_note = ""
        self._only_zeros = False
        """Nothing but zero bytes was met since the place was lost."""
        self._losses = 0
        self._wasted = 0
        """Bytes of candidates that turned out to be no records."""
        self.gave_up = False

    def feed(self, buffer: bytes, *, at_end: bool) -> Iterator[RecordBatch | Flaw]:
        """Yield the records and the damage of `buffer`, which starts at `position` of the file.

        At the end of the file an incomplete record is yielded as a flaw that is not final.
        """
        base, self.needed = self.position, 0
        headers = find_headers(buffer)
        here = 0
        while here < len(buffer) and not self.gave_up:
            if self._lost_at is not None:
                found = self._find_again(buffer, here, headers, at_end)
                if self._only_zeros and not found.sound:
                    self._only_zeros = _is_zero(buffer, max(self._lost_at - base, 0))
                self.position = base + (here := found.position)
                if self.gave_up or not found.sound:
                    break
                yield Flaw(
                    offset=self._lost_at,
                    kind=self._lost_kind,
                    note=f"{self._lost_note}; reading went on at byte {base + here:,}",
                )
                self._lost_at = None
            indices = headers.chain(here, len(buffer))
            if len(indices):
                yield from self._chain(buffer, base, headers, indices)
                here = self.position - base
            if not (yield from self._single(buffer, here, base, at_end)):
                break
            here = self.position - base
        if self.gave_up:
            if self._lost_at is not None:
                yield self._give_up(self._lost_at)
                self._lost_at = None
            self.position = base + len(buffer)
        elif at_end:
            yield from self._pending(buffer, base)

    def _chain(
        self, buffer: bytes, base: int, headers: Headers, indices: IntArray
    ) -> Iterator[RecordBatch | Flaw]:
        """Check records that follow one another and step over the damaged ones, except the last."""
        positions, lengths = headers.positions[indices], headers.lengths[indices]
        good = intact(buffer, positions, lengths)
        if not good[-1]:  # what follows it is not known to be a record: looked at alone
            positions, lengths, good = positions[:-1], lengths[:-1], good[:-1]
        for at in positions[~good].tolist():
            yield _bad_data(base + at)
        if len(positions):
            self.position = base + int(positions[-1] + lengths[-1]) + FRAME_BYTES
        if good.any():
            self.records += int(good.sum())
            yield RecordBatch(
                buffer=buffer,
                offset=base,
                starts=positions[good] + HEADER_BYTES,
                lengths=lengths[good],
            )

    def _single(
        self, buffer: bytes, here: int, base: int, at_end: bool
    ) -> Generator[RecordBatch | Flaw, None, bool]:
        """Decide on the one record at `here`; return False when that needs more bytes."""
        if len(buffer) - here < HEADER_BYTES:
            return False
        length = header_length(buffer, here)
        end = here + FRAME_BYTES + (length or 0)
        if length is None:
            self._lose(base + here, "bad_length", "the length of a record is damaged")
        elif length > RECORD_LIMIT_BYTES:
            note = f"a record claims {length:,} bytes, more than {RECORD_LIMIT_BYTES:,}"
            self._lose(base + here, "bad_length", note)
        elif end > len(buffer):
            self.needed = end - len(buffer)
            if not at_end or not self._goes_on(buffer, here):
                return False
            self._lose(base + here, "bad_record", "a record is cut short")
        elif data_is_intact(buffer, here, length):
            self.records += 1
            self.position = base + end
            yield RecordBatch(
                buffer=buffer,
                offset=base,
                starts=np.array([here + HEADER_BYTES]),
                lengths=np.array([length]),
            )
            return True
        elif len(buffer) - end >= HEADER_BYTES:
            if header_length(buffer, end) is None:
                self._lose(base + here, "bad_crc", "a record and what follows it are damaged")
            else:
                self.position = base + end
                yield _bad_data(base + here)
                return True
        else:
            return False
        self.position = base + here + 1
        return True

    def _lose(self, offset: int, kind: str, note: str) -> None:
        self._lost_at, self._lost_kind, self._lost_note = offset, kind, note
        self._only_zeros = True
        self._losses += 1
        self.gave_up = self._losses > _LOSSES_LIMIT

    def _find_again(self, buffer: bytes, here: int, headers: Headers, at_end: bool) -> _Found:
        """Look for the next record that is wholly right; a cut-off one waits for more bytes."""
        budget = 4 * (self.position + len(buffer)) + RECORD_LIMIT_BYTES
        first_cut: int | None = None
        for index in range(headers.at_or_after(here), len(headers)):
            position, length = int(headers.positions[index]), int(headers.lengths[index])
            if position + FRAME_BYTES + length > len(buffer):
                if not at_end:
                    return _Found(position, sound=False)
                first_cut = position if first_cut is None else first_cut
                continue
            if data_is_intact(buffer, position, length):
                return _Found(position, sound=True)
            self._wasted += length
            if self._wasted > budget:
                self.gave_up = True
                return _Found(position, sound=False)
        rest = max(here, len(buffer) - HEADER_BYTES + 1)
        return _Found(rest if first_cut is None else first_cut, sound=False)

    def _goes_on(self, buffer: bytes, here: int) -> bool:
        """Tell whether a wholly right record follows one that is cut short."""
        rest = buffer[here + 1 :]
        sound = self._find_again(rest, 0, find_headers(rest), at_end=True).sound
        self.gave_up = False  # a tail that is being written says nothing about the file
        return sound

    def _give_up(self, offset: int) -> Flaw:
        note = f"{self._lost_note}; the file is too damaged to be searched any further"
        return Flaw(offset=offset, kind=self._lost_kind, note=note)

    def _pending(self, buffer: bytes, base: int) -> Iterator[Flaw]:
        """Say what keeps the file from ending with a whole record; more bytes may mend it."""
        if self._lost_at is not None:
            offset, kind = self._lost_at, self._lost_kind
            note = f"{self._lost_note}; no further record follows"
            if self._only_zeros:
                kind, note = (
                    "zeros",
                    "only zero bytes follow: the space was reserved and never written",
                )
            elif offset == 0 and not self.records:
                kind, note = "not_an_event_file", "it does not begin with an event record"
            if offset >= base:  # still at hand: looked at afresh when the file has grown
                self.position, self._lost_at = offset, None
        elif self.position - base < len(buffer):
            offset, rest = self.position, len(buffer) - (self.position - base)
            kind = "torn_tail"
            note = f"the file ends inside a record, {rest:,} bytes of it are there"
            if rest >= HEADER_BYTES:
                length = header_length(buffer, offset - base)
                if length is not None and length + FRAME_BYTES <= rest:
                    kind, note = "bad_crc", "the data of the last record is damaged"
        else:
            return
        yield Flaw(offset=offset, kind=kind, note=note, final=False)


def _is_zero(buffer: bytes, start: int) -> bool:
    return buffer.count(0, start) == len(buffer) - start


class _Found(Struct, frozen=True):
    position: int
    sound: bool


def _bad_data(offset: int) -> Flaw:
    note = "the data of a record is damaged; the record was left out"
    return Flaw(offset=offset, kind="bad_crc", note=note)
