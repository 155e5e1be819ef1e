"""Keys of checks whose value has typed levels above, below or both."""

from __future__ import annotations

from gates.checks.check import Check, levels_text
from gates.checks.keys import Levels, Patience, Window
from gates.findings import Side
from gates.metrics import STATISTIC_WORDS, Statistic


class TwoSided(Check, frozen=True, kw_only=True):
    """Keys of a check whose value has levels above, below or both."""

    max: Levels | None = None
    """Levels that the value may not exceed."""
    min: Levels | None = None
    """Levels that the value may not fall below."""

    def __post_init__(self) -> None:
        """Refuse levels that contradict each other."""
        if self.max is None and self.min is None:
            raise ValueError("give max, min or both: a check without a level cannot fail")
        for name, levels, sign in (("max", self.max, 1.0), ("min", self.min, -1.0)):
            pair = (levels.warn, levels.fail) if levels else (None, None)
            if None not in pair and sign * pair[0] > sign * pair[1]:  # type: ignore[operator]
                raise ValueError(
                    f"{name}: warn ({pair[0]:g}) must be reached before fail ({pair[1]:g})"
                )
        if self.max and self.min:
            lows = [v for v in (self.min.warn, self.min.fail) if v is not None]
            highs = [v for v in (self.max.warn, self.max.fail) if v is not None]
            if max(lows) > min(highs):
                raise ValueError("the levels of min lie above those of max: nothing could pass")

    def sides(self) -> tuple[Side, ...]:
        """Return the sides that have levels."""
        pairs = (("max", self.max), ("min", self.min))
        return tuple(
            Side(direction=direction, warn=levels.warn, fail=levels.fail)  # type: ignore[arg-type]
            for direction, levels in pairs
            if levels
        )

    def levels_text(self) -> str:
        """Return the levels for `Description`."""
        named = (("above {}", self.max), ("below {}", self.min))
        return "; ".join(levels_text(word, lv.warn, lv.fail) for word, lv in named if lv)


class OnSeries(TwoSided, frozen=True, kw_only=True):
    """Keys of a check that reduces a series, or judges its points one by one."""

    statistic: Statistic = "median"
    """How the points in the window become one number."""
    window: Window = Window()
    """Points that are judged."""
    patience: Patience | None = None
    """Judge single points instead of the statistic: a level counts when N of M in a row break it."""

    @property
    def taken(self) -> str:
        """How the value is taken from the points, in words."""
        return f"{STATISTIC_WORDS[self.statistic]} {self.window.words()}"
