"""`updates_go_on`: the agent is updated until the run ends."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from gates.checks.check import Check, Description, Peers, Ruling, levels_text
from gates.checks.keys import Levels
from gates.checks.measured import Measured
from gates.facts.run_facts import FIRST_UPDATE_TAGS, RunFacts
from gates.facts.values import Missing
from gates.findings import Side
from gates.metrics import Reduced
from gates.series import IntArray

LEAST_SHARE = 1 / 12
"""Share of the training that is never called long, however close rows lie."""
FEWEST_UPDATES = 3
"""Logged updates that leave a second distance to compare the longest one with."""
MANY_EPISODES = 20
"""Rows of ended episodes between two updates that are too many for a trainer that logs every few episodes."""


class UpdatesGoOnCheck(Check, frozen=True, kw_only=True, tag="updates_go_on"):
    """No stretch without a logged update is much longer than the others, up to the end of the run.

    The stretch after the last update counts, and one between two updates in which many episodes ended.
    """

    assumes: ClassVar[tuple[str, ...]] = (
        (
            "Updates are logged at a distance of their own, or with every few episodes; where they are logged at ends "
            "of episodes alone, the last episode is the end."
        ),
    )
    max: Levels
    """Levels of the longest stretch without a logged update, over the largest other distance between two."""

    def judge(self, facts: RunFacts, peers: Peers) -> Ruling:
        """Compare the longest stretch with the others."""
        found = [s for tag in FIRST_UPDATE_TAGS if (s := facts.over_env_steps(tag)) is not None]
        rows = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *(s.steps for s in found)]))
        least = max(self.min_points, FEWEST_UPDATES)
        if len(rows) < least or facts.last_step is None:
            reason = f"fewer than {least} logged updates over environment steps"
            return self.missing(facts, Missing(reason=reason, not_applicable=True))
        end = _end(facts, rows)
        apart, first, last = np.diff(rows), int(rows[0]), int(rows[-1])
        begin, stop, others = last, end, int(apart.max())
        widest = int(apart.argmax())
        if _episodes_in(facts, int(rows[widest]), int(rows[widest + 1])) >= MANY_EPISODES:
            without, training = int(np.delete(apart, widest).max()), end - first
            if _share(others, without, training) > _share(end - last, others, training):
                begin, stop, others = int(rows[widest]), int(rows[widest + 1]), without
        measured = Measured(
            reduced=Reduced(
                value=_share(stop - begin, others, end - first),
                first_step=first,
                last_step=end,
                points=len(rows),
                nan_points=0,
            ),
            series=found[0],
            subject="longest stretch without a logged update",
            fact=lambda _: (
                f"no update was logged after step {begin:,}, the run went on to {stop:,}"
            ),
            statistic="over the largest other distance between two",
            note=f"steps {begin:,} to {stop:,}, other updates up to {others:,} steps apart",
        )
        side = Side(direction="max", warn=self.max.warn, fail=self.max.fail)
        return Ruling(finding=self.compare(facts, measured, (side,)))

    def describe(self) -> Description:
        """Say what is compared with what."""
        value = (
            "longest stretch without a logged update, to the end or while many episodes ended, over the largest other "
            f"distance, which counts as {LEAST_SHARE:.0%} of the training at least"
        )
        return Description(
            value=value, levels=levels_text("above {}", self.max.warn, self.max.fail)
        )


def _share(stretch: float, others: float, training: float) -> float:
    return stretch / max(others, LEAST_SHARE * training, 1.0)


def _episodes_in(facts: RunFacts, first: int, last: int) -> int:
    """Return at how many steps between two updates episodes ended."""
    episodes = facts.over_env_steps("train/episode_length")
    if episodes is None:
        return 0
    return len(np.unique(episodes.steps[(episodes.steps > first) & (episodes.steps < last)]))


def _end(facts: RunFacts, rows: IntArray) -> int:
    """Return the step up to which updates could have been logged."""
    episodes = facts.over_env_steps("train/episode_length")
    if episodes is not None and bool(np.isin(rows, episodes.steps).all()):
        return int(episodes.steps.max())
    return facts.last_step or 0
