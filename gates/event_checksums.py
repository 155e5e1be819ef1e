"""Checksums of many short records at once.

A crc is linear over bits: that of some bytes is the one of as many zeros, changed by what each byte
contributes, and a contribution depends on the byte and its distance from the end alone. So the checksums
of thousands of short records are a few dozen look-ups for all of them, where the C function would be
called for each one.
"""

from __future__ import annotations

from functools import lru_cache

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from gates.event_rows import ROW_BYTES, rows
from gates.series import IntArray

_PAIRS = ROW_BYTES // 2
_BYTES = np.arange(256, dtype=np.uint32)

_crc32c = google_crc32c.value


def crc32c_of_short(buffer: bytes, ends: IntArray, lengths: IntArray) -> NDArray[np.uint32]:
    """Return the crc32c of many stretches of `buffer`.

    Args:
        buffer: Holds them all.
        ends: End of each stretch, at least `ROW_BYTES`.
        lengths: Length of each, at most `ROW_BYTES`.
    """
    pairs = np.ascontiguousarray(rows(buffer, ends, lengths).view("<u2").T)
    checksums: NDArray[np.uint32] = _of_zeros()[lengths]
    # Bytes before a stretch count as zeros, which contribute nothing.
    for column in range((ROW_BYTES - int(lengths.max(initial=0))) // 2, _PAIRS):
        checksums ^= _contributions()[column].take(pairs[column], mode="clip")
    return checksums


@lru_cache(maxsize=1)
def _of_zeros() -> NDArray[np.uint32]:
    """Return the checksum of each number of zero bytes."""
    return np.array([_crc32c(bytes(n)) for n in range(ROW_BYTES + 1)], dtype=np.uint32)


@lru_cache(maxsize=1)
def _contributions() -> NDArray[np.uint32]:
    """Return `uint32[pairs, 65536]`: what two bytes at a place of a row change (8 MiB)."""
    table = np.empty((_PAIRS, 65_536), dtype=np.uint32)
    for pair in range(_PAIRS):
        first, second = (_of_byte(ROW_BYTES - 1 - place) for place in (2 * pair, 2 * pair + 1))
        table[pair] = (second[:, None] ^ first[None, :]).ravel()
    return table


def _of_byte(distance: int) -> NDArray[np.uint32]:
    """Return what each byte changes when `distance` bytes follow it."""
    # By bits: the contribution of a byte is that of its bits together.
    zeros, change = _crc32c(bytes(distance + 1)), np.zeros(256, dtype=np.uint32)
    for bit in range(8):
        one = _crc32c(bytes([1 << bit]) + bytes(distance)) ^ zeros
        change ^= np.where(_BYTES & (1 << bit), np.uint32(one), np.uint32(0))
    return change
