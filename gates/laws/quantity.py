"""What a law returns: a series computed from several tags, with what it was computed from."""

from __future__ import annotations

import numpy as np
from msgspec import Struct, field

from gates.facts.run_facts import RunFacts
from gates.series import FloatArray, IntArray, Series


class Quantity(Struct, frozen=True, kw_only=True):
    """The series of a law, with what was needed to compute it."""

    series: Series
    points: int
    """Logged points behind the series; a law of the whole run is one value from many points."""
    note: str = ""
    """Assumption that the reader must know."""
    unproven: str = ""
    """What the law assumes and this run cannot show; the finding is advisory then."""
    tags: tuple[str, ...] = field(default=())
    whole_run: bool = False
    """True when the series is one value for the whole run, so that windows do not apply."""


def derived(name: str, steps: IntArray, values: FloatArray, formula: str) -> Series:
    """Make a series that no trainer logged."""
    return Series(
        tag=f"derived/{name}",
        steps=steps,
        values=values,
        wall_times=np.zeros(len(steps)),
        derived_from=formula,
    )


def of_run(
    name: str,
    facts: RunFacts,
    value: float,
    points: int,
    formula: str,
    tag: str,
    note: str = "",
    unproven: str = "",
) -> Quantity:
    """Make the quantity of a law that is one value for the whole run."""
    last = facts.last_step or 0
    series = derived(name, np.array([last], dtype=np.int64), np.array([value]), formula)
    return Quantity(
        series=series, points=points, note=note, unproven=unproven, tags=(tag,), whole_run=True
    )


def pair_tags(pair: tuple[Series, ...]) -> tuple[str, ...]:
    """Return the tags of some series."""
    return tuple(series.tag for series in pair)
