"""`updates_go_on`: the agent is updated until the run ends."""

from __future__ import annotations

from typing import ClassVar, Literal

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


class UpdatesGoOnCheck(Check):
    """The last logged update lies no further before the end of the run than updates lie apart."""

    assumes: ClassVar[tuple[str, ...]] = (
        (
            "Updates are logged at a distance of its own or with episodes, and other rows reach the end of the run; "
            "where updates are logged at ends of episodes alone, the last episode is the end."
        ),
    )
    type: Literal["updates_go_on"]
    max: Levels
    """Levels of the steps after the last logged update, over the largest distance between two of them."""

    def judge(self, facts: RunFacts, peers: Peers) -> Ruling:
        """Compare the distance to the end with the distances before."""
        found = [s for tag in FIRST_UPDATE_TAGS if (s := facts.over_env_steps(tag)) is not None]
        rows = np.unique(np.concatenate([np.empty(0, dtype=np.int64), *(s.steps for s in found)]))
        if len(rows) < self.min_points or facts.last_step is None:
            reason = f"fewer than {self.min_points} logged updates over environment steps"
            return self.missing(facts, Missing(reason=reason, not_applicable=True))
        end = _end(facts, rows)
        first, last = int(rows[0]), int(rows[-1])
        apart = int(np.diff(rows).max())
        usual = max(float(apart), (end - first) * LEAST_SHARE)
        measured = Measured(
            reduced=Reduced(
                value=(end - last) / usual,
                first_step=first,
                last_step=end,
                points=len(rows),
                nan_points=0,
            ),
            series=found[0],
            subject="distance of the end from the last logged update",
            fact=lambda _: f"no update was logged after step {last:,}, the run went on to {end:,}",
            statistic="over the largest distance between two",
            note=f"last update at step {last:,}, end at {end:,}, updates up to {apart:,} steps apart",
        )
        side = Side(direction="max", warn=self.max.warn, fail=self.max.fail)
        return Ruling(finding=self.compare(facts, measured, (side,)))

    def describe(self) -> Description:
        """Say what is compared with what."""
        value = (
            "steps after the last logged update over the largest distance between two updates, which counts as "
            f"{LEAST_SHARE:.0%} of the training at least"
        )
        return Description(
            value=value, levels=levels_text("above {}", self.max.warn, self.max.fail)
        )


def _end(facts: RunFacts, rows: IntArray) -> int:
    """Return the step up to which updates could have been logged."""
    episodes = facts.over_env_steps("train/episode_length")
    if episodes is not None and bool(np.isin(rows, episodes.steps).all()):
        return int(episodes.steps.max())
    return facts.last_step or 0
