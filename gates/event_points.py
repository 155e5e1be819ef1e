"""Columns of points between the bytes of event files and the series that gates judge."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gates.series import FloatArray, IntArray, Series

_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True, eq=False, kw_only=True)
class Points:
    """Points of any tags in the order in which they were written."""

    tags: NDArray[np.uint16]
    """Numbers of a `TagTable`."""
    steps: IntArray
    values: FloatArray
    wall_times: FloatArray

    def __len__(self) -> int:
        return len(self.values)

    def where(self, keep: NDArray[np.bool_]) -> Points:
        """Return the points that `keep` selects."""
        return Points(
            tags=self.tags[keep],
            steps=self.steps[keep],
            values=self.values[keep],
            wall_times=self.wall_times[keep],
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class Decoded:
    """What some consecutive records of a file hold."""

    points: Points
    session_starts: tuple[tuple[int, int], ...]
    """`(points before it, step)` of each session-start record."""
    malformed: tuple[tuple[int, str], ...]
    """`(index of the record, reason)` of each record that is no event."""
    first_wall_time: float | None
    last_wall_time: float | None


def purge(files: list[tuple[int | None, list[Decoded]]]) -> tuple[list[Points], int]:
    """Drop every point that a later session start declares void: its step is at or after that of the start.

    Args:
        files: Lowest session start (also of earlier polls) and new records of each file, in order.

    Returns:
        The points that remain, in order, and the number of those that were dropped.
    """
    kept: list[Points] = []
    purged, void_from = 0, _NEVER
    for lowest_start, decoded in reversed(files):
        void_here = void_from
        for part in reversed(decoded):
            limits = np.full(len(part.points), void_here, dtype=np.int64)
            for before, step in reversed(part.session_starts):
                void_here = min(void_here, step)
                limits[:before] = void_here
            keep = part.points.steps < limits
            purged += int(np.count_nonzero(~keep))
            kept.append(part.points if keep.all() else part.points.where(keep))
        if lowest_start is not None:
            void_from = min(void_from, lowest_start)
    kept.reverse()
    return [points for points in kept if len(points)], purged


def by_tag(parts: list[Points], names: list[str]) -> dict[str, Series]:
    """Sort points into one series per tag, keeping their order; a tag's number indexes `names`."""
    if not parts:
        return {}
    tags = np.concatenate([part.tags for part in parts])
    order = np.argsort(tags, kind="stable")
    tags = tags[order]
    steps = np.concatenate([part.steps for part in parts])[order]
    values = np.concatenate([part.values for part in parts])[order]
    wall_times = np.concatenate([part.wall_times for part in parts])[order]
    edges = [0, *(np.flatnonzero(np.diff(tags)) + 1).tolist(), len(tags)]
    series: dict[str, Series] = {}
    for first, last in pairwise(edges):
        name = names[int(tags[first])]
        series[name] = Series(
            tag=name,
            steps=steps[first:last],
            values=values[first:last],
            wall_times=wall_times[first:last],
        )
    return series
