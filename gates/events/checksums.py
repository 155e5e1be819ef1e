"""Checksums of many short records at once, and the rows of bytes that they are computed on.

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

from gates.series import IntArray

ROW_BYTES = 64
ROW_WORDS = ROW_BYTES // 8


def rows(buffer: bytes, ends: IntArray, lengths: IntArray) -> NDArray[np.uint64]:
    """Return stretches of `buffer` as `uint64[stretches, ROW_WORDS]`, zeros before each.

    Args:
        buffer: Holds them all.
        ends: End of each stretch, at least `ROW_BYTES`.
        lengths: Length of each, at most `ROW_BYTES`.
    """
    windows = np.ndarray((len(buffer) - ROW_BYTES + 1,), f"V{ROW_BYTES}", buffer, 0, (1,))
    result: NDArray[np.uint64] = windows[ends - ROW_BYTES].view(np.uint64).reshape(-1, ROW_WORDS)
    result &= _masks()[lengths]
    return result


@lru_cache(maxsize=1)
def _masks() -> NDArray[np.uint64]:
    """Return `uint64[length, ROW_WORDS]`, all ones in the last `length` bytes."""
    bytes_kept = np.arange(ROW_BYTES) >= ROW_BYTES - np.arange(ROW_BYTES + 1)[:, None]
    return np.where(bytes_kept, np.uint8(0xFF), np.uint8(0)).view(np.uint64)


_BYTES = np.arange(256, dtype=np.uint32)

_crc32c = google_crc32c.value


def crc32c_of_short(buffer: bytes, ends: IntArray, lengths: IntArray) -> NDArray[np.uint32]:
    """Return the crc32c of many stretches of `buffer`.

    Args:
        buffer: Holds them all.
        ends: End of each stretch, at least `ROW_BYTES`.
        lengths: Length of each, at most `ROW_BYTES`.
    """
    columns = np.ascontiguousarray(rows(buffer, ends, lengths).view(np.uint8).T)
    checksums: NDArray[np.uint32] = _of_zeros()[lengths]
    # Bytes before a stretch count as zeros, which contribute nothing.
    for place in range(ROW_BYTES - int(lengths.max(initial=0)), ROW_BYTES):
        checksums ^= _contributions()[place].take(columns[place], mode="clip")
    return checksums


@lru_cache(maxsize=1)
def _of_zeros() -> NDArray[np.uint32]:
    """Return the checksum of each number of zero bytes."""
    return np.array([_crc32c(bytes(n)) for n in range(ROW_BYTES + 1)], dtype=np.uint32)


@lru_cache(maxsize=1)
def _contributions() -> NDArray[np.uint32]:
    """Return `uint32[ROW_BYTES, 256]`: what each byte at a place of a row changes."""
    table = np.zeros((ROW_BYTES, 256), dtype=np.uint32)
    for place in range(ROW_BYTES):
        behind = bytes(ROW_BYTES - 1 - place)
        zeros = _crc32c(b"\0" + behind)
        for bit in range(8):
            change = _crc32c(bytes([1 << bit]) + behind) ^ zeros
            table[place] ^= np.where(_BYTES & (1 << bit), np.uint32(change), np.uint32(0))
    return table
