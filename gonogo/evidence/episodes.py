"""Single training episodes of one or several environments, from the rewards and ends of each step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike


class EpisodeCounter:
    """Adds up rewards and steps of the running episodes."""

    def __init__(self, environments: int, *, running: bool = False) -> None:
        """Begin with fresh episodes; those that were running before are not counted (`running`)."""
        self._returns = np.zeros(environments)
        self._lengths = np.zeros(environments, dtype=np.int64)
        self._partial = np.full(environments, running)

    def step(
        self, rewards: ArrayLike, ends: ArrayLike, truncated: Sequence[bool]
    ) -> Iterator[dict[str, float]]:
        """Add one step of all environments; yield the tags of each episode that ended.

        Args:
            rewards: `float[environments]`.
            ends: `bool[environments]`, terminated or truncated.
            truncated: Whether an end was none of the task, such as a time limit.
        """
        self._returns += np.asarray(rewards)
        self._lengths += 1
        for index, ended in enumerate(np.asarray(ends).tolist()):
            if not ended:
                continue
            if not self._partial[index]:
                yield {
                    "train/episode_length": float(self._lengths[index]),
                    "train/episode_reward": float(self._returns[index]),
                    "train/episode_terminated": float(not truncated[index]),
                }
            self._returns[index], self._lengths[index] = 0.0, 0
            self._partial[index] = False
