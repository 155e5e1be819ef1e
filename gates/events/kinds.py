"""What is known about the kinds of events in a run: bytes that repeat, and which tags they stand for.

`KeyTable` knows events that hold one number, `Layout` the shape of events that hold several, and `ValueTable` single
values inside events whose set of tags keeps changing.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from gates.events.batch import OpenBatch
from gates.events.checksums import ROW_BYTES, ROW_WORDS, rows
from gates.events.proto import ParsedValue
from gates.events.tag_table import SKIPPED, TAG_LIMIT, TAG_NAME_LIMIT_BYTES
from gates.series import IntArray

KEY_LIMIT_BYTES = TAG_NAME_LIMIT_BYTES + 64
_KEYS_LIMIT = 4 * TAG_LIMIT
_SLOT_BITS = 12
_FEW = 64
"""Keys that are looked up one by one, which costs less than preparing to do it at once."""
_FACTORS = np.array(
    [pow(0x9E3779B97F4A7C15, word + 1, 1 << 64) for word in range(ROW_WORDS)], dtype=np.uint64
)
_ALL_EQUAL = np.uint64(0x0101010101010101)


class KeyTable:
    """Key -> tag number. A key is whatever stands between an event's step and its number."""

    def __init__(self) -> None:
        self._tags: dict[bytes, int] = {}
        slots = 1 << _SLOT_BITS
        self._slot_rows = np.zeros((slots, ROW_WORDS), dtype=np.uint64)
        self._slot_tags = np.full(slots, -1, dtype=np.int64)

    def add(self, key: bytes, tag: int) -> None:
        """Remember a key, which must not begin with a zero; beyond a limit it is not remembered."""
        if len(key) > KEY_LIMIT_BYTES or len(self._tags) >= _KEYS_LIMIT:
            return
        self._tags[key] = tag
        if len(key) <= ROW_BYTES:
            row = np.frombuffer(key.rjust(ROW_BYTES, b"\0"), dtype=np.uint64)
            slot = int(_slots(row[None, :])[0])
            if self._slot_tags[slot] < 0:
                self._slot_rows[slot], self._slot_tags[slot] = row, tag

    def find(self, buffer: bytes, starts: IntArray, ends: IntArray) -> IntArray:
        """Return the tag number of each key, or -1; keys do not begin with a zero."""
        found = np.full(len(starts), -1, dtype=np.int64)
        if not self._tags:
            return found
        lengths = ends - starts
        short = np.flatnonzero((lengths <= ROW_BYTES) & (ends >= ROW_BYTES))
        if len(short) > _FEW:
            found[short] = self._find_short(buffer, ends[short], lengths[short])
        rest = np.flatnonzero(found < 0)
        get = self._tags.get
        found[rest] = [
            get(buffer[a:b], -1)
            for a, b in zip(starts[rest].tolist(), ends[rest].tolist(), strict=True)
        ]
        return found

    def _find_short(self, buffer: bytes, ends: IntArray, lengths: IntArray) -> IntArray:
        """Compare each key with the one that first had its slot."""
        keys = rows(buffer, ends, lengths)
        slots = _slots(keys)
        equal = (keys == self._slot_rows[slots]).view(np.uint64).ravel() == _ALL_EQUAL
        return np.where(equal, self._slot_tags[slots], -1)


def _slots(keys: NDArray[np.uint64]) -> IntArray:
    mixed = (keys @ _FACTORS) >> np.uint64(64 - _SLOT_BITS)
    return mixed.astype(np.int64)


_VALUE_KEY, _SUMMARY_KEY = 0x0A, 0x2A
"""Key bytes of the fields Summary.value (1) and Event.summary (5)."""
_FLOAT_BYTES = 4

_float_at = struct.Struct("<f").unpack_from


