"""`seeds_needed` of a gate file: how many of the seeds must end GO."""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import BeforeValidator


def _checked(value: object) -> object:
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    if value == "all" or whole or (isinstance(value, float) and 0 < value <= 1):
        return value
    raise ValueError("must be all, a count from 1 on (4) or a share above 0 and up to 1 (0.8)")


SeedsNeeded = Annotated[int | float | str, BeforeValidator(_checked)]
"""`all`, a count (an integer) or a share (with a decimal point) of the seeds that were asked for."""


def seeds_needed_of(rule: SeedsNeeded, seeds: int) -> int:
    """Return how many of so many seeds must pass; a count may be more than there are."""
    if isinstance(rule, str):
        return seeds
    if isinstance(rule, float):
        # Rounded up, but 0.07 of 100 seeds is 7.000000000000001 and means 7.
        return max(1, math.ceil(rule * seeds - 1e-9))
    return rule
