"""A level that a value broke, and the phrases in which it is told."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from msgspec import Struct

from gates.findings import Outcome
from gates.series import IntArray
from gates.text import format_limit, format_number, format_share


class Breach(Struct, frozen=True, kw_only=True):
    """A broken level."""

    outcome: Outcome
    """WARN or FAIL."""
    value: float
    level: float
    direction: Literal["max", "min"]
    first_step: int | None = None
    """First step at which it was broken; None when single points were not compared."""
    axis: str = "step"
    """What the steps count."""
    since_step: int | None = None
    """Step from which on every point breaks it; None when the last one does not."""

    @property
    def times(self) -> str:
        """The value as a multiple: `12.3 times`."""
        return f"{format_number(self.value, digits=3)} times"

    @property
    def share(self) -> str:
        """The value as a share: `87%`."""
        return format_share(self.value)

    @property
    def relation(self) -> str:
        """How the value lies to the level: `above 0.99`, `below the warning level 0.4`."""
        word = "above" if self.direction == "max" else "below"
        level = "the warning level " if self.outcome is Outcome.WARN else ""
        return f"{word} {level}{format_limit(self.level)}"

    @property
    def beyond(self) -> str:
        """The relation with its step: `above 10 since step 1,600`, `above 10 first at step 1,600`."""
        if self.since_step is not None:
            return f"{self.relation} since {self.axis} {self.since_step:,}"
        if self.first_step is not None:
            return f"{self.relation} first at {self.axis} {self.first_step:,}"
        return self.relation

    @property
    def infinite(self) -> bool:
        """Whether the value is infinite."""
        return math.isinf(self.value)


def broken_since(steps: IntArray, broken: np.ndarray) -> int | None:
    """Return the step from which on every point is broken; None when the last one is not."""
    if not len(broken) or not broken[-1]:
        return None
    whole = np.flatnonzero(~broken)
    return int(steps[whole[-1] + 1] if len(whole) else steps[0])
