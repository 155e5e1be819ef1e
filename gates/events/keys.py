"""Finds the tags of events that hold one number: by the bytes between the step and the number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gates.events.framing import IntArray
from gates.events.rows import ROW_BYTES, ROW_WORDS, rows
from gates.events.tag_table import TAG_LIMIT, TAG_NAME_LIMIT_BYTES

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
