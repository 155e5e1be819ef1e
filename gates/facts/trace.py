"""How a series went, in the few numbers that evidence is made of."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from gates.series import FloatArray, Series

TAIL = 0.25
"""Share of the points that stand for how a run ended."""


class Trace(Struct, frozen=True, kw_only=True):
    """How a series went: for evidence in numbers and steps."""

    tag: str
    first: float
    first_step: int
    last: float
    """Median of the last quarter."""
    last_step: int
    largest: float
    """Largest absolute value."""
    low: float
    high: float
    points: int


def tail_median(values: FloatArray) -> float | None:
    """Median of the last quarter of the points that are not NaN; None without any."""
    usable = values[~np.isnan(values)]
    if not len(usable):
        return None
    tail = usable[-max(1, round(len(usable) * TAIL)) :]
    return float(np.quantile(tail, 0.5, method="nearest"))


def follow(series: Series) -> Trace | None:
    """Summarise a series; points that are not finite are left out, None without any other."""
    usable = np.isfinite(series.values)
    if not usable.any():
        return None
    steps, values = series.steps[usable], series.values[usable]
    last = tail_median(values)
    return Trace(
        tag=series.tag,
        first=float(values[0]),
        first_step=int(steps[0]),
        last=float(values[-1]) if last is None else last,
        last_step=int(steps[-1]),
        largest=float(np.abs(values).max()),
        low=float(values.min()),
        high=float(values.max()),
        points=len(values),
    )
