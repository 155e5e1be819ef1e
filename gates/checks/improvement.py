"""Learning: later evaluations against the untrained policy."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from gates.checks.base import Outcomes, judge_value, missing
from gates.checks.keys import CommonKeys, Levels, Side, Tag
from gates.facts.episodes import Missing
from gates.facts.run_facts import RunFacts
from gates.metrics import Reduced, after_step, reduce, select, window
from gates.series import Series
from gates.text import in_words


class ImprovementCheck(CommonKeys):
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


class RetentionCheck(CommonKeys):
    """What was learned is kept: the last evaluations hold a share of the best improvement."""

    type: Literal["retention"]
    tag: Tag = "eval/mean_reward"
    """Evaluation result, higher is better."""
    last_points: int = Field(default=3, ge=1)
    """Evaluations in the window, from the end; the best is the best mean of as many neighbours."""
    min: Levels
    """Levels of (last - untrained) / (best - untrained)."""


def judge_improvement(check: ImprovementCheck, facts: RunFacts) -> Outcomes:
    """Judge the last evaluations against the untrained policy."""
    series = facts.series(check.tag)
    start = untrained(check.tag, facts)
    if series is None:
        return missing(
            check, facts, Missing(reason=f"{check.tag} is not logged", tags=(check.tag,))
        )
    if isinstance(start, Missing):
        return missing(check, facts, start)
    mean, error, source = start
    later = _trained(series, facts)
    cut = window(later, last_points=check.last_points)
    if not len(cut):
        return missing(check, facts, Missing(reason="no evaluation after the first update"))
    spread = float(np.std(cut.values)) / np.sqrt(len(cut)) if len(cut) > 1 else 0.0
    own = _standard_error(facts, check.tag, cut)
    scale = float(np.sqrt(error**2 + max(spread, own) ** 2))
    reached = reduce(cut, "mean")
    gain = reached.value - mean
    value = gain / scale if scale > 0 else (0.0 if gain == 0 else float(np.sign(gain)) * 99.0)
    reduced = Reduced(
        value=value,
        first_step=reached.first_step,
        last_step=reached.last_step,
        points=reached.points,
        nan_points=reached.nan_points,
    )
    note = (
        f"mean {in_words(reached.value)} of the last {len(cut)} evaluations against {in_words(mean)} "
        f"({source}), standard error {in_words(scale)}; one seed gives no interval across seeds"
    )
    return Outcomes(
        finding=judge_value(
            check,
            facts,
            series=cut,
            whole=None,
            reduced=reduced,
            sides=(Side(direction="min", warn=check.min.warn, fail=check.min.fail),),
            subject=f"improvement of {check.tag} over the {first_policy(facts)}",
            statistic=f"in standard errors, mean of the last {len(cut)} evaluations",
            note=note,
            tag=check.tag,
        )
    )


def judge_retention(check: RetentionCheck, facts: RunFacts) -> Outcomes:
    """Judge the last evaluations against the best ones."""
    series = facts.series(check.tag)
    if series is None:
        return missing(
            check, facts, Missing(reason=f"{check.tag} is not logged", tags=(check.tag,))
        )
    start = untrained(check.tag, facts)
    if isinstance(start, Missing):
        return missing(check, facts, start)
    later = _trained(series, facts)
    size = min(check.last_points, len(later))
    if not size or not np.isfinite(later.values).all():
        return missing(check, facts, Missing(reason="no finite evaluation after the first update"))
    means = np.convolve(later.values, np.ones(size) / size, mode="valid")
    best, last = float(means.max()), float(means[-1])
    if best <= start[0]:
        reason = f"no evaluation was better than the {first_policy(facts)}, so that nothing could be lost"
        return missing(check, facts, Missing(reason=reason, not_applicable=True))
    reduced = Reduced(
        value=(last - start[0]) / (best - start[0]),
        first_step=int(later.steps.min()),
        last_step=int(later.steps.max()),
        points=len(later),
        nan_points=0,
    )
    first = "at the start" if _warm(facts) else "untrained"
    note = f"last {in_words(last)}, best {in_words(best)}, {first} {in_words(start[0])}"
    return Outcomes(
        finding=judge_value(
            check,
            facts,
            series=later,
            whole=None,
            reduced=reduced,
            sides=(Side(direction="min", warn=check.min.warn, fail=check.min.fail),),
            subject=f"share of the best improvement of {check.tag} that is kept",
            statistic=f"means of {size} evaluations",
            note=note,
            tag=check.tag,
        )
    )


def first_policy(facts: RunFacts) -> str:
    """Name the policy that a run began with."""
    return "policy that the run began with" if _warm(facts) else "untrained policy"


def _exploration(facts: RunFacts) -> str:
    return "the policy that the run began with" if _warm(facts) else "random exploration"


def _warm(facts: RunFacts) -> bool:
    return facts.run is not None and facts.run.warm_start


def untrained(tag: str, facts: RunFacts) -> tuple[float, float, str] | Missing:
    """Return mean, standard error and origin of the untrained policy's result.

    After a warm start it is that of the policy which was carried over.
    """
    series = facts.series(tag)
    first_update = facts.learning_starts
    if series is not None and first_update is not None:
        before = select(series, (series.steps <= first_update.value) & np.isfinite(series.values))
        if len(before):
            plural = "s" if len(before) > 1 else ""
            text = f"{len(before)} evaluation{plural} of the {first_policy(facts)}"
            return float(before.values.mean()), _standard_error(facts, tag, before), text
    episodes = facts.episodes
    returns_of = {"eval/mean_reward": "returns", "eval/mean_episode_length": "lengths"}
    if not isinstance(episodes, Missing) and tag in returns_of:
        values = getattr(episodes, returns_of[tag])
        learning = facts.in_learning(episodes)
        if values is not None and learning is not None:
            sample = values[~learning]
            sample = sample[np.isfinite(sample)]
            if len(sample) >= 5:
                error = float(sample.std()) / float(np.sqrt(len(sample)))
                return (
                    float(sample.mean()),
                    error,
                    f"{len(sample)} episodes of {_exploration(facts)}",
                )
    reason = (
        "neither an evaluation before the first update nor enough exploration episodes are logged"
    )
    return Missing(reason=reason, tags=(tag,))


def _trained(series: Series, facts: RunFacts) -> Series:
    start = facts.learning_starts
    return select(series, slice(0, 0)) if start is None else after_step(series, int(start.value))


def _standard_error(facts: RunFacts, tag: str, cut: Series) -> float:
    """Return the standard error of mean returns from the logged spread and number of episodes, 0 when unknown."""
    deviation, count = facts.series("eval/std_reward"), facts.series("eval/episodes")
    if tag != "eval/mean_reward" or deviation is None or count is None or not len(cut):
        return 0.0
    low, high = int(cut.steps.min()), int(cut.steps.max())
    spreads = deviation.values[(deviation.steps >= low) & (deviation.steps <= high)]
    episodes = count.values[(count.steps >= low) & (count.steps <= high)]
    if not len(spreads) or not len(episodes) or not np.isfinite(spreads).all():
        return 0.0
    return float(np.sqrt(np.mean(spreads**2))) / float(np.sqrt(max(1.0, episodes.sum())))
