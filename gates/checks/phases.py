"""Distributions: episodes of the learning phase against those of random exploration."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from gates.checks.base import Outcomes, judge_value, missing
from gates.checks.keys import CommonKeys, Levels, Side
from gates.facts.episodes import Episodes, Missing
from gates.facts.run_facts import RunFacts
from gates.metrics import Reduced, bootstrap_ratio
from gates.series import Series
from gates.text import in_words


class PhaseComparisonCheck(CommonKeys):
    """The median episode length while learning does not fall far below that of random actions.

    Judged on the upper end of a bootstrap interval, so that few or scattered episodes cannot fail it.
    """

    type: Literal["phase_comparison"]
    min: Levels
    """Levels of the ratio learning / exploration."""
    last_share: float = Field(default=0.5, gt=0, le=1)
    """Share of the learning phase's episodes, from its end."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """Of the interval."""
    resamples: int = Field(default=1000, ge=100, le=20_000)
    """Bootstrap resamples; the generator is seeded."""


class CollapseCheck(CommonKeys):
    """The last episodes are not all the same and short."""

    type: Literal["collapse"]
    last_points: int = Field(default=40, ge=10)
    """Episodes that are judged."""
    min_cv: float = Field(default=0.35, gt=0)
    """Below this spread over mean the lengths count as the same."""
    max_share_of_exploration: float = Field(default=0.7, gt=0, le=1)
    """Below this share of the median length of exploration they count as short."""

    @model_validator(mode="after")
    def _enough_points(self) -> CollapseCheck:
        if self.min_points > self.last_points:
            raise ValueError(
                f"min_points ({self.min_points}) cannot exceed last_points ({self.last_points})"
            )
        return self


def judge_phase_comparison(check: PhaseComparisonCheck, facts: RunFacts) -> Outcomes:
    """Compare the two phases."""
    phases = split_phases(facts)
    if isinstance(phases, Missing):
        return missing(check, facts, phases)
    episodes, exploring, learning = phases
    if len(np.unique(episodes.lengths)) == 1:
        reason = f"all episodes have {episodes.lengths[0]:g} steps"
        return missing(check, facts, Missing(reason=reason, not_applicable=True))
    tail = learning[-max(1, round(len(learning) * check.last_share)) :]
    count = min(len(exploring), len(tail))
    if count < check.min_points:
        reason = (
            f"{len(exploring)} episodes of exploration and {len(tail)} of learning, "
            f"{check.min_points} of each are needed"
        )
        return missing(check, facts, Missing(reason=reason))
    lengths = episodes.lengths
    interval = bootstrap_ratio(
        lengths[tail], lengths[exploring], resamples=check.resamples, confidence=check.confidence
    )
    # The whole interval must lie below a level before it counts.
    reduced = Reduced(
        value=interval.high,
        first_step=int(episodes.end_steps[tail].min()),
        last_step=int(episodes.end_steps[tail].max()),
        points=len(tail),
        nan_points=0,
    )
    series = _lengths(facts)
    note = (
        f"medians {in_words(float(np.median(lengths[tail])))} of {len(tail)} learning and "
        f"{in_words(float(np.median(lengths[exploring])))} of {len(exploring)} exploring episodes, "
        f"ratio {interval.estimate:.2f}, interval {interval.low:.2f} to {interval.high:.2f}"
    )
    return Outcomes(
        finding=judge_value(
            check,
            facts,
            series=series,
            whole=None,
            reduced=reduced,
            sides=(Side(direction="min", warn=check.min.warn, fail=check.min.fail),),
            subject="median episode length, learning / exploration",
            statistic=f"upper end of the {check.confidence:.0%} interval",
            note=note,
            tag="train/episode_length",
        )
    )


def judge_collapse(check: CollapseCheck, facts: RunFacts) -> Outcomes:
    """Judge the spread of the last episodes, where they are short."""
    phases = split_phases(facts)
    if isinstance(phases, Missing):
        return missing(check, facts, phases)
    episodes, exploring, learning = phases
    tail = learning[-check.last_points :]
    if len(tail) < check.min_points or not len(exploring):
        reason = f"only {len(tail)} episodes of learning, {check.min_points} are needed"
        return missing(check, facts, Missing(reason=reason))
    lengths = episodes.lengths[tail]
    mean, usual = float(lengths.mean()), float(np.median(episodes.lengths[exploring]))
    limit = episodes.time_limit
    at_limit = limit is not None and float(np.median(lengths)) >= limit.value
    short = mean < check.max_share_of_exploration * usual and not at_limit
    spread = float(lengths.std()) / max(mean, 1e-12)
    reduced = Reduced(
        # A policy that holds on for long may well do so evenly: only short episodes can collapse.
        value=spread if short else max(spread, check.min_cv),
        first_step=int(episodes.end_steps[tail].min()),
        last_step=int(episodes.end_steps[tail].max()),
        points=len(tail),
        nan_points=int(np.isnan(lengths).sum()),
    )
    note = (
        f"mean length {in_words(mean)} of the last {len(tail)} episodes, median "
        f"{in_words(usual)} while exploring{'' if short else ': not short, so an even length is no collapse'}"
    )
    return Outcomes(
        finding=judge_value(
            check,
            facts,
            series=_lengths(facts),
            whole=None,
            reduced=reduced,
            sides=(Side(direction="min", warn=None, fail=check.min_cv),),
            subject="spread / mean of the episode length",
            statistic=f"of the last {len(tail)} episodes",
            note=note,
            tag="train/episode_length",
        )
    )


def split_phases(facts: RunFacts) -> tuple[Episodes, np.ndarray, np.ndarray] | Missing:
    """Return the episodes with the indices of those of exploration and of learning."""
    episodes = facts.episodes
    if isinstance(episodes, Missing):
        return episodes
    learning = facts.in_learning(episodes)
    if learning is None:
        return Missing(reason="no update is logged, so that the end of exploration is unknown")
    return episodes, np.flatnonzero(~learning), np.flatnonzero(learning)


def _lengths(facts: RunFacts) -> Series:
    series = facts.series("train/episode_length")
    assert series is not None
    return series
