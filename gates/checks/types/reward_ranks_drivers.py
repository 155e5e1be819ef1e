"""`reward_ranks_drivers`: nobody earns more than a driver by rules who drives clearly better."""

from __future__ import annotations

from typing import ClassVar

from gates.checks.check import Check, Description, Peers, Ruling, levels_text
from gates.checks.keys import Levels
from gates.checks.measured import Measured
from gates.facts.driving import against_rules
from gates.facts.learning import CLEARLY
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.findings import Side
from gates.metrics import Reduced

_DRIVEN = "held_out_driving/route_completion"


class RewardRanksDriversCheck(Check, frozen=True, kw_only=True, tag="reward_ranks_drivers"):
    """On the same routes, the policy earned clearly more than the driver by rules only if it drove no worse.

    Compared route by route in the evaluation at the end, by how much more of the route the driver by rules drove, or
    how many more routes it drove to their end, with two standard errors taken off. It applies where the policy's return
    is higher by more than three standard errors: a policy that still learns earns less than the driver by rules.
    """

    assumes: ClassVar[tuple[str, ...]] = (
        "The task is to complete routes, which the driver by rules does.",
        "All drivers drove the same routes and were paid by the same reward.",
    )
    max: Levels
    """Levels of how much better the driver by rules drove, as a share of the route or of the episodes."""

    def judge(self, facts: RunFacts, peers: Peers) -> Ruling:
        """Compare how was driven where the policy earned more."""
        found = against_rules(facts.final)
        series = facts.series(_DRIVEN)
        if isinstance(found, Missing) or series is None:
            reason = found.reason if isinstance(found, Missing) else f"{_DRIVEN} is not logged"
            return self._skip(facts, reason)
        if not found.earned.mean > CLEARLY * found.earned.error:
            return self._skip(facts, f"the policy did not earn clearly more. {found.words}")
        better = max((found.completed, found.succeeded), key=lambda one: one.mean - 2.0 * one.error)
        step = int(series.steps[-1])
        measured = Measured(
            reduced=Reduced(
                value=better.mean - 2.0 * better.error,
                first_step=step,
                last_step=step,
                points=found.episodes,
                nan_points=0,
            ),
            series=series.where(slice(len(series) - 1, None)),
            subject="how much better the driver by rules drove, who earned less",
            fact=lambda _: "the policy earns more than a driver by rules who drives clearly better",
            statistic="lower end, two standard errors below",
            note=found.words,
            unit="share",
        )
        side = Side(direction="max", warn=self.max.warn, fail=self.max.fail)
        return Ruling(finding=self.compare(facts, measured, (side,)))

    def describe(self) -> Description:
        """Say what is compared with what."""
        value = "by how much the driver by rules drove better, where the policy earned more"
        return Description(
            value=value, levels=levels_text("above {}", self.max.warn, self.max.fail)
        )

    def _skip(self, facts: RunFacts, reason: str) -> Ruling:
        return self.missing(facts, Missing(reason=reason, not_applicable=True))
