"""What records hold once they are decoded, and which of it a later session start declares void."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from gates.series import FloatArray, IntArray

_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False, kw_only=True)
class Points:
    """Single points of any tags, in the order in which they were written."""

    records: IntArray
    """Each point's record, counted among the records that were decoded together."""
    tags: NDArray[np.uint16]
    """Numbers of a `TagTable`."""
    steps: IntArray
    values: FloatArray
    wall_times: FloatArray

    def __len__(self) -> int:
        return len(self.records)

    def where(self, keep: NDArray[np.bool_]) -> Points:
        """Return the points that `keep` selects."""
        return Points(
            records=self.records[keep],
            tags=self.tags[keep],
            steps=self.steps[keep],
            values=self.values[keep],
            wall_times=self.wall_times[keep],
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Table:
    """Records of one kind: a row for each record, in the order in which they were written."""

    records: IntArray
    """`int64[rows]`, counted as in `Points`."""
    tags: NDArray[np.uint16]
    """`uint16[width]`, the tag of each column."""
    steps: IntArray
    """`int64[rows]`."""
    values: FloatArray
    """`float64[rows, width]`."""
    wall_times: FloatArray
    """`float64[rows]`."""

    def __len__(self) -> int:
        return self.values.size

    def where(self, keep: NDArray[np.bool_]) -> Table:
        """Return the rows that `keep` selects."""
        return Table(
            records=self.records[keep],
            tags=self.tags,
            steps=self.steps[keep],
            values=self.values[keep],
            wall_times=self.wall_times[keep],
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Decoded:
    """What some consecutive records of a file hold: each point once, in a table or alone."""

    records: int
    points: Points
    tables: tuple[Table, ...]
    session_starts: tuple[tuple[int, int], ...]
    """`(index of the record, step)` of each session-start record."""
    malformed: tuple[tuple[int, str], ...]
    """`(index of the record, reason)` of each record that is no event."""
    first_wall_time: float | None
    last_wall_time: float | None

    def __len__(self) -> int:
        return len(self.points) + sum(map(len, self.tables))


_P = TypeVar("_P", Points, Table)


def purge(files: list[tuple[int | None, list[Decoded]]]) -> tuple[list[Decoded], int]:
    """Drop every point that a later session start declares void: its step is at or after that of the start.

    Args:
        files: Lowest session start (also of earlier polls) and new records of each file, in order.

    Returns:
        What remains, in order, without records that hold no point; and the number of points dropped.
    """
    kept: list[Decoded] = []
    before, void_from = 0, _NEVER
    for lowest_start, decoded in reversed(files):
        void_here = void_from
        for part in reversed(decoded):
            before += len(part)
            if void_here < _NEVER or part.session_starts:
                limits = _limits(part, void_here)
                part = replace(
                    part,
                    points=_below(part.points, limits),
                    tables=tuple(_below(table, limits) for table in part.tables),
                )
                void_here = min([void_here, *(step for _, step in part.session_starts)])
            kept.append(part)
        if lowest_start is not None:
            void_from = min(void_from, lowest_start)
    kept.reverse()
    return [part for part in kept if len(part)], before - sum(map(len, kept))


def _limits(part: Decoded, void_from: int) -> IntArray:
    """Return the step from which on each record's points are void."""
    limits = np.full(part.records, void_from, dtype=np.int64)
    for index, step in part.session_starts:
        limits[:index] = np.minimum(limits[:index], step)
    return limits


def _below(points: _P, limits: IntArray) -> _P:
    keep = points.steps < limits[points.records]
    return points if keep.all() else points.where(keep)
