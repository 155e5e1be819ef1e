"""Parts of a gate file that check types share: levels, windows, patience, tags."""

from __future__ import annotations

import difflib
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from gates.metrics import window
from gates.series import Series
from gates.tags import CANONICAL_TAGS


class Strict(BaseModel):
    """A part of a gate file: unknown keys, NaN and infinity are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


class Window(Strict):
    """Which end of a series is judged; all of it when neither key is given."""

    last_share: float | None = Field(default=None, gt=0, le=1)
    """Share of the points, from the end."""
    last_points: int | None = Field(default=None, ge=1)
    """Number of points, from the end."""

    @model_validator(mode="after")
    def _only_one(self) -> Window:
        if self.last_share is not None and self.last_points is not None:
            raise ValueError("give last_share or last_points, not both")
        return self

    def cut(self, series: Series, at_least: int = 1) -> Series:
        """Return the points in the window; a share never means fewer than `at_least` points."""
        if self.last_share is not None:
            share = max(self.last_share, min(1.0, at_least / max(1, len(series))))
            return window(series, last_share=share)
        return window(series, last_points=self.last_points)

    def words(self) -> str:
        """Say which points these are."""
        if self.last_share is not None:
            return f"of the last {self.last_share:.0%} of the points"
        return f"of the last {self.last_points} points" if self.last_points else "of all points"


class Patience(Strict):
    """How many points must break a level before it counts: N of M in a row."""

    breaches: int = Field(ge=1)
    """Points that break the level, N."""
    of: int = Field(ge=1)
    """Points in a row among which they stand, M."""

    @model_validator(mode="after")
    def _possible(self) -> Patience:
        if self.breaches > self.of:
            raise ValueError(f"breaches ({self.breaches}) cannot exceed of ({self.of})")
        return self


class Levels(Strict):
    """Where WARN and FAIL start; at least one of them."""

    warn: float | None = None
    """WARN beyond this value."""
    fail: float | None = None
    """FAIL beyond this value."""

    @model_validator(mode="after")
    def _at_least_one(self) -> Levels:
        if self.warn is None and self.fail is None:
            raise ValueError("give warn, fail or both: a check without a level cannot fail")
        return self


def known_tag(tag: str) -> str:
    """Refuse a tag that is nearly a canonical one: it would never be logged.

    Raises:
        ValueError: The tag looks like a typing mistake.
    """
    if tag not in CANONICAL_TAGS:
        near = difflib.get_close_matches(tag, CANONICAL_TAGS, n=1, cutoff=0.85)
        if near:
            raise ValueError(f"{tag!r} is no canonical tag, did you mean {near[0]!r}?")
    return tag


Tag = Annotated[str, Field(min_length=1), AfterValidator(known_tag)]
"""A tag of docs/run-directory.md, or one of another trainer that has no canonical name."""
