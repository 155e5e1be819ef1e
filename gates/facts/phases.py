"""Which episodes are random exploration and which are learning."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gates.facts.episodes import Episodes
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing


@dataclass(frozen=True, eq=False, kw_only=True)
class Phases:
    """Finished episodes with the indices of each phase."""

    episodes: Episodes
    exploring: np.ndarray
    learning: np.ndarray


def split_phases(facts: RunFacts) -> Phases | Missing:
    """Split the finished episodes at the end of exploration."""
    episodes = facts.episodes
    if isinstance(episodes, Missing):
        return episodes
    learning = facts.in_learning(episodes)
    if learning is None:
        return Missing(reason="no update is logged, so that the end of exploration is unknown")
    return Phases(
        episodes=episodes,
        exploring=np.flatnonzero(~learning),
        learning=np.flatnonzero(learning),
    )
