"""Record framing of event files: length, checksum of the length, data, checksum of the data.

The format is TensorFlow's TFRecord: `uint64 length`, `uint32 masked crc32c of those 8 bytes`, `byte
data[length]`, `uint32 masked crc32c of the data`, all little-endian. Whatever is not checked here
is not believed anywhere else.
"""

from __future__ import annotations

import struct
from functools import lru_cache

import google_crc32c
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from gates.events.checksums import ROW_BYTES, crc32c_of_short

HEADER_BYTES = 12
FRAME_BYTES = 16
"""Header and trailing checksum: what a record needs besides its data."""
RECORD_LIMIT_BYTES = 64 * 1024 * 1024
"""A longer record is refused unread; an event with 20,000 scalars takes about 1 MiB."""
_SHORT = 65_536
_MANY = 256
"""Short records from which on it is quicker to check all of them at once."""
_SCAN_BYTES = 4 * 1024 * 1024
_MASK_DELTA = 0xA282EAD8

IntArray = NDArray[np.int64]
ByteArray = NDArray[np.uint8]

_crc32c = google_crc32c.value


def masked_crc32c(data: bytes) -> int:
    """Return the checksum of `data` as records store it: rotated and offset."""
    crc: int = _crc32c(data)
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def frame(data: bytes) -> bytes:
    """Return `data` as one whole record."""
    length = struct.pack("<Q", len(data))
    return b"".join(
        (
            length,
            struct.pack("<I", masked_crc32c(length)),
            data,
            struct.pack("<I", masked_crc32c(data)),
        )
    )


def header_length(buffer: bytes, position: int) -> int | None:
    """Return the data length that a header states, or None when its checksum is wrong.

    At least `HEADER_BYTES` must follow `position`. The length may be absurd: a valid checksum says
    nothing about size.
    """
    length, crc = struct.unpack_from("<QI", buffer, position)
    if crc != masked_crc32c(buffer[position : position + 8]):
        return None
    return int(length)


def data_is_intact(buffer: bytes, position: int, length: int) -> bool:
    """Tell whether the data of the whole record at `position` agrees with its checksum."""
    start = position + HEADER_BYTES
    (crc,) = struct.unpack_from("<I", buffer, start + length)
    return bool(crc == masked_crc32c(buffer[start : start + length]))


class RecordBatch(Struct, frozen=True, eq=False, kw_only=True):
    """Whole, intact records in one buffer; starts and lengths are those of their data."""

    buffer: bytes
    offset: int
    """Position of the buffer in its file."""
    starts: IntArray
    lengths: IntArray


class Headers:
    """Every place in a buffer where the header of a record below 64 KiB may stand, in order."""

    def __init__(self, positions: IntArray, lengths: IntArray) -> None:
        self.positions, self.lengths = positions, lengths
        self._ends = positions + lengths + FRAME_BYTES
        self._breaks = np.flatnonzero(self._ends[:-1] != positions[1:])
        """Indices of those that are not followed by the next one."""

    def __len__(self) -> int:
        return len(self.positions)

    def at_or_after(self, position: int) -> int:
        """Return the index of the first candidate that stands at `position` or behind it."""
        return int(np.searchsorted(self.positions, position))

    def chain(self, position: int, limit: int) -> IntArray:
        """Return the indices of the records that join up from `position` and end by `limit`."""
        first = self.at_or_after(position)
        pieces: list[IntArray] = []
        while first < len(self) and self.positions[first] == position:
            at = int(np.searchsorted(self._breaks, first))
            last = int(self._breaks[at]) if at < len(self._breaks) else len(self) - 1
            pieces.append(np.arange(first, last + 1))
            position = int(self._ends[last])
            first = self.at_or_after(position)
        if not pieces:
            return np.empty(0, dtype=np.int64)
        indices = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
        return indices[: int(np.searchsorted(self._ends[indices], limit, side="right"))]


