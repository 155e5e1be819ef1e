"""Copies stretches of whole records out of an event file, for a reader that is too slow for all of it."""

from __future__ import annotations

import os
from pathlib import Path

from gates.events.framing import FRAME_BYTES, data_is_intact, find_headers


def write_sample(source: Path, target: Path, *, stretches: int, stretch_bytes: int) -> None:
    """Write about `stretches * stretch_bytes` of `source` as an event file of its own.

    The stretches lie evenly over the file, the first at its beginning and the last at its end. Each
    holds whole, intact records that follow one another; damaged records end a stretch. A file that
    is no longer than all stretches together is copied as it is.
    """
    size = source.stat().st_size
    with source.open("rb") as records, target.open("wb") as sample:
        if size <= stretches * stretch_bytes:
            sample.write(records.read())
            return
        for number in range(stretches):
            start = (size - stretch_bytes) * number // (stretches - 1)
            sample.write(_whole_records(os.pread(records.fileno(), stretch_bytes, start)))


def _whole_records(part: bytes) -> bytes:
    """Return the first run of records in `part` that are there as a whole."""
    headers = find_headers(part)
    for begin, length in zip(headers.positions.tolist(), headers.lengths.tolist(), strict=True):
        end = begin + length + FRAME_BYTES
        if end <= len(part) and data_is_intact(part, begin, length):
            break
    else:
        return b""
    for index in headers.chain(begin, len(part)).tolist():
        position, length = int(headers.positions[index]), int(headers.lengths[index])
        if not data_is_intact(part, position, length):
            break
        end = position + length + FRAME_BYTES
    return part[begin:end]
