"""`phase_comparison`: episodes of the learning phase against those of random exploration."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
from msgspec import Meta

from gates.checks.check import Check, Description, Peers, Ruling, levels_text
from gates.checks.keys import Levels
from gates.checks.measured import Measured
from gates.facts.learning import described, returns_progress
from gates.facts.phases import split_phases
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.findings import Side
from gates.metrics import Reduced, bootstrap_ratio
from gates.text import format_number


class PhaseComparisonCheck(Check, frozen=True, kw_only=True, tag="phase_comparison"):
    """The median episode length while learning does not fall far below that of random actions.

    Judged on the upper end of a bootstrap interval, so that few or scattered episodes cannot fail it. Returns
    outrank lengths: where they rose or fell clearly, the check does not apply.
    """

    assumes: ClassVar[tuple[str, ...]] = (
        (
            "Short episodes are a bad sign in the task: where returns are logged and changed clearly, "
            "they decide and the check does not apply."
        ),
        "Episodes before the first update are those of random actions.",
    )
    min: Levels
    """Levels of the ratio learning / exploration."""
    last_share: Annotated[float, Meta(gt=0, le=1)] = 0.5
    """Share of the learning phase's episodes, from its end."""
    confidence: Annotated[float, Meta(gt=0.5, lt=1)] = 0.95
    """Of the interval."""
    resamples: Annotated[int, Meta(ge=100, le=20_000)] = 1000
    """Bootstrap resamples; the generator is seeded."""

    def judge(self, facts: RunFacts, peers: Peers) -> Ruling:
        """Compare the two phases."""
        phases, logged = split_phases(facts), facts.need("train/episode_length")
        if isinstance(phases, Missing):
            return self.missing(facts, phases)
        if isinstance(logged, Missing):
            return self.missing(facts, logged)
        told = returns_progress(facts)
        if told is not None and told.direction:
            word = "rose" if told.direction > 0 else "fell"
            reason = f"returns {word} and outrank lengths: {described(told)}"
            return self.missing(facts, Missing(reason=reason, not_applicable=True))
        episodes, exploring, learning = phases.episodes, phases.exploring, phases.learning
        if len(np.unique(episodes.lengths)) == 1:
            reason = f"all episodes have {episodes.lengths[0]:g} steps"
            return self.missing(facts, Missing(reason=reason, not_applicable=True))
        tail = learning[-max(1, round(len(learning) * self.last_share)) :]
        count = min(len(exploring), len(tail))
        if count < self.min_points:
            reason = (
                f"{len(exploring)} {phases.before} episodes and {len(tail)} of learning, "
                f"{self.min_points} of each are needed"
            )
            return self.missing(facts, Missing(reason=reason))
        learned, explored = episodes.lengths[tail], episodes.lengths[exploring]
        interval = bootstrap_ratio(
            learned, explored, resamples=self.resamples, confidence=self.confidence
        )
        measured = Measured(
            # The whole interval must lie below a level before it counts.
            reduced=Reduced(
                value=interval.high,
                first_step=int(episodes.end_steps[tail].min()),
                last_step=int(episodes.end_steps[tail].max()),
                points=len(tail),
                nan_points=0,
            ),
            series=logged[0],
            subject=f"median episode length, learning / {phases.before}",
            fact=lambda b: (
                f"learning episodes are at most {b.share} as long as {phases.before} ones"
            ),
            statistic=f"upper end of the {self.confidence:.0%} interval",
            note=(
                f"medians {format_number(float(np.median(learned)))} of {len(tail)} learning and "
                f"{format_number(float(np.median(explored)))} of {len(exploring)} {phases.before} episodes, "
                f"ratio {interval.estimate:.2f}, interval {interval.low:.2f} to {interval.high:.2f}"
            ),
        )
        side = Side(direction="min", warn=self.min.warn, fail=self.min.fail)
        return Ruling(finding=self.compare(facts, measured, (side,)))

    def describe(self) -> Description:
        """Say what is compared with what."""
        value = "median episode length, learning / exploration, upper end of the bootstrap interval"
        return Description(
            value=value, levels=levels_text("below {}", self.min.warn, self.min.fail)
        )
