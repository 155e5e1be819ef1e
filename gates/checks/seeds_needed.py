"""`seeds_needed` of a gate file: how many of the seeds must end GO."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from msgspec import Meta

from gates.schema import Count

SeedsNeeded = Annotated[
    Literal["all"] | Count | Annotated[float, Meta(gt=0, le=1)],
    Meta(description="all, a count from 1 on (4) or a share above 0 and up to 1 (0.8)"),
]
"""`all`, a count (an integer) or a share (with a decimal point) of the seeds that were asked for."""


def seeds_needed_of(rule: SeedsNeeded, seeds: int) -> int:
    """Return how many of so many seeds must pass; a count may be more than there are."""
    if isinstance(rule, str):
        return seeds
    if isinstance(rule, float):
        # Rounded up, but 0.07 of 100 seeds is 7.000000000000001 and means 7.
        return max(1, math.ceil(rule * seeds - 1e-9))
    return rule
