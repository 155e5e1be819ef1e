"""`collapse`: the last episodes are not all the same and short."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta

from gates.checks.check import Check, Description, Peers, Ruling, undecided
from gates.checks.measured import Measured
from gates.facts.learning import described, returns_progress
from gates.facts.phases import split_phases
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.findings import Side
from gates.metrics import Reduced, bootstrap_ratio
from gates.schema import Positive
from gates.text import format_number

RESAMPLES, CONFIDENCE = 1000, 0.95
"""Of the bootstrap interval of the ratio of median lengths."""


class CollapseCheck(Check, frozen=True, kw_only=True, tag="collapse"):
    """The last episodes are not all the same and short.

    Short against exploration, or the first episodes. Where returns rose clearly, short episodes are success and the
    check does not apply; where they did not fall by what matters, the finding is a WARN at most.
    """

    assumes: ClassVar[tuple[str, ...]] = (
        (
            "A policy that reacts to what it sees has episodes of different lengths: where every episode "
            "starts alike, one length is no collapse."
        ),
        (
            "Short episodes are a bad sign in the task: where returns rose, or fell no further than what "
            "matters, they decide nothing."
        ),
    )
    last_points: Annotated[int, Meta(ge=10)] = 40
    """Episodes that are judged."""
    min_cv: Positive = 0.35
    """Below this spread over mean the lengths count as the same."""
    max_share_of_exploration: Annotated[float, Meta(gt=0, le=1)] = 0.7
    """Below this share of the median length of exploration, by a whole bootstrap interval, they count as short."""

    def __post_init__(self) -> None:
        """Refuse keys that contradict each other."""
        if self.min_points > self.last_points:
            raise ValueError(
                f"min_points ({self.min_points}) cannot exceed last_points ({self.last_points})"
            )

    def judge(self, facts: RunFacts, peers: Peers) -> Ruling:
        """Judge the spread of the last episodes, where they are short."""
        phases, logged = split_phases(facts), facts.need("train/episode_length")
        if isinstance(phases, Missing):
            return self.missing(facts, phases)
        if isinstance(logged, Missing):
            return self.missing(facts, logged)
        told = returns_progress(facts)
        if told is not None and told.direction > 0:
            reason = f"returns rose, so short episodes are success: {described(told)}"
            return self.missing(facts, Missing(reason=reason, not_applicable=True))
        episodes, before = phases.episodes, phases.exploring
        tail = phases.learning[-self.last_points :]
        if len(tail) < self.min_points:
            reason = f"only {len(tail)} episodes of learning, {self.min_points} are needed"
            return self.missing(facts, Missing(reason=reason))
        lengths = episodes.lengths[tail]
        mean, usual = float(lengths.mean()), float(np.median(episodes.lengths[before]))
        limit = episodes.time_limit
        if limit is not None and float(np.median(lengths)) >= limit.value:
            reason = "the last episodes reach the time limit"
            return self.missing(facts, Missing(reason=reason, not_applicable=True))
        # A policy that holds on for long may well do so evenly: only short episodes can collapse.
        ratio = bootstrap_ratio(
            lengths, episodes.lengths[before], resamples=RESAMPLES, confidence=CONFIDENCE
        )
        short = ratio.high < self.max_share_of_exploration
        measure = "spread / mean" if short else f"last / {phases.before} median"
        source = f"share of the {phases.before} episodes below which episodes are short"
        measured = Measured(
            reduced=Reduced(
                value=float(lengths.std()) / max(mean, 1e-12) if short else ratio.high,
                first_step=int(episodes.end_steps[tail].min()),
                last_step=int(episodes.end_steps[tail].max()),
                points=len(tail),
                nan_points=int(np.isnan(lengths).sum()),
            ),
            series=logged[0],
            subject=f"{measure} of the episode length",
            fact=lambda _: f"the last {len(tail)} episodes are short and of nearly one length",
            statistic=f"of the last {len(tail)} episodes",
            limit_source="" if short else source,
            note=(
                f"mean length {format_number(mean)} of the last {len(tail)} episodes, median "
                f"{format_number(usual)} of the {phases.before} ones{'' if short else ': not short, so no collapse'}"
            ),
        )
        level = self.min_cv if short else self.max_share_of_exploration
        side = Side(direction="min", warn=None, fail=level)
        finding = self.compare(facts, measured, (side,))
        if told is not None and not told.direction:
            why = f"returns did not fall by what matters: {described(told)}"
            finding = undecided(finding, why, "but returns did not fall")
        return Ruling(finding=finding)

    def describe(self) -> Description:
        """Say what is measured."""
        value = (
            f"spread / mean of the last {self.last_points} episode lengths, where they are short"
        )
        return Description(value=value, levels=f"FAIL below {self.min_cv:g}")
