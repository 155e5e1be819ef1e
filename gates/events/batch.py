"""A batch of records on its way to columns of points: what is decoded, and what is still open."""

from __future__ import annotations

import numpy as np
from msgspec import Struct, field
from numpy.typing import NDArray

from gates.events.framing import ByteArray, RecordBatch, unaligned
from gates.events.points import Decoded, Points, Table
from gates.events.tag_table import SKIPPED
from gates.series import FloatArray, IntArray

_STEP_BYTES = 5
"""Steps below 2^35 are read here; larger and negative ones are left to the parser."""
_SHORTEST = 12
_WALL_TIME_KEY, _STEP_KEY, _SUMMARY_KEY = 0x09, 0x10, 0x2A
"""Key bytes of the fields wall_time (1, fixed64), step (2, varint) and summary (5, bytes)."""


class OpenBatch(Struct, eq=False):
    """Records split at the fields that every event begins with."""

    batch: RecordBatch
    data: ByteArray
    """The whole buffer."""
    ends: IntArray
    """End of each record's data in the buffer."""
    wall_times: FloatArray
    steps: IntArray
    tails: IntArray
    """First byte after the step: the summary, when the record is `regular`."""
    regular: NDArray[np.bool_]
    """The record begins as writers begin it: wall time, step unless 0, summary."""
    open: NDArray[np.bool_]
    """Not decoded yet."""
    tables: list[Table] = field(default_factory=list)
    blocks: list[Points] = field(default_factory=list)
    alone: list[tuple[int, int, float]] = field(default_factory=list)
    """`(record, tag, value)` of events that were decoded one by one."""
    session_starts: list[tuple[int, int]] = field(default_factory=list)
    malformed: list[tuple[int, str]] = field(default_factory=list)

    def record(self, index: int) -> bytes:
        """Return the data of a record."""
        return self.batch.buffer[int(self.batch.starts[index]) : int(self.ends[index])]

    def tail_lengths(self) -> IntArray:
        """Return the bytes after the step of each open regular record, -1 for all others."""
        return np.where(self.open & self.regular, self.ends - self.tails, -1)

    def take(self, records: IntArray, tags: NDArray[np.uint16], values: FloatArray) -> None:
        """Add the points of some records that have one each.

        Args:
            records: Indices of the records, rising.
            tags: `uint16[records]`.
            values: `float64[records]`.
        """
        read = tags != SKIPPED
        block = Points(
            records=records,
            tags=tags,
            steps=self.steps[records],
            values=values,
            wall_times=self.wall_times[records],
        )
        self.blocks.append(block if read.all() else block.where(read))
        self.open[records] = False

    def take_alone(self, record: int, tags: list[int], values: list[float]) -> None:
        """Add the points of one record, which may have any number of them."""
        self.alone += [
            (record, tag, value) for tag, value in zip(tags, values, strict=True) if tag != SKIPPED
        ]
        self.open[record] = False

    def take_table(self, records: IntArray, tags: NDArray[np.uint16], values: FloatArray) -> None:
        """Add the points of some records that all have the same tags.

        Args:
            records: Indices of the records, rising.
            tags: `uint16[width]`, none of them skipped.
            values: `float64[records, width]`.
        """
        table = Table(
            records=records,
            tags=tags,
            steps=self.steps[records],
            values=values,
            wall_times=self.wall_times[records],
        )
        self.tables.append(table)
        self.open[records] = False

    def decoded(self) -> Decoded:
        """Return what the records hold; only for a batch with nothing open."""
        sound = np.ones(len(self.steps), dtype=np.bool_)
        sound[[index for index, _ in self.malformed]] = False
        walls = self.wall_times[sound]
        return Decoded(
            records=len(self.steps),
            points=_merged([*self.blocks, *self._points_alone()]),
            tables=tuple(self.tables),
            session_starts=tuple(sorted(self.session_starts)),
            malformed=tuple(sorted(self.malformed)),
            first_wall_time=float(walls[0]) if len(walls) else None,
            last_wall_time=float(walls[-1]) if len(walls) else None,
        )

    def _points_alone(self) -> list[Points]:
        if not self.alone:
            return []
        record, tag, value = zip(*self.alone, strict=True)
        records = np.array(record, dtype=np.int64)
        return [
            Points(
                records=records,
                tags=np.array(tag, dtype=np.uint16),
                steps=self.steps[records],
                values=np.array(value, dtype=np.float64),
                wall_times=self.wall_times[records],
            )
        ]


def split(batch: RecordBatch) -> OpenBatch:
    """Read wall time and step of every record that begins as writers begin it."""
    data = np.frombuffer(batch.buffer, dtype=np.uint8)
    starts, ends, last = batch.starts, batch.starts + batch.lengths, len(data) - 1
    regular = (batch.lengths >= _SHORTEST) & (data[np.minimum(starts, last)] == _WALL_TIME_KEY)
    open_varint = regular & (data[np.minimum(starts + 9, last)] == _STEP_KEY)
    steps = np.zeros(len(starts), dtype=np.int64)
    tails = starts + 9  # a step of 0 is left out
    for index in range(_STEP_BYTES):
        if not open_varint.any():
            break
        byte = data[np.minimum(starts + (10 + index), last)].astype(np.int64)
        steps += np.where(open_varint, (byte & 0x7F) << (7 * index), 0)
        ended = open_varint & (byte < 0x80)
        tails = np.where(ended, starts + (11 + index), tails)
        open_varint &= ~ended
    regular &= ~open_varint & (tails < ends)
    regular &= data[np.minimum(tails, last)] == _SUMMARY_KEY
    wall_times = np.zeros(len(starts), dtype=np.float64)
    wall_times[regular] = unaligned(batch.buffer, "<f8")[starts[regular] + 1]
    return OpenBatch(
        batch=batch,
        data=data,
        ends=ends,
        wall_times=wall_times,
        steps=steps,
        tails=tails,
        regular=regular,
        open=np.ones(len(starts), dtype=np.bool_),
    )


def _merged(blocks: list[Points]) -> Points:
    """Return points in the order of their records."""
    if len(blocks) == 1:
        return blocks[0]
    records = np.concatenate([np.empty(0, np.int64), *(block.records for block in blocks)])
    order = np.argsort(records, kind="stable")
    return Points(
        records=records[order],
        tags=np.concatenate([np.empty(0, np.uint16), *(block.tags for block in blocks)])[order],
        steps=np.concatenate([np.empty(0, np.int64), *(block.steps for block in blocks)])[order],
        values=np.concatenate([np.empty(0), *(block.values for block in blocks)])[order],
        wall_times=np.concatenate([np.empty(0), *(block.wall_times for block in blocks)])[order],
    )
