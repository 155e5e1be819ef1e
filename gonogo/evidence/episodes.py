"""Single training episodes of one or several environments, from the rewards and ends of each step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


class EpisodeCounter:
    """Adds up rewards and steps of the running episodes."""

    def __init__(self, environments: int, *, running: bool = False) -> None:
        """Begin with fresh episodes; those that were running before are not counted (`running`)."""
        # Lists: for a few environments plain numbers are quicker than arrays, and this is done in every step.
        self._returns = [0.0] * environments
        self._lengths = [0] * environments
        self._partial = [running] * environments

    def step(
        self, rewards: ArrayLike, ends: ArrayLike, infos: Sequence[Mapping[str, Any]]
    ) -> Sequence[dict[str, float]]:
        """Add one step of all environments; return the tags of each episode that ended.

        Args:
            rewards: `float[environments]`.
            ends: `bool[environments]`, terminated or truncated.
            infos: Of each environment; `TimeLimit.truncated` says that an end was none of the task.
        """
        returns, lengths = self._returns, self._lengths
        for index, reward in enumerate(np.asarray(rewards).tolist()):
            returns[index] += reward
            lengths[index] += 1
        ended = np.asarray(ends).tolist()
        if True not in ended:
            return ()
        tags = []
        for index in (i for i, end in enumerate(ended) if end):
            if not self._partial[index]:
                tags.append(
                    {
                        "train/episode_length": float(lengths[index]),
                        "train/episode_reward": float(returns[index]),
                        "train/episode_terminated": float(
                            not infos[index].get("TimeLimit.truncated", False)
                        ),
                    }
                )
            returns[index], lengths[index] = 0.0, 0
            self._partial[index] = False
        return tags
