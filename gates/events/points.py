"""Decoded points: what a batch of records holds, which of it a later session start voids, and one series per tag."""

from __future__ import annotations

from itertools import pairwise
from typing import TypeVar

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from gates.series import FloatArray, IntArray, Series

_NEVER = np.iinfo(np.int64).max


class Points(Struct, frozen=True, eq=False, kw_only=True):
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


class Table(Struct, frozen=True, eq=False, kw_only=True):
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


class Decoded(Struct, frozen=True, eq=False, kw_only=True):
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
                part = structs.replace(
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


_NONE = np.empty(0, dtype=np.int64)


class _Piece(Struct, frozen=True, eq=False):
    """Points of one tag; columns of one table share the arrays that are not values."""

    records: IntArray
    """Each point's record, counted over everything that is sorted."""
    steps: IntArray
    values: FloatArray
    wall_times: FloatArray


def by_tag(parts: list[Decoded], names: list[str]) -> dict[str, Series]:
    """Sort points into one series per tag, keeping their order; a tag's number indexes `names`.

    Series may share their steps and wall times, so none of their arrays can be written to.
    """
    pieces: dict[int, list[_Piece]] = {}
    points: list[tuple[int, Points]] = []
    tables: dict[bytes, list[tuple[int, Table]]] = {}
    first = 0
    for part in parts:
        if len(part.points):
            points.append((first, part.points))
        for table in filter(len, part.tables):
            tables.setdefault(table.tags.tobytes(), []).append((first, table))
        first += part.records
    if points:
        _sort(points, pieces, counted=bool(tables))
    for alike in tables.values():
        _stack(alike, pieces)
    return {names[tag]: _series(names[tag], pieces[tag]) for tag in sorted(pieces)}


def _sort(
    parts: list[tuple[int, Points]], pieces: dict[int, list[_Piece]], *, counted: bool
) -> None:
    """Add a piece for each tag of single points; nobody asks for the records of a lone piece."""
    tags = np.concatenate([part.tags for _, part in parts])
    order = np.argsort(tags, kind="stable")
    tags = tags[order]
    records = _NONE
    if counted:
        records = np.concatenate([part.records + first for first, part in parts])[order]
    steps = np.concatenate([part.steps for _, part in parts])[order]
    values = np.concatenate([part.values for _, part in parts])[order]
    wall_times = np.concatenate([part.wall_times for _, part in parts])[order]
    edges = [0, *(np.flatnonzero(tags[1:] != tags[:-1]) + 1).tolist(), len(tags)]
    for a, b in pairwise(edges):
        piece = _Piece(records[a:b], steps[a:b], values[a:b], wall_times[a:b])
        pieces.setdefault(int(tags[a]), []).append(piece)


def _stack(parts: list[tuple[int, Table]], pieces: dict[int, list[_Piece]]) -> None:
    """Add a piece for each column of tables that have the same tags."""
    tags = parts[0][1].tags
    records = np.concatenate([table.records + first for first, table in parts])
    steps = np.concatenate([table.steps for _, table in parts])
    wall_times = np.concatenate([table.wall_times for _, table in parts])
    columns = np.empty((len(tags), len(records)), dtype=np.float64)
    row = 0
    for _, table in parts:
        columns[:, row : row + len(table.steps)] = table.values.T
        row += len(table.steps)
    for tag, values in zip(tags.tolist(), columns, strict=True):
        pieces.setdefault(tag, []).append(_Piece(records, steps, values, wall_times))


def _series(tag: str, pieces: list[_Piece]) -> Series:
    if len(pieces) == 1:
        (piece,) = pieces
        steps, values, wall_times = piece.steps, piece.values, piece.wall_times
    else:
        pieces = sorted(pieces, key=lambda piece: int(piece.records[0]))
        records = np.concatenate([piece.records for piece in pieces])
        steps = np.concatenate([piece.steps for piece in pieces])
        values = np.concatenate([piece.values for piece in pieces])
        wall_times = np.concatenate([piece.wall_times for piece in pieces])
        if (records[1:] < records[:-1]).any():
            # Stable: a tag that stands twice in an event keeps the order of its values.
            order = np.argsort(records, kind="stable")
            steps, values, wall_times = steps[order], values[order], wall_times[order]
    for array in (steps, values, wall_times):
        array.setflags(write=False)
    return Series(tag=tag, steps=steps, values=values, wall_times=wall_times)
