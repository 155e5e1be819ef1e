"""Is the evidence there at all: finite values, the tags that a judgement needs, all planned steps."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from pydantic import Field

from gates.checks.base import Outcomes, finding, is_required
from gates.checks.keys import CommonKeys, Tag
from gates.facts.plateau import plateau_of
from gates.facts.run_facts import UPDATE_GROUPS, RunFacts
from gates.findings import Outcome
from gates.series import Series


class FiniteCheck(CommonKeys):
    """No NaN and no infinity in any tag that starts with one of the prefixes."""

    type: Literal["finite"]
    prefixes: tuple[str, ...] = Field(min_length=1)
    """Beginnings of tag names: `train/`."""


class PresenceCheck(CommonKeys):
    """The tags that the other checks need are logged."""

    type: Literal["presence"]
    needed: tuple[Tag, ...] = Field(min_length=1)
    """Without one of these nothing can be judged: INCONCLUSIVE."""
    any_of: tuple[Tag, ...] = ()
    """Without all of these nothing can be judged either: INCONCLUSIVE."""
    expected: tuple[Tag, ...] = ()
    """Without one of these part of the judgement is missing: WARN."""


class CompletenessCheck(CommonKeys):
    """The run reached all planned steps."""

    type: Literal["completeness"]
    tolerated_share: float = Field(default=0.05, ge=0, le=0.2)
    """A run whose last log stands short of the plan by one logging interval, and by no more than this share,
    is a WARN."""


def judge_finite(check: FiniteCheck, facts: RunFacts) -> Outcomes:
    """Count values that are not finite."""
    watched = [s for tag, s in sorted(facts.log.series.items()) if tag.startswith(check.prefixes)]
    points = sum(len(s) for s in watched)
    numbers: dict[str, Any] = {"value": 0.0, "limit": 0.0, "direction": "max", "points": points}
    statistic = f"values that are not finite in {', '.join(check.prefixes)}"
    if points < check.min_points:
        return Outcomes(
            finding=finding(
                check,
                outcome=Outcome.INCONCLUSIVE,
                reason=f"cannot be judged: only {points} values are logged under {', '.join(check.prefixes)}.",
                required=is_required(check, facts),
                statistic=statistic,
                points=points,
            )
        )
    bad = [(s, _first_not_finite(s)) for s in watched if not np.isfinite(s.values).all()]
    if not bad:
        reason = f"all {points:,} values of {len(watched)} tags are finite."
        return Outcomes(
            finding=finding(
                check, outcome=Outcome.PASS, reason=reason, statistic=statistic, **numbers
            )
        )
    bad.sort(key=lambda pair: pair[1])
    count = sum(int((~np.isfinite(s.values)).sum()) for s, _ in bad)
    first, step = bad[0]
    names = ", ".join(s.tag for s, _ in bad[:4]) + (
        f" and {len(bad) - 4} more" if len(bad) > 4 else ""
    )
    return Outcomes(
        finding=finding(
            check,
            outcome=Outcome.FAIL,
            reason=f"{count:,} of {points:,} values are NaN or infinite, first at step {step:,} ({names}).",
            statistic=statistic,
            tag=first.tag,
            breach_step=step,
            **{**numbers, "value": float(count)},
        )
    )


def _first_not_finite(series: Series) -> int:
    return int(series.steps[np.flatnonzero(~np.isfinite(series.values))[0]])


def judge_presence(check: PresenceCheck, facts: RunFacts) -> Outcomes:
    """Name the tags that are missing."""
    needed = [tag for tag in check.needed if facts.series(tag) is None]
    expected = [tag for tag in check.expected if facts.series(tag) is None]
    if check.any_of and all(facts.series(tag) is None for tag in check.any_of):
        needed.append(f"one of {', '.join(check.any_of)}")
    total = len({*check.needed, *check.any_of, *check.expected})
    numbers: dict[str, Any] = {
        "value": float(len(needed) + len(expected)),
        "limit": 0.0,
        "direction": "max",
        "statistic": "tags that are not logged",
        "points": total,
    }
    if needed:
        outcome, text = Outcome.INCONCLUSIVE, f"nothing can be judged without {', '.join(needed)}"
    elif expected:
        outcome, text = Outcome.WARN, "parts of the judgement are missing"
    else:
        outcome, text = Outcome.PASS, f"all {total} tags that the checks need are logged"
    if expected:
        text += f"; log {', '.join(expected)}"
    return Outcomes(finding=finding(check, outcome=outcome, reason=f"{text}.", **numbers))


def judge_completeness(check: CompletenessCheck, facts: RunFacts) -> Outcomes:
    """Compare the last step with the plan; early stopping may end a run before it."""
    planned, last = facts.planned_steps, facts.last_step
    if planned is None or last is None:
        why = "no plan is known; give --planned-steps" if planned is None else "no step is logged"
        return Outcomes(
            finding=finding(
                check, outcome=Outcome.INCONCLUSIVE, reason=f"cannot be judged: {why}.", tag=""
            )
        )
    source = facts.planned_source
    numbers: dict[str, Any] = {
        "value": float(last),
        "limit": float(planned),
        "direction": "min",
        "statistic": "last logged environment step",
        "unit": "steps",
        "last_step": last,
        "points": sum(len(s) for s in facts.log.series.values()),
        "limit_source": f"planned steps: {source}" if source else "planned steps",
    }
    near = planned - last <= min(_logging_interval(facts), check.tolerated_share * planned)
    if last >= planned:
        outcome, text = Outcome.PASS, f"reached step {last:,} of {planned:,} planned"
    elif near and _trainer_finished(facts, planned):
        outcome = Outcome.PASS
        text = f"the trainer finished step {planned:,} as planned, the last logged one is {last:,}"
    elif near:
        outcome = Outcome.WARN
        text = f"the last logged step is {last:,}, less than a logging interval short of {planned:,} planned"
    elif (early := _ended_early(facts, planned, last)) is not None:
        outcome, text = early
    else:
        outcome = Outcome.FAIL
        text = f"stopped early: step {last:,} of {planned:,} planned ({last / planned:.1%})"
    return Outcomes(finding=finding(check, outcome=outcome, reason=f"{text}.", **numbers))


def _ended_early(facts: RunFacts, planned: int, last: int) -> tuple[Outcome, str] | None:
    """Hold early stopping's word against the evaluations; None when it did not end the run."""
    early = facts.run.ended_early if facts.run is not None else None
    if early is None or early.planned_steps != planned:
        return None
    if last < early.step - _logging_interval(facts):
        text = f"early stopping ended the run at step {early.step:,}, but the last logged step is {last:,}"
        return Outcome.FAIL, text
    if plateau_of(facts, early.rule) is None:
        text = f"{early.sentence}, but the evaluations do not show {early.rule.steps:,} steps without an improvement"
        return Outcome.FAIL, text
    return Outcome.PASS, early.sentence


def _trainer_finished(facts: RunFacts, planned: int) -> bool:
    run = facts.run
    return run is not None and run.phase == "finished" and (run.status_step or 0) >= planned


def _logging_interval(facts: RunFacts) -> float:
    """Return the longest usual distance between two logged updates, over all of their tags."""
    updates = [
        np.unique(s.steps)
        for tag, s in facts.log.series.items()
        if tag.startswith(UPDATE_GROUPS) and not tag.startswith("train/episode_")
    ]
    intervals = [float(np.median(np.diff(steps))) for steps in updates if len(steps) >= 3]
    return max(intervals, default=0.0)
