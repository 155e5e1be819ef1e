"""`episode_rate`: how many evaluation episodes end in some way, judged by an interval."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, ClassVar

from msgspec import Meta

from gates.checks.check import Description, Peers, Ruling
from gates.checks.measured import Measured
from gates.checks.two_sided import TwoSided
from gates.facts.breach import Breach
from gates.facts.driving import EpisodeRate, episode_rate
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.findings import Certainty, Outcome
from gates.metrics import Reduced, binomial_p
from gates.schema import Text, nearest
from gates.tags import DRIVING_MEASURES
from gates.text import format_share

SQUARED = 1.96**2
"""Standard errors of a 95 % interval, squared."""


class Measure(str):
    """A measure of driving, without the group of its tag."""

    __slots__ = ()

    @classmethod
    def of(cls, value: object) -> Measure:
        """Refuse what is no measure.

        Raises:
            ValueError: There is no such measure.
        """
        if value not in DRIVING_MEASURES:
            hint = nearest(str(value), DRIVING_MEASURES)
            raise ValueError(f"{value!r} is no measure of driving{hint}")
        return cls(value)


class EpisodeRateCheck(TwoSided, frozen=True, kw_only=True, tag="episode_rate"):
    """The rate of some endings, or of success, in the last evaluation of driving; without one it does not apply.

    Judged on held-out routes where they were driven, else on those of the training. The end of the 95 % Wilson interval
    that is nearest to the level is compared with it, so that few episodes cannot break one by chance. Too few of them
    are INCONCLUSIVE and never count as required: the length of an evaluation is no fault of the policy.
    """

    assumes: ClassVar[tuple[str, ...]] = (
        "The episodes of the last evaluation are independent of each other.",
        "The level is what the task asks for; it is no property of every sound run.",
    )
    measures: Annotated[tuple[Measure, ...], Meta(min_length=1)]
    """Measures whose shares add up: `end_collision_vehicle`, or `success`; without the group of the tag."""
    name: Text
    """The rate for people: `collision rate`."""

    def judge(self, facts: RunFacts, peers: Peers) -> Ruling:
        """Compare the near end of the interval."""
        found = episode_rate(facts.log, self.measures)
        if isinstance(found, Missing):
            return self.missing(facts, found)
        step, low = int(found.series.steps[-1]), self.max is not None
        measured = Measured(
            reduced=Reduced(
                value=found.interval.low if low else found.interval.high,
                first_step=step,
                last_step=step,
                points=found.episodes,
                nan_points=0,
            ),
            series=found.series,
            subject=self.name,
            fact=lambda breach: _fact(self.name, found, breach),
            statistic=f"{'lower' if low else 'upper'} end of the 95 % Wilson interval",
            note=f"{_counted(found)}, interval {_range(found)}",
            unit="share",
        )
        finding = self.compare(facts, measured, self.sides())
        decided = finding.outcome is not Outcome.INCONCLUSIVE
        return Ruling(
            finding=replace(
                finding,
                required=finding.required and decided,
                certainty=self._certainty(found) if decided else None,
            )
        )

    def _certainty(self, found: EpisodeRate) -> Certainty | None:
        """Say how far luck may explain that the rate lies on its side of the level that warns."""
        side = self.sides()[0]
        level = side.warn if side.warn is not None else side.fail
        rate = found.interval.estimate
        if level is None or not 0.0 < level < 1.0 or rate == level:
            return None
        above = rate > level
        p = (
            binomial_p(found.hits, found.episodes, level)
            if above
            else binomial_p(found.episodes - found.hits, found.episodes, 1.0 - level)
        )
        decided = found.interval.low > level if above else found.interval.high < level
        needed = SQUARED * level * (1.0 - level) / (rate - level) ** 2
        return Certainty(
            claim=f"a true {self.name} of {'at most' if above else 'at least'} {format_share(level)}",
            p=p,
            model="binomial",
            decided=decided,
            more=None if decided else max(1, math.ceil(needed - found.episodes)),
        )

    def describe(self) -> Description:
        """Name the measures."""
        names = " + ".join(f"`{measure}`" for measure in self.measures)
        return Description(
            value=f"{names} in the last evaluation, near end of the 95 % interval",
            levels=self.levels_text(),
        )


def _counted(found: EpisodeRate) -> str:
    return f"{found.hits} of {found.episodes} episodes on {found.routes}"


def _range(found: EpisodeRate) -> str:
    return f"{format_share(found.interval.low)} to {format_share(found.interval.high)}"


def _fact(name: str, found: EpisodeRate, breach: Breach) -> str:
    word = "above" if breach.direction == "max" else "below"
    return f"{name} is {format_share(found.interval.estimate)}, clearly {word} {format_share(breach.level)}"
