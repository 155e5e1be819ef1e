"""Short stretches of a buffer as rows of a matrix, so that thousands of them are worked on at once."""

from __future__ import annotations

from functools import lru_cache

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
