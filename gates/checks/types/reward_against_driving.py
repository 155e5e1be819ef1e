"""`reward_against_driving`: where returns rose, driving must have become better as well."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, ClassVar

from msgspec import Meta

from gates.checks.check import Check, Description, Peers, Ruling, levels_text
from gates.checks.keys import Levels
from gates.checks.measured import Measured
from gates.facts.learning import EVALUATION, Progress, described, first_policy, progress
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.findings import Outcome, Side
from gates.metrics import Reduced
from gates.schema import Count, Positive
from gates.text import as_sentence, format_number

LEAST_CHANGE = 0.02
"""Change of a share, with two standard errors taken off, from which on driving surely became better or worse."""
DRIVING = ("eval_driving/route_completion", "eval_driving/success")


class RewardAgainstDrivingCheck(Check, frozen=True, kw_only=True, tag="reward_against_driving"):
    """Route completion or success rose where the evaluation return did; it applies only where all three are logged.

    Judged on the larger one of the two gains, each with two standard errors added; a gain that is small but beyond its
    errors passes. So only driving that surely did not become better fails. A rise of the return counts when it is
    beyond its errors and more than `least_spreads` standard deviations of single episodes before learning, or route
    completion surely fell. Routes that were driven almost to their end before cannot become better.
    """

    assumes: ClassVar[tuple[str, ...]] = (
        "The task is to complete a route, and the first evaluation left room to complete more of it.",
        "All evaluations drive the same routes.",
    )
    min: Levels
    """Levels of the gain of route completion or success, as a share of the route or of the episodes."""
    last_points: Count = 5
    """Evaluations in the window, from the end."""
    least_spreads: Positive = 2.0
    """Smallest rise of the return, in standard deviations of single episodes before learning."""
    room: Annotated[float, Meta(gt=0, lt=1)] = 0.5
    """Largest mean route completion before learning at which the check applies."""

    def judge(self, facts: RunFacts, peers: Peers) -> Ruling:
        """Compare the gains of driving with that of the return."""
        returns = self._progress(EVALUATION, facts)
        driven = [self._progress(tag, facts) for tag in DRIVING]
        if returns is None or None in driven:
            return self._skip(facts, "returns and driving are not both evaluated from the start on")
        completion, success = (one for one in driven if one is not None)
        fell = completion.gain + 2.0 * completion.error < -LEAST_CHANGE
        least = self.least_spreads * returns.before.spread
        if returns.direction <= 0 or (returns.gain < least and not fell):
            return self._skip(facts, f"returns did not clearly rise: {described(returns)}")
        if completion.before.mean > self.room:
            policy = first_policy(facts)
            return self._skip(
                facts, f"the {policy} drove {completion.before.mean:.0%} of its routes already"
            )
        best = max((completion, success), key=lambda one: one.gain + 2.0 * one.error)
        measured = Measured(
            reduced=Reduced(
                value=best.gain + 2.0 * best.error,
                first_step=int(best.cut.steps.min()),
                last_step=int(best.cut.steps.max()),
                points=len(best.later),
                nan_points=0,
            ),
            series=best.cut,
            subject=f"gain of {best.tag} where returns rose",
            fact=lambda _: (
                f"returns rose by {format_number(returns.gain, digits=3)}, but driving did not get better"
            ),
            statistic="upper end, two standard errors above",
            note=(
                f"{EVALUATION} {described(returns)}; route completion {described(completion)}; "
                f"success {described(success)}"
            ),
            unit="share",
        )
        side = Side(direction="min", warn=self.min.warn, fail=self.min.fail)
        finding = self.compare(facts, measured, (side,))
        surely = any(one.gain - 2.0 * one.error > LEAST_CHANGE for one in (completion, success))
        if surely and finding.outcome in (Outcome.WARN, Outcome.FAIL):
            text = f"{measured.subject} is small but clear. {as_sentence(measured.note)}."
            finding = replace(finding, outcome=Outcome.PASS, reason=text, fact="", breach_step=None)
        return Ruling(finding=finding)

    def describe(self) -> Description:
        """Say what is compared with what."""
        value = "gain of route completion or success over the start, where returns rose"
        return Description(
            value=value, levels=levels_text("below {}", self.min.warn, self.min.fail)
        )

    def _progress(self, tag: str, facts: RunFacts) -> Progress | None:
        found = progress(tag, facts, last_points=self.last_points)
        one = None if isinstance(found, Missing) else found[0]
        return one if one is not None and one.tag == tag and not one.learned_before else None

    def _skip(self, facts: RunFacts, reason: str) -> Ruling:
        return self.missing(facts, Missing(reason=reason, not_applicable=True))
