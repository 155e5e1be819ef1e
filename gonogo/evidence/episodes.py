"""Single training episodes of one or several environments, from the rewards and ends of each step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
        self, rewards: ArrayLike, ends: ArrayLike, truncated: Sequence[bool]
    ) -> Iterator[dict[str, float]]:
        """Add one step of all environments; yield the tags of each episode that ended.

        Args:
            rewards: `float[environments]`.
            ends: `bool[environments]`, terminated or truncated.
            truncated: Whether an end was none of the task, such as a time limit.
        """
        earned, ended = np.asarray(rewards).tolist(), np.asarray(ends).tolist()
        for index, reward in enumerate(earned):
            self._returns[index] += reward
            self._lengths[index] += 1
            if not ended[index]:
                continue
            if not self._partial[index]:
                yield {
                    "train/episode_length": float(self._lengths[index]),
                    "train/episode_reward": float(self._returns[index]),
                    "train/episode_terminated": float(not truncated[index]),
                }
            self._returns[index], self._lengths[index] = 0.0, 0
            self._partial[index] = False
