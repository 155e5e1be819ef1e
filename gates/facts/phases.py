"""Which episodes came before learning and which are learning."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from gates.facts.episodes import Episodes
from gates.facts.learning import FEWEST_EPISODES
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing


class Phases(Struct, frozen=True, eq=False, kw_only=True):
    """Finished episodes with the indices of each phase."""

    episodes: Episodes
    exploring: np.ndarray
    """Of random actions; the first ones of the run where none ended before the first update."""
    learning: np.ndarray
    before: str
    """What the first phase is called: `exploring` or `first`."""


def split_phases(facts: RunFacts) -> Phases | Missing:
    """Split the finished episodes at the end of exploration."""
    episodes = facts.episodes
    if isinstance(episodes, Missing):
        return episodes
    learning = facts.in_learning(episodes)
    if learning is None:
        return Missing(reason="no update is logged, so that the end of exploration is unknown")
    before = "exploring"
    if learning.all():
        learning, before = np.arange(len(episodes)) >= FEWEST_EPISODES, "first"
    return Phases(
        episodes=episodes,
        exploring=np.flatnonzero(~learning),
        learning=np.flatnonzero(learning),
        before=before,
    )
