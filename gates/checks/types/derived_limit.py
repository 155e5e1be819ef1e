"""`derived_limit`: a series stays within a range that follows from the rewards and the configuration of its run."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from msgspec import structs

from gates.checks.check import Check, Description, Peers, Ruling, levels_text
from gates.checks.keys import Patience, Tag, Window
from gates.checks.measured import Measured
from gates.facts.bounds import Bound, Formula
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.findings import Side
from gates.metrics import STATISTIC_WORDS, Statistic, magnitudes, reduce
from gates.schema import Positive
from gates.tags import logged_by_updates, tag_name

_ONE = 1.0 + 1e-4
"""Largest |mean(Q)| / mean|Q|, with room for rounding."""
BoundName = Literal["q_value", "q_reach", "actor_loss"]


class DerivedLimitCheck(Check, frozen=True, kw_only=True, tag="derived_limit"):
    """A value stays within a range that is derived from the run; the derivation is printed."""

    assumes: ClassVar[tuple[str, ...]] = (
        (
            "The logged batches, or else the episodes, show rewards about as large as any that the critic "
            "saw: a rare, much larger one makes the bound too narrow."
        ),
        (
            "Values are made of rewards alone; for SAC and its kin the bound is widened, as theirs hold a "
            "bonus for entropy."
        ),
        (
            "The discount is told by the log or the configuration; where it is assumed, only values beyond the bound "
            "of 0.999 fail."
        ),
    )
    tag: Tag
    """Series to judge."""
    bound: BoundName
    """`q_value`: |Q| <= max|r| / (1 - gamma). `q_reach`: Q <= max r / (1 - gamma). `actor_loss`: the range of `q_value`
    for -mean(Q), or that of the guarded loss."""
    statistic: Statistic = "max_abs"
    """How the points in the window become one number."""
    window: Window = Window()
    """Points that are judged."""
    warn_share: Positive | None = None
    """WARN beyond this share of the bound, on both sides."""
    fail_share: Positive | None = 1.0
    """FAIL beyond this share of the bound, on both sides."""
    patience: Patience | None = None
    """Judge single points instead of the statistic: a level counts when N of M in a row break it."""

    def __post_init__(self) -> None:
        """Refuse keys that contradict each other."""
        if self.warn_share is None and self.fail_share is None:
            raise ValueError("give warn_share, fail_share or both")
        if self.warn_share and self.fail_share and self.warn_share > self.fail_share:
            raise ValueError(
                f"warn_share ({self.warn_share:g}) must not exceed fail_share ({self.fail_share:g})"
            )

    def judge(self, facts: RunFacts, peers: Peers) -> Ruling:
        """Reduce the series and compare with shares of the bound."""
        found = facts.need(self.tag)
        if isinstance(found, Missing):
            return self.missing(facts, found)
        (series,) = found
        bound = BOUNDS[self.bound](facts)
        if isinstance(bound, Missing):
            return self.missing(facts, bound)
        absolute = self.statistic == "max_abs"
        points = magnitudes(series) if absolute else series
        cut = self.window.cut(points, self.min_points)
        measured = Measured(
            reduced=reduce(cut, self.statistic),
            series=cut,
            whole=points,
            subject=self.tag,
            name=tag_name(self.tag),
            statistic=self._taken,
            note=f"derived: {series.derived_from}" if series.derived_from else "",
            bound=bound,
        )
        sides = self._sides(bound, absolute)
        return Ruling(finding=self.compare(facts, measured, sides, self.patience))

    @property
    def of_updates(self) -> bool:
        """As its tag is."""
        return logged_by_updates(self.tag)

    def describe(self) -> Description:
        """Name the tag, how it is reduced and the shares of the bound."""
        levels = levels_text("beyond {} of the bound", self.warn_share, self.fail_share)
        return Description(value=f"`{self.tag}`, {self._taken}", levels=levels)

    @property
    def _taken(self) -> str:
        return f"{STATISTIC_WORDS[self.statistic]} {self.window.words()}"

    def _sides(self, bound: Bound, absolute: bool) -> tuple[Side, ...]:
        """Scale the bound; two sides that are not symmetric around 0 are only held at their full width."""
        share = None if self.fail_share is None else self.fail_share * bound.unsure
        if math.isinf(bound.low):
            warn_at = None if self.warn_share is None else self.warn_share * bound.high
            fail_at = None if share is None else share * bound.high
            return (Side(direction="max", warn=warn_at, fail=fail_at),)
        symmetric = bound.low == -bound.high
        warn = self.warn_share if symmetric else None
        fail = share if symmetric or share is None else bound.unsure
        high = Side(
            direction="max",
            warn=None if warn is None else warn * bound.high,
            fail=None if fail is None else fail * bound.high,
        )
        low = Side(
            direction="min",
            warn=None if warn is None else warn * bound.low,
            fail=None if fail is None else fail * bound.low,
        )
        return (high,) if absolute and symmetric else (high, low)


def actor_loss_bound(facts: RunFacts) -> Bound | Missing:
    """Range of the actor loss: that of -mean(Q) plus the configured guards."""
    run = facts.run
    normalized = bool(run and run.flag("normalize_actor_loss"))
    penalty = (run.number("preact_penalty") or 0.0) if run else 0.0
    extra, term = 0.0, ("", "")
    if penalty:
        preact = facts.series("policy/preact_abs")
        if preact is None:
            return Missing(reason="policy/preact_abs is not logged", tags=("policy/preact_abs",))
        # mean(z^2) is not logged; ten times the square of the largest mean |z| leaves room for uneven outputs.
        largest = float(preact.values.max())
        extra = penalty * 10.0 * largest**2
        term = ("preact_penalty x 10 x max|z|^2", f"{penalty:g} x 10 x {largest:.4g}^2")
    if normalized:
        one = Formula(text="max of mean(Q) / mean|Q|", numbers=f"{_ONE:g}")
        bound = Bound(
            low=-_ONE,
            high=_ONE,
            low_from=Formula(text=f"-{one.text}", numbers=f"-{one.numbers}"),
            high_from=one,
        )
    else:
        found = facts.q_bound
        if isinstance(found, Missing):
            return found
        bound = found
    if not extra:
        return bound
    return structs.replace(bound, high=bound.high + extra, high_from=bound.high_from.plus(*term))


BOUNDS = {
    "q_value": lambda facts: facts.q_bound,
    "q_reach": lambda facts: facts.q_reach,
    "actor_loss": actor_loss_bound,
}
