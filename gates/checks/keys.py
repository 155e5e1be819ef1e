"""Parts of a gate file that check types share: levels, windows, patience, tags."""

from __future__ import annotations

import difflib
from typing import Annotated

from msgspec import Meta

from gates.metrics import window
from gates.schema import Count, Keys
from gates.series import Series
from gates.tags import CANONICAL_TAGS


class Window(Keys, frozen=True, kw_only=True):
    """Which end of a series is judged; all of it when neither key is given."""

    last_share: Annotated[float, Meta(gt=0, le=1)] | None = None
    """Share of the points, from the end."""
    last_points: Count | None = None
    """Number of points, from the end."""

    def __post_init__(self) -> None:
        """Refuse both keys at once."""
        if self.last_share is not None and self.last_points is not None:
            raise ValueError("give last_share or last_points, not both")

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


class Patience(Keys, frozen=True, kw_only=True):
    """How many points must break a level before it counts: N of M in a row."""

    breaches: Count
    """Points that break the level, N."""
    of: Count
    """Points in a row among which they stand, M."""

    def __post_init__(self) -> None:
        """Refuse what can never happen."""
        if self.breaches > self.of:
            raise ValueError(f"breaches ({self.breaches}) cannot exceed of ({self.of})")


class Levels(Keys, frozen=True, kw_only=True):
    """Where WARN and FAIL start; at least one of them."""

    warn: float | None = None
    """WARN beyond this value."""
    fail: float | None = None
    """FAIL beyond this value."""

    def __post_init__(self) -> None:
        """Refuse levels that nothing can break."""
        if self.warn is None and self.fail is None:
            raise ValueError("give warn, fail or both: a check without a level cannot fail")


class Tag(str):
    """A tag of docs/run-directory.md, or one of another trainer that has no canonical name."""

    __slots__ = ()

    @classmethod
    def of(cls, value: object) -> Tag:
        """Refuse a tag that is nearly a canonical one: it would never be logged.

        Raises:
            ValueError: The value is no text, or looks like a typing mistake.
        """
        if not isinstance(value, str) or not value:
            raise ValueError(f"must be the name of a tag, got {value!r}")
        if value not in CANONICAL_TAGS:
            near = difflib.get_close_matches(value, CANONICAL_TAGS, n=1, cutoff=0.85)
            if near:
                raise ValueError(f"{value!r} is no canonical tag, did you mean {near[0]!r}?")
        return cls(value)
