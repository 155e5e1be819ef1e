"""`retention`: what was learned is kept."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from gates.checks.check import Check, Description, Peers, Ruling, levels_text, undecided
from gates.checks.keys import Levels, Tag
from gates.checks.measured import Measured
from gates.facts.breach import Breach
from gates.facts.learning import CLEARLY, EVALUATION, first_policy, progress
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.findings import Side
from gates.metrics import Reduced
from gates.schema import Count
from gates.series import FloatArray
from gates.text import format_number

LUCK = 4.0
"""Standard errors that the best of many means lies above an equal one by luck."""


class RetentionCheck(Check, frozen=True, kw_only=True, tag="retention"):
    """What was learned is kept: the last results hold a share of the best improvement.

    A loss below the smallest effect is none, and one that luck explains is a WARN at most.
    """

    assumes: ClassVar[tuple[str, ...]] = (
        "A higher result is better, and the task stays the same.",
        (
            "The best mean of neighbours is partly luck: a loss inside its error, or below the smallest "
            "effect, is none."
        ),
    )
    tag: Tag = Tag(EVALUATION)
    """Result that is better when higher."""
    last_points: Count = 3
    """Results in the window, from the end; the best is the best mean of as many neighbours."""
    min: Levels
    """Levels of (last - before learning) / (best - before learning)."""

    def judge(self, facts: RunFacts, peers: Peers) -> Ruling:
        """Judge the last results against the best ones."""
        found = progress(self.tag, facts, last_points=self.last_points)
        if isinstance(found, Missing):
            return self.missing(facts, found)
        one = found[0]
        later, size = one.later, min(self.last_points, len(one.later))
        if not np.isfinite(later.values).all():
            reason = f"{one.tag} is not finite after the first update"
            return self.missing(facts, Missing(reason=reason))
        means = np.convolve(later.values, np.ones(size) / size, mode="valid")
        at = int(means.argmax())
        best, last, start = float(means[at]), float(means[-1]), one.before.mean
        if not best - start > max(CLEARLY * one.before.error, one.smallest_effect()):
            reason = (
                f"{one.tag} never clearly beat the {first_policy(facts)}, so nothing could be lost"
            )
            return self.missing(facts, Missing(reason=reason, not_applicable=True))
        loss = best - last
        if 0 < loss <= one.smallest_effect():
            reason = f"{one.tag} lost {format_number(loss)}, less than what matters"
            return self.missing(facts, Missing(reason=reason, not_applicable=True))
        error = float(np.hypot(one.after.error, _error(later.values[at : at + size])))
        measured = Measured(
            reduced=Reduced(
                value=(last - start) / (best - start),
                first_step=int(later.steps.min()),
                last_step=int(later.steps.max()),
                points=len(later),
                nan_points=0,
            ),
            series=later,
            subject=f"share of the best improvement of {one.tag} that is kept",
            fact=_fact,
            statistic=f"means of {size} results",
            note=(
                f"last {format_number(last)}, best {format_number(best)}, "
                f"before {format_number(start)} ({one.before.words})"
            ),
        )
        side = Side(direction="min", warn=self.min.warn, fail=self.min.fail)
        finding = self.compare(facts, measured, (side,))
        if not (error > 0 and loss > LUCK * error):
            why = (
                f"{format_number(loss)} less is no clear loss at an error of {format_number(error)}"
            )
            finding = undecided(finding, why, "by no more than luck explains")
        return Ruling(finding=finding)

    def describe(self) -> Description:
        """Say what is compared with what."""
        value = f"last {self.last_points} `{self.tag}` over the best ones, what came before learning taken off"
        return Description(
            value=value, levels=levels_text("below {}", self.min.warn, self.min.fail)
        )


def _error(values: FloatArray) -> float:
    """Return the standard error of a mean; 0 where one value tells none."""
    return float(np.std(values, ddof=1)) / float(np.sqrt(len(values))) if len(values) > 1 else 0.0


def _fact(breach: Breach) -> str:
    if breach.value <= 0:
        return "the last results lost all that was learned"
    return f"the last results keep {breach.share} of the best improvement"
