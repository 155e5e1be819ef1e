"""`retention`: what was learned is kept."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from gates.checks.check import Check, Description, Measured, Peers, Ruling, levels_text
from gates.checks.keys import Levels, Side, Tag
from gates.facts.first_policy import after_training, first_policy, first_result
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.metrics import Reduced
from gates.text import in_words


class RetentionCheck(Check):
    """What was learned is kept: the last evaluations hold a share of the best improvement."""

    type: Literal["retention"]
    tag: Tag = "eval/mean_reward"
    """Evaluation result, higher is better."""
    last_points: int = Field(default=3, ge=1)
    """Evaluations in the window, from the end; the best is the best mean of as many neighbours."""
    min: Levels
    """Levels of (last - untrained) / (best - untrained)."""

    def judge(self, facts: RunFacts, peers: Peers) -> Ruling:
        """Judge the last evaluations against the best ones."""
        found = facts.need(self.tag)
        if isinstance(found, Missing):
            return self.missing(facts, found)
        start = first_result(self.tag, facts)
        if isinstance(start, Missing):
            return self.missing(facts, start)
        later = after_training(found[0], facts)
        size = min(self.last_points, len(later))
        if not size or not np.isfinite(later.values).all():
            why = Missing(reason="no finite evaluation after the first update")
            return self.missing(facts, why)
        means = np.convolve(later.values, np.ones(size) / size, mode="valid")
        best, last = float(means.max()), float(means[-1])
        if best <= start.mean:
            reason = f"no evaluation was better than the {first_policy(facts)}, so that nothing could be lost"
            return self.missing(facts, Missing(reason=reason, not_applicable=True))
        first = "at the start" if facts.warm_start else "untrained"
        measured = Measured(
            reduced=Reduced(
                value=(last - start.mean) / (best - start.mean),
                first_step=int(later.steps.min()),
                last_step=int(later.steps.max()),
                points=len(later),
                nan_points=0,
            ),
            series=later,
            subject=f"share of the best improvement of {self.tag} that is kept",
            statistic=f"means of {size} evaluations",
            note=f"last {in_words(last)}, best {in_words(best)}, {first} {in_words(start.mean)}",
        )
        side = Side(direction="min", warn=self.min.warn, fail=self.min.fail)
        return Ruling(finding=self.compare(facts, measured, (side,)))

    def describe(self) -> Description:
        """Say what is compared with what."""
        value = f"last {self.last_points} `{self.tag}` over the best ones, the untrained policy's taken off"
        return Description(
            value=value, levels=levels_text("below {}", self.min.warn, self.min.fail)
        )