class ValueTable:
    """Bytes of a value before its number -> tag number; for values that end with a float32."""

    def __init__(self) -> None:
        self._tags: dict[bytes, int] = {}

    def add(self, record: bytes, tail: int, values: Sequence[ParsedValue], tags: list[int]) -> None:
        """Remember the values of an event that was decoded.

        Args:
            record: Its data.
            tail: First byte behind its step; its summary stands there and ends the record.
            values: All values of the summary, each a number.
            tags: Tag number of each.
        """
        spans = _spans(record, tail)
        if len(spans) != len(values) or len(self._tags) + len(spans) > _KEYS_LIMIT:
            return
        for (start, stop), value, tag in zip(spans, values, tags, strict=True):
            if value.form == "<f4" and value.position == stop - _FLOAT_BYTES:
                self._tags[record[start : value.position]] = tag

    def read(self, record: bytes, tail: int) -> tuple[list[int], list[float]] | None:
        """Return tag numbers and values of an event, or None when one of its values is not known."""
        tags: list[int] = []
        values: list[float] = []
        for start, stop in _spans(record, tail):
            tag = self._tags.get(record[start : stop - _FLOAT_BYTES])
            if tag is None:
                return None
            tags.append(tag)
            values.append(_float_at(record, stop - _FLOAT_BYTES)[0])
        return (tags, values) if tags else None


def _spans(record: bytes, tail: int) -> list[tuple[int, int]]:
    """Return begin and end of each value of the summary at `tail`, none when it is not as writers write it."""
    size, position, end = 0, tail + 1, len(record)
    for shift in (0, 7, 14):
        if position >= end:
            return []
        byte = record[position]
        size |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            break
    else:
        return []
    if record[tail] != _SUMMARY_KEY or position + size != end:
        return []
    spans: list[tuple[int, int]] = []
    while position + 1 < end:
        stop = position + 2 + record[position + 1]
        # A size of 128 and more takes two bytes; such a value is left to the parser.
        if record[position] != _VALUE_KEY or record[position + 1] >= 0x80 or stop > end:
            return []
        spans.append((position, stop))
        position = stop
    return spans if position == end else []


class Layout(Struct, frozen=True, eq=False):
    """The bytes after the step of one kind of event, and the places of its numbers in them."""

    window: int
    """Bytes that are compared, counted back from the end of the record; a multiple of 8."""
    template: NDArray[np.uint64]
    mask: NDArray[np.uint64]
    """Zero where a number stands and before the tail begins."""
    tags: NDArray[np.uint16]
    """Those that are read, one for each column of the values."""
    columns: tuple[tuple[str, NDArray[np.intp], NDArray[np.intp]], ...]
    """`(number form, columns of the values, their bytes in the window)` of each form."""


def make_layout(tail: bytes, places: list[tuple[int, str]], tags: list[int]) -> Layout:
    """Describe the kind of an event.

    Args:
        tail: Its bytes after the step.
        places: Byte of the tail and numpy form of each value.
        tags: Tag number of each value; some may be skipped.
    """
    window = -(-len(tail) // 8) * 8
    pad = window - len(tail)
    template = np.zeros(window, dtype=np.uint8)
    template[pad:] = np.frombuffer(tail, dtype=np.uint8)
    mask = np.zeros(window, dtype=np.uint8)
    mask[pad:] = 0xFF
    by_form: dict[str, tuple[list[int], list[int]]] = {}
    read: list[int] = []
    for (place, form), tag in zip(places, tags, strict=True):
        span = range(pad + place, pad + place + np.dtype(form).itemsize)
        mask[span.start : span.stop] = 0
        if tag != SKIPPED:
            columns, at = by_form.setdefault(form, ([], []))
            columns.append(len(read))
            at.extend(span)
            read.append(tag)
    return Layout(
        window,
        template.view(np.uint64),
        mask.view(np.uint64),
        np.array(read, dtype=np.uint16),
        tuple(
            (form, np.array(columns, dtype=np.intp), np.array(at, dtype=np.intp))
            for form, (columns, at) in by_form.items()
        ),
    )


def take_matching(batch: OpenBatch, layout: Layout, records: IntArray) -> IntArray:
    """Decode those of some open records that have the layout, and return the others.

    The tails of `records` must be as long as the layout's. A window that begins before the tail
    stays inside the record, because wall time and step are longer than the padding.
    """
    if not len(records):
        return records
    windows = np.lib.stride_tricks.sliding_window_view(batch.data, layout.window)
    rows = windows[batch.ends[records] - layout.window]
    differs = ((rows.view(np.uint64) ^ layout.template) & layout.mask).any(axis=1)
    if differs.any():
        rows = rows[~differs]
    hits = records[~differs]
    if len(hits):
        values = np.empty((len(hits), len(layout.tags)), dtype=np.float64)
        for form, columns, at in layout.columns:
            values[:, columns] = np.ascontiguousarray(rows[:, at]).view(form)
        batch.take_table(hits, layout.tags, values)
    return records[differs]
