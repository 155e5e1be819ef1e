"""`growth`: how a value grows with the updates, and what it will be at the end of the next stage."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np

from gates.checks.check import Check, Description, Peers, Ruling, levels_text
from gates.checks.keys import Levels, Tag, Window
from gates.checks.measured import Measured
from gates.facts.bounds import Bound
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.findings import Side
from gates.metrics import Growth, Reduced, fit_growth
from gates.schema import Positive, Share
from gates.tags import tag_name
from gates.text import format_number


class GrowthCheck(Check, frozen=True, kw_only=True, tag="growth"):
    """A fitted growth, extrapolated to the end of the next stage, stays within a derived bound or typed levels.

    The better one of a power law and an exponential is used. A fit that explains little is no evidence of growth: below
    `min_r_squared` the last value itself counts as the forecast.
    """

    assumes: ClassVar[tuple[str, ...]] = (
        "Values go on growing as a power of the updates; many level off, so a forecast alone never fails.",
    )
    tag: Tag
    """Series whose absolute value is fitted against updates."""
    window: Window = Window(last_share=0.75)
    """Points that are fitted; the first ones show the networks warming up from 0."""
    bound: Literal["q_value"] | None = None
    """Compare the forecast with this derived bound; unset: with `max`."""
    warn_share: Positive = 1.0
    """WARN when the forecast exceeds this share of the bound."""
    fail_share: Positive | None = None
    """FAIL when it exceeds this share; unset: an extrapolation alone never fails."""
    max: Levels | None = None
    """Levels of the forecast when no bound is given."""
    min_r_squared: Share = 0.8
    """Share of the logarithm's variance that a fit must explain."""

    def __post_init__(self) -> None:
        """Refuse keys that contradict each other."""
        if (self.bound is None) == (self.max is None):
            raise ValueError("give bound or max, and not both")
        if self.fail_share is not None and self.warn_share > self.fail_share:
            raise ValueError(
                f"warn_share ({self.warn_share:g}) must not exceed fail_share ({self.fail_share:g})"
            )

    def judge(self, facts: RunFacts, peers: Peers) -> Ruling:
        """Fit, extrapolate and compare."""
        found = facts.need(self.tag)
        if isinstance(found, Missing):
            return self.missing(facts, found)
        (series,) = found
        bound = facts.q_bound if self.bound is not None else None
        if isinstance(bound, Missing):
            return self.missing(facts, bound)
        last = facts.last_step or int(series.steps.max())
        if facts.next_steps is None or facts.next_steps <= last:
            why = Missing(reason="no later stage is planned", not_applicable=True)
            return self.missing(facts, why)
        cut = self.window.cut(series, self.min_points)
        updates, updates_source = facts.updates_at(cut.steps)
        growth = fit_growth(updates, cut.values)
        usable = int(np.isfinite(cut.values).sum())
        if growth is None or usable < self.min_points:
            reason = f"too few usable points for a fit ({usable})"
            return self.missing(facts, Missing(reason=reason, tags=(self.tag,)))
        start = facts.learning_starts.value if facts.learning_starts else 0.0
        pace = float(updates[-1]) / max(1.0, last - start)
        target = pace * (facts.next_steps - start)
        last_value = abs(float(cut.values[-1]))
        steady = growth.r_squared >= self.min_r_squared and growth.rate > 0
        forecast = max(last_value, growth.at(target)) if steady else last_value
        measured = Measured(
            reduced=Reduced(
                value=forecast,
                first_step=int(cut.steps.min()),
                last_step=int(cut.steps.max()),
                points=len(cut),
                nan_points=int(np.isnan(cut.values).sum()),
            ),
            series=cut,
            subject=f"|{self.tag}| at step {facts.next_steps:,}",
            name=f"the forecast of {tag_name(self.tag)} for step {facts.next_steps:,}",
            statistic="forecast" if steady else "last value, as there is no steady growth",
            note=f"{_words(growth, steady)}; updates: {updates_source}",
            bound=bound,
        )
        return Ruling(finding=self.compare(facts, measured, (self._side(bound),)))

    def describe(self) -> Description:
        """Name the tag and the shares of the bound, or the levels."""
        if self.max is None:
            levels = levels_text("beyond {} of the bound", self.warn_share, self.fail_share)
        else:
            levels = levels_text("above {}", self.max.warn, self.max.fail)
        value = f"`{self.tag}`, fitted growth extrapolated to the end of the next stage"
        return Description(value=value, levels=levels)

    def _side(self, bound: Bound | None) -> Side:
        if bound is None:
            assert self.max is not None, "the model asks for bound or max"
            return Side(direction="max", warn=self.max.warn, fail=self.max.fail)
        fail = None if self.fail_share is None else self.fail_share * bound.high
        return Side(direction="max", warn=self.warn_share * bound.high, fail=fail)


def _words(growth: Growth, steady: bool) -> str:
    """Describe the fit."""
    if not steady:
        return f"the best fit explains {max(0.0, growth.r_squared):.0%}"
    shape = (
        f"power law with exponent {growth.rate:.2f}"
        if growth.law == "power law"
        else f"exponential, doubling every {format_number(growth.doubling)} updates"
    )
    return (
        f"{shape}, R2 {growth.r_squared:.3f} against {growth.rival_r_squared:.3f} for the other law"
    )