def find_headers(buffer: bytes) -> Headers:
    """Find all header candidates of a buffer at once.

    A record shorter than 64 KiB has six zero bytes at the top of its length, and its length has one
    right checksum. That is cheap to test everywhere, finds the records without walking from one to
    the next, and finds where reading can go on after damage. A candidate inside another record's
    data is possible; `Headers.chain` passes over it.
    """
    data = np.frombuffer(buffer, dtype=np.uint8)
    found = [
        _zero_runs(data[at : at + _SCAN_BYTES + HEADER_BYTES - 1]) + at
        for at in range(0, len(data), _SCAN_BYTES)
    ]
    positions = np.concatenate([np.empty(0, dtype=np.int64), *found])
    lengths = unaligned(buffer, "<u2")[positions]
    right = unaligned(buffer, "<u4")[positions + 8] == _short_length_checksums()[lengths]
    return Headers(positions[right], lengths[right].astype(np.int64))


def _zero_runs(data: ByteArray) -> IntArray:
    """Return where 12 bytes begin whose third to eighth are zero, but not all of them."""
    if len(data) < HEADER_BYTES:
        return np.empty(0, dtype=np.int64)
    zero = data == 0
    two = zero[:-1] & zero[1:]
    four = two[:-2] & two[2:]
    count = len(data) - HEADER_BYTES + 1
    high = four[2 : 2 + count] & two[6 : 6 + count]
    np.greater(high, two[:count] & four[8 : 8 + count], out=high)
    return np.flatnonzero(high)


def intact(buffer: bytes, positions: IntArray, lengths: IntArray) -> NDArray[np.bool_]:
    """Check the data of many whole records; positions are those of their headers."""
    ends = positions + HEADER_BYTES + lengths
    short = np.flatnonzero((lengths <= ROW_BYTES) & (ends >= ROW_BYTES))
    if len(short) < _MANY:
        computed = _checksums(buffer, ends, lengths)
    elif len(short) == len(ends):
        computed = crc32c_of_short(buffer, ends, lengths)
    else:
        rest = np.delete(np.arange(len(ends)), short)
        computed = np.empty(len(ends), dtype=np.uint32)
        computed[short] = crc32c_of_short(buffer, ends[short], lengths[short])
        computed[rest] = _checksums(buffer, ends[rest], lengths[rest])
    result: NDArray[np.bool_] = _masked(computed) == unaligned(buffer, "<u4")[ends]
    return result


def _checksums(buffer: bytes, ends: IntArray, lengths: IntArray) -> NDArray[np.uint32]:
    starts = ends - lengths
    return np.array(
        [_crc32c(buffer[a:b]) for a, b in zip(starts.tolist(), ends.tolist(), strict=True)],
        dtype=np.uint32,
    )


def unaligned(buffer: bytes, dtype: str) -> NDArray[np.generic]:
    """View a buffer as one value of `dtype` starting at every byte."""
    kind = np.dtype(dtype)
    return np.ndarray((max(0, len(buffer) - kind.itemsize + 1),), kind, buffer, 0, (1,))


def _masked(crcs: NDArray[np.uint32]) -> NDArray[np.uint32]:
    rotated = (crcs >> np.uint32(15)) | (crcs << np.uint32(17))
    result: NDArray[np.uint32] = rotated + np.uint32(_MASK_DELTA)
    return result


@lru_cache(maxsize=1)
def _short_length_checksums() -> NDArray[np.uint32]:
    """Return the checksum of every length below 64 KiB, from two tables: a crc is linear."""
    low = np.array([_crc32c(struct.pack("<Q", n)) for n in range(256)], dtype=np.uint32)
    high = np.array([_crc32c(struct.pack("<Q", n << 8)) for n in range(256)], dtype=np.uint32)
    combined = high[:, None] ^ low[None, :] ^ low[0]
    return _masked(combined.reshape(_SHORT))
