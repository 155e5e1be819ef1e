"""`improvement`: returns at the end of a run against those from before it learned."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
from msgspec import structs

from gates.checks.check import Check, Description, Peers, Ruling, levels_text
from gates.checks.keys import Levels, Tag
from gates.checks.measured import Measured
from gates.facts.afresh import AfreshProgress, afresh_progress
from gates.facts.learning import (
    CLEARLY,
    EFFECT_IN_RETURNS,
    EFFECT_IN_SPREADS,
    EVALUATION,
    EVALUATIONS,
    Progress,
    described,
    first_policy,
    progress,
)
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.findings import Certainty, Outcome, Side
from gates.metrics import Reduced
from gates.schema import Count, Positive
from gates.text import as_sentence, format_number, format_plural


class ImprovementCheck(Check, frozen=True, kw_only=True, tag="improvement"):
    """Returns at the end exceed those from before learning, by an effect that matters and beyond their errors.

    The baseline is what came before the first update, in the same measurement: evaluations of the untrained policy;
    else training returns, from the exploring episodes or, where updates may have begun, from the first ones; else the
    first evaluations. Where evaluations rose within their error, training returns that rose clearly decide; where those
    leave it open, the episodes that last and untrained policy ran afresh, of which more can be run. Returns that stay
    as they were, after a baseline that may have learned already or where nothing shows that the policy matters in the
    task, are undecided: WARN.
    """

    assumes: ClassVar[tuple[str, ...]] = (
        "A higher result is better, and both ends are the same task, measured in the same way.",
        (
            "Training returns hold exploration noise and evaluations few episodes: a gain inside its "
            "error, or below the smallest effect, is undecided and never GO or NO_GO."
        ),
    )
    tag: Tag = Tag(EVALUATION)
    """Result that is better when higher; for evaluations training returns stand beside them."""
    last_points: Count = 3
    """Evaluations in the window, from the end: evaluation swings widely while a policy learns."""
    min: Levels
    """Levels of the gain in standard errors, the smallest effect counting as one of `warn`."""
    smallest_effect: Positive | None = None
    """Smallest gain that matters, in units of the return; unset: the larger one of the two shares below."""
    effect_in_spreads: Positive = EFFECT_IN_SPREADS
    """Smallest gain that matters as a share of the standard deviation of single episodes before learning."""
    effect_in_returns: Positive = EFFECT_IN_RETURNS
    """The same as a share of the larger return."""
    training_decides: bool = False
    """Training returns that fell count as required; they hold exploration noise and a young policy's detours."""
    only_if_logged: bool = False
    """When the tag is absent the check does not apply, instead of being INCONCLUSIVE."""

    def judge(self, facts: RunFacts, peers: Peers) -> Ruling:
        """Judge the end of the run by the first measurement that decides."""
        found = progress(self.tag, facts, last_points=self.last_points)
        if isinstance(found, Missing):
            absent = self.only_if_logged and facts.series(self.tag) is None
            return self.missing(facts, structs.replace(found, not_applicable=absent))
        one, outcome = self._deciding(found, facts)
        beside = tuple(other for other in found if other is not one)
        measured = self._measured(one, beside, facts)
        side = Side(direction="min", warn=self.min.warn, fail=self.min.fail)
        finding = self.compare(facts, measured, (side,))
        if finding.outcome is Outcome.INCONCLUSIVE:
            return Ruling(finding=finding)
        finding = replace(finding, certainty=_certainty(self, one, outcome, facts))
        if outcome is None:
            why = _why_undecided(self, one)
            return Ruling(
                finding=replace(
                    finding,
                    outcome=Outcome.WARN,
                    reason=(
                        f"{measured.subject} is undecided, {format_number(one.gain)}: {why}. "
                        f"{as_sentence(measured.note)}."
                    ),
                    fact=f"improvement is undecided, {why}",
                    statistic=f"{finding.statistic}; undecided, {why}",
                )
            )
        decides = self.training_decides or one.tag == self.tag
        required = finding.required and (decides or outcome is not Outcome.FAIL)
        fact = "" if outcome is Outcome.PASS else _fact(finding.value or 0.0)
        return Ruling(finding=replace(finding, outcome=outcome, required=required, fact=fact))

    def _deciding(
        self, found: tuple[Progress, ...], facts: RunFacts
    ) -> tuple[Progress, Outcome | None]:
        """Return the measurement that decides and what it says, None where none does."""
        judged = [(one, _outcome(self, one)) for one in found]
        one, outcome = judged[0]
        if one.tag == self.tag and not one.learned_before:
            # Evaluations of the untrained policy are the measure itself: others only confirm what they show.
            if outcome is not Outcome.PASS and one.gain >= _smallest(self, one):
                one, outcome = next((p for p in judged if p[1] is Outcome.PASS), judged[0])
        else:
            one, outcome = next((pair for pair in judged if pair[1] is not None), judged[0])
        if outcome in (None, Outcome.WARN) and one.tag == self.tag == EVALUATION:
            afresh = afresh_progress(facts)
            if afresh is not None:
                return afresh, _afresh_outcome(self, afresh)
        return one, outcome

    def _measured(self, one: Progress, others: tuple[Progress, ...], facts: RunFacts) -> Measured:
        scale = _scale(self, one)
        beside = "".join(f"; {o.tag}: {described(o)}" for o in others)
        start = "first results" if one.learned_before else first_policy(facts)
        return Measured(
            reduced=Reduced(
                value=one.gain / scale if scale > 0 else 0.0,
                first_step=int(one.cut.steps.min()),
                last_step=int(one.cut.steps.max()),
                points=len(one.later),
                nan_points=int(np.isnan(one.later.values).sum()),
            ),
            series=one.cut,
            subject=f"improvement of {one.tag} over the {start}",
            statistic=_measured_in(one),
            note=(
                f"{described(one)}, standard error {format_number(one.error)}, smallest effect that matters "
                f"{format_number(_smallest(self, one))}{beside}; one seed gives no interval across seeds"
            ),
        )

    def describe(self) -> Description:
        """Say what is compared with what."""
        value = f"`{self.tag}` at the end over what came before learning, in standard errors"
        return Description(
            value=value, levels=levels_text("below {}", self.min.warn, self.min.fail)
        )


