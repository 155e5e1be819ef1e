"""Sorts what records hold into one series for each tag."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from gates.events.points import Decoded, Points, Table
from gates.series import FloatArray, IntArray, Series

_NONE = np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class _Piece:
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
