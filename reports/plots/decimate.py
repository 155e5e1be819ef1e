"""Thins a series for drawing without losing a spike or a gap."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from gates.series import FloatArray, Series

_LARGEST = 1.0e60
"""Larger magnitudes are drawn at this one: axis transforms overflow near the end of float64."""
_SMALLEST = 1.0e-60
"""Smaller magnitudes are drawn as 0, for the same reason at its other end."""


class Line(Struct, frozen=True, kw_only=True, eq=False):
    """Points to draw, in the order of their steps."""

    steps: FloatArray
    """`float64[m]`."""
    values: FloatArray
    """`float64[m]`; NaN where the line is interrupted because the series had no finite value."""
    nan_steps: FloatArray
    """`float64[k]`: steps at which the series was NaN, thinned as well."""
    high_steps: FloatArray
    """The same for +infinity."""
    low_steps: FloatArray
    """The same for -infinity."""
    gaps: int
    """How many values were NaN or infinite before thinning."""

    @property
    def all_steps(self) -> FloatArray:
        """Steps of points and gaps together, in no order."""
        return np.concatenate([self.steps, self.nan_steps, self.high_steps, self.low_steps])


def thin(series: Series, *, points: int = 2_000) -> Line:
    """Reduce a series to at most about `points` points: minimum and maximum of each bucket.

    Every extreme of a bucket survives at its own step, so the drawn envelope is the series' own.
    """
    steps, values = series.steps.astype(np.float64), series.values
    if len(steps) and np.any(np.diff(series.steps) < 0):
        order = np.argsort(series.steps, kind="stable")
        steps, values = steps[order], values[order]
    finite = np.isfinite(values)
    clipped = np.where(finite, drawable(values), np.nan)
    kept = np.arange(len(values)) if len(values) <= points else _extremes(clipped, points // 2)
    return Line(
        steps=steps[kept],
        values=clipped[kept],
        nan_steps=_some(steps[np.isnan(values)], points // 2),
        high_steps=_some(steps[values == np.inf], points // 2),
        low_steps=_some(steps[values == -np.inf], points // 2),
        gaps=int(np.count_nonzero(~finite)),
    )


def drawable(values: FloatArray) -> FloatArray:
    """Bring finite magnitudes into the range that axis transforms can take."""
    clipped = np.clip(values, -_LARGEST, _LARGEST)
    return np.where(np.abs(clipped) < _SMALLEST, 0.0, clipped)


def _some(steps: FloatArray, most: int) -> FloatArray:
    """Every n-th step, so that about `most` remain."""
    return steps[:: max(1, len(steps) // max(1, most))]


def _extremes(values: FloatArray, buckets: int) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Positions of the minimum and the maximum of each bucket; of one NaN where all are NaN."""
    edges = np.linspace(0, len(values), buckets + 1).astype(np.intp)
    width = int(np.max(np.diff(edges)))
    positions = np.minimum(edges[:-1, None] + np.arange(width)[None, :], edges[1:, None] - 1)
    block = values[positions]
    missing = np.isnan(block)
    low = np.argmin(np.where(missing, np.inf, block), axis=1)
    high = np.argmax(np.where(missing, -np.inf, block), axis=1)
    rows = np.arange(buckets)
    kept = np.concatenate([positions[rows, low], positions[rows, high]])
    if missing.any():
        # A NaN per bucket keeps the line interrupted where the series was.
        holes = positions[rows, np.argmax(missing, axis=1)][missing.any(axis=1)]
        kept = np.concatenate([kept, holes])
    return np.unique(kept)