def _measured_in(one: Progress) -> str:
    if not isinstance(one, AfreshProgress):
        return "in standard errors"
    rounds = format_plural(one.rounds, "round")
    return f"in standard errors, over {one.after.episodes:.0f} paired episodes in {rounds}"


def _smallest(check: ImprovementCheck, one: Progress) -> float:
    if check.smallest_effect is not None:
        return check.smallest_effect
    return one.smallest_effect(check.effect_in_spreads, check.effect_in_returns)


def _scale(check: ImprovementCheck, one: Progress) -> float:
    """Return what counts as one standard error: never so small that less than the smallest effect passes."""
    level = check.min.warn or check.min.fail or 1.0
    return max(one.error, _smallest(check, one) / max(1.0, abs(level)))


def _outcome(check: ImprovementCheck, one: Progress) -> Outcome | None:
    """Return what the gain says, None where it decides nothing."""
    scale, levels = _scale(check, one), check.min
    value = one.gain / scale if scale > 0 else float("nan")
    if not one.error > 0 or not np.isfinite(value):
        return None
    if levels.fail is not None and value < levels.fail:
        failed = _worse(one, scale) or (levels.fail > 0 and _as_before(check, one))
        return Outcome.FAIL if failed else None
    if levels.warn is not None and value < levels.warn:
        return Outcome.WARN if abs(one.gain) >= _smallest(check, one) else None
    return Outcome.PASS


def _afresh_outcome(check: ImprovementCheck, one: AfreshProgress) -> Outcome | None:
    """Return what paired episodes say, None where luck may explain it: luck is asked at every look."""
    value = one.gain / _scale(check, one) if one.error > 0 else 0.0
    level = abs(check.min.warn or check.min.fail or CLEARLY)
    if abs(value) < level or not one.test.found:
        return None
    return Outcome.PASS if value > 0 else Outcome.FAIL


def _certainty(
    check: ImprovementCheck, one: Progress, outcome: Outcome | None, facts: RunFacts
) -> Certainty | None:
    """Say how far luck may explain the gain, and what more would rule it out.

    Only the same episodes of both policies allow a probability; means of evaluations are too few for one.
    """
    decided = outcome in (Outcome.PASS, Outcome.FAIL)
    paired = afresh_progress(facts) if check.tag == one.tag == EVALUATION else None
    start = "first results" if one.learned_before and paired is None else first_policy(facts)
    if paired is not None:
        p, model = paired.test.p, f"signs of {paired.after.episodes:.0f} paired differences"
    elif one.error > 0:
        p, model = None, f"{format_number(abs(one.gain) / one.error)} standard errors"
    else:
        return None
    gain = one.gain if paired is None else paired.gain
    level = abs(check.min.warn or check.min.fail or CLEARLY)
    return Certainty(
        claim=f"a policy {'no better' if gain >= 0 else 'no worse'} than the {start}",
        p=p,
        model=model,
        decided=decided,
        more=None if decided or abs(one.gain) < _smallest(check, one) else one.more(level),
    )


def _worse(one: Progress, scale: float) -> bool:
    """Say whether returns fell clearly: training returns, which hold exploration noise, by a whole spread."""
    least = CLEARLY * scale
    return one.gain <= -(
        least if one.tag.startswith(EVALUATIONS) else max(least, one.before.spread)
    )


def _as_before(check: ImprovementCheck, one: Progress) -> bool:
    """Say whether a gain of what is at stake is ruled out.

    At stake is what is configured, or one spread of the untrained policy's episodes where returns moved by as much.
    """
    least = check.smallest_effect or one.before.spread
    if one.learned_before or not one.gain + CLEARLY * one.error < least:
        return False
    return check.smallest_effect is not None or one.moved(least)


def _fact(errors: float) -> str:
    if errors <= 0:
        return f"returns fell by {format_number(-errors, digits=3)} standard errors"
    return f"returns rose by only {format_number(errors, digits=3)} standard errors"


def _why_undecided(check: ImprovementCheck, one: Progress) -> str:
    if one.error <= 0:
        return "the results show no spread, so no gain can be told from noise"
    if abs(one.gain) < _smallest(check, one):
        return "less than the smallest effect that matters"
    if one.gain < -CLEARLY * one.error:
        return "results fell, but by less than single episodes differ"
    if one.learned_before:
        return "no clear change, and the first results may have been learned already"
    if abs(one.gain) < CLEARLY * one.error:
        return "within the errors of both means"
    return "nothing shows that the policy matters in this task"
