"""`improvement`: later evaluations against the untrained policy."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from gates.checks.check import Check, Description, Measured, Peers, Ruling, levels_text
from gates.checks.keys import Levels, Side, Tag
from gates.facts.first_policy import after_training, first_policy, first_result, standard_error
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.metrics import Reduced, reduce, window
from gates.text import in_words


class ImprovementCheck(Check):
    """The mean of the last evaluations exceeds that of the untrained policy, counted in standard errors.

    The untrained policy is the evaluation before the first update; without one, the episodes of random exploration.
    A window of evaluations is judged, never the last one alone: evaluation swings widely while a policy learns.
    """

    type: Literal["improvement"]
    tag: Tag = "eval/mean_reward"
    """Evaluation result, higher is better."""
    last_points: int = Field(default=3, ge=1)
    """Evaluations in the window, from the end."""
    min: Levels
    """Levels of the improvement in standard errors."""

    def judge(self, facts: RunFacts, peers: Peers) -> Ruling:
        """Judge the last evaluations against the untrained policy."""
        found, start = facts.need(self.tag), first_result(self.tag, facts)
        if isinstance(found, Missing):
            return self.missing(facts, found)
        if isinstance(start, Missing):
            return self.missing(facts, start)
        cut = window(after_training(found[0], facts), last_points=self.last_points)
        if not len(cut):
            return self.missing(facts, Missing(reason="no evaluation after the first update"))
        spread = float(np.std(cut.values)) / np.sqrt(len(cut)) if len(cut) > 1 else 0.0
        own = standard_error(facts, self.tag, cut)
        scale = float(np.sqrt(start.error**2 + max(spread, own) ** 2))
        reached = reduce(cut, "mean")
        gain = reached.value - start.mean
        value = gain / scale if scale > 0 else (0.0 if gain == 0 else float(np.sign(gain)) * 99.0)
        measured = Measured(
            reduced=Reduced(
                value=value,
                first_step=reached.first_step,
                last_step=reached.last_step,
                points=reached.points,
                nan_points=reached.nan_points,
            ),
            series=cut,
            subject=f"improvement of {self.tag} over the {first_policy(facts)}",
            statistic=f"in standard errors, mean of the last {len(cut)} evaluations",
            note=(
                f"mean {in_words(reached.value)} of the last {len(cut)} evaluations against "
                f"{in_words(start.mean)} ({start.source}), standard error {in_words(scale)}; one seed gives no "
                "interval across seeds"
            ),
        )
        side = Side(direction="min", warn=self.min.warn, fail=self.min.fail)
        return Ruling(finding=self.compare(facts, measured, (side,)))

    def describe(self) -> Description:
        """Say what is compared with what."""
        value = f"mean of the last {self.last_points} `{self.tag}` over the untrained policy's, in standard errors"
        return Description(
            value=value, levels=levels_text("below {}", self.min.warn, self.min.fail)
        )
