"""The last policy of a run against the untrained one, on fresh episodes of which more can be run after training."""

from __future__ import annotations

from functools import lru_cache
from math import ceil

import numpy as np

from gates.facts.learning import EVALUATION, Progress, Sample
from gates.facts.run_facts import RunFacts
from gates.runs.afresh import Afresh, PolicyAfresh
from gates.sign_flips import Looks, SignFlips, sign_flip_test

MOST_LOOKS = 5
"""Rounds of episodes after which the question may be asked, the first one included; each doubles the episodes."""
ERROR_OF_ALL_LOOKS = 0.01
"""How often equal policies may be told apart in either direction, over all looks."""


class AfreshProgress(Progress, frozen=True, kw_only=True):
    """A gain over the same episodes: its error is that of the paired differences."""

    test: SignFlips
    """Of the differences, in the direction of the gain."""
    rounds: int

    def more(self, level: float) -> int | None:
        """Return how many further episodes of either policy make this gain `level` standard errors."""
        if not self.gain or not self.error > 0:
            return None
        have = self.after.episodes
        return max(1, ceil(have * (level * self.error / self.gain) ** 2 - have))


def looks(first: int) -> Looks:
    """Return when is asked, of a first round of so many episodes."""
    sizes = tuple(first * 2**look for look in range(MOST_LOOKS))
    return Looks(sizes=sizes, error=ERROR_OF_ALL_LOOKS)


def afresh_progress(facts: RunFacts) -> AfreshProgress | None:
    """Compare the last policy with the untrained one; None where they ran no two episodes, or too often.

    A run that began with what another one learned has to be better than that, not than an untrained policy.
    """
    evaluations = facts.series(EVALUATION)
    if facts.afresh is None or evaluations is None or facts.warm_start:
        return None
    pair = _last_and_untrained(facts.afresh)
    if pair is None or facts.afresh.rounds_made > MOST_LOOKS:
        return None
    last, untrained = pair
    count = len(last.returns)
    error = float((last.values - untrained.values).std(ddof=1)) / float(np.sqrt(count))
    return AfreshProgress(
        tag=EVALUATION,
        before=_sample(untrained, 0.0),
        after=_sample(last, error),
        learned_before=False,
        cut=evaluations.where(slice(len(evaluations) - 1, None)),
        later=evaluations,
        test=_test(facts.afresh),
        rounds=facts.afresh.rounds_made,
    )


@lru_cache(maxsize=8)
def _test(found: Afresh) -> SignFlips:
    """Ask at every look whether luck explains the difference."""
    pair = _last_and_untrained(found)
    assert pair is not None
    differences = pair[0].values - pair[1].values
    direction = 1.0 if differences.sum() >= 0 else -1.0
    first = found.rounds[0] if found.rounds else len(differences)
    return sign_flip_test(direction * differences, looks(first), foresee=False)


def _last_and_untrained(found: Afresh) -> tuple[PolicyAfresh, PolicyAfresh] | None:
    last = next((p for p in found.policies if p.policy == "last"), None)
    untrained = found.untrained
    if last is None or untrained is None or len(last.returns) < 2:
        return None
    return (last, untrained) if len(last.returns) == len(untrained.returns) else None


def _sample(policy: PolicyAfresh, error: float) -> Sample:
    count = len(policy.returns)
    return Sample(
        mean=policy.mean,
        error=error,
        spread=float(policy.values.std(ddof=1)),
        episodes=float(count),
        words=f"{policy.policy} policy, {count} episodes afresh",
    )
