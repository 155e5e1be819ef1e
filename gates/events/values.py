"""Reads events whose set of tags is new, but not the tags: value by value, by the bytes before each number."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from gates.events.tag_table import TAG_LIMIT
from gates.events.tensor import ParsedValue

_VALUE_KEY, _SUMMARY_KEY = 0x0A, 0x2A
"""Key bytes of the fields Summary.value (1) and Event.summary (5)."""
_KEYS_LIMIT = 4 * TAG_LIMIT
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
