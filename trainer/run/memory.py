"""Memory that an update frees stays with the process, because the next update needs as much again.

By default glibc gives large blocks back to the system, which has to fill every page with zeros before it hands it out
again: a tenth of an update of pictures.
"""

from __future__ import annotations

import contextlib
import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Of glibc's malloc.h."""
_KEPT = 2**30
"""Free bytes at the heap's end from which they are given back."""
_LARGEST = 32 * 2**20
"""Bytes of the largest block on the heap: the most that every glibc takes, and a batch of 256 four times 84x84."""


def keep_freed_memory() -> bool:
    """Tell this process's allocator; returns False where it is not glibc's, and nothing is changed."""
    with contextlib.suppress(AttributeError, OSError):
        tell = ctypes.CDLL(None).mallopt
        return bool(tell(_MMAP_THRESHOLD, _LARGEST) and tell(_TRIM_THRESHOLD, _KEPT))
    return False
