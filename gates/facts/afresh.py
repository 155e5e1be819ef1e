"""The last policy of a run against the untrained one, on fresh episodes of which more can be run after training."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

import numpy as np

from gates.facts.learning import EVALUATION, Progress, Sample
from gates.facts.run_facts import RunFacts
from gates.probability import sign_flip_p
from gates.runs.afresh import PolicyAfresh

MOST_LOOKS = 5
"""Rounds of episodes after which the question may be asked, the first one included."""
ERROR_OF_ALL_LOOKS = 0.01
"""How often equal policies may be told apart, whenever one looks; each look has its share (Bonferroni)."""


@dataclass(frozen=True, kw_only=True)
class AfreshProgress(Progress):
    """A gain over the same episodes: its error is that of the paired differences."""

    p: float
    """How often equal policies differ as much, by the signs of the differences."""
    rounds: int

    def more(self, level: float) -> int | None:
        """Return how many further episodes of either policy make this gain `level` standard errors."""
        if not self.gain or not self.error > 0:
            return None
        have = self.after.episodes
        return max(1, ceil(have * (level * self.error / self.gain) ** 2 - have))


def afresh_progress(facts: RunFacts) -> AfreshProgress | None:
    """Compare the last policy with the untrained one; None where they ran no two episodes, or too often."""
    found, evaluations = facts.afresh, facts.series(EVALUATION)
    if found is None or evaluations is None or found.rounds_made > MOST_LOOKS:
        return None
    last = next((p for p in found.policies if p.policy == "last"), None)
    untrained = found.untrained
    if last is None or untrained is None:
        return None
    count = min(len(last.returns), len(untrained.returns))
    if count < 2:
        return None
    after, before = last.values[:count], untrained.values[:count]
    differences = after - before
    low, high = sign_flip_p(differences), sign_flip_p(-differences)
    return AfreshProgress(
        tag=EVALUATION,
        before=_sample(untrained, count, 0.0),
        after=_sample(last, count, float(differences.std(ddof=1)) / float(np.sqrt(count))),
        learned_before=False,
        cut=evaluations.where(slice(len(evaluations) - 1, None)),
        later=evaluations,
        p=min(low, high),
        rounds=found.rounds_made,
    )


def _sample(policy: PolicyAfresh, count: int, error: float) -> Sample:
    values = policy.values[:count]
    return Sample(
        mean=float(values.mean()),
        error=error,
        spread=float(values.std(ddof=1)),
        episodes=float(count),
        words=f"{policy.policy} policy, {count} episodes afresh",
    )
