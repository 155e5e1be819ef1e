"""Whether a transition that is replayed again still has the reward that it had: told from what the critic is asked."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

BATCHES = 10
"""Batches that are remembered: over few of them a running scale of rewards hardly moves."""
ROWS = 256
"""Transitions of a batch that are looked at."""
ENOUGH = 8
"""Transitions that came up again; fewer tell nothing of a batch."""
SMALL = 0.01
"""Rewards below this share of the largest one are compared with it."""
SAME = 0.05
"""Difference, relative, up to which a reward is the same; a running scale moves it by less over few batches."""
UNKNOWN = (math.nan, -1)
"""Reward of a transition that no batch held, and the number of none."""


class Replayed:
    """Remembers rewards by the inputs of the critic, which are observation and action.

    Inputs that change from update to update, such as features that are learned, never come up again and tell nothing.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._rewards: dict[int, tuple[float, int]] = {}
        """By transition, with the number of the newest batch that held it."""
        self._batches: deque[list[int]] = deque()
        """Transitions of the batches that are remembered, oldest batch first."""
        self._number = 0
        self._factors = np.empty(0, dtype=np.uint64)

    def moved(self, inputs: Sequence[object], reward: Tensor) -> float | None:
        """Remember a batch; return the share of its known transitions whose reward is another one, None of too few.

        Args:
            inputs: Of the critic, `float[batch, ...]` each.
            reward: As the loss takes it, `float[batch]`.
        """
        tensors = [each for each in inputs if isinstance(each, Tensor)]
        if not tensors or len(tensors) < len(inputs) or any(t.dim() < 2 for t in tensors):
            return None
        rows = [t.detach()[:ROWS].flatten(1).float().cpu().numpy() for t in tensors]
        given = reward.detach().flatten()[:ROWS].float().cpu().numpy().astype(np.float64)
        if any(len(each) != len(given) for each in rows):
            return None
        finite = np.isfinite(given)
        keys, given = self._keys(np.concatenate(rows, axis=1)[finite]), given[finite]
        before = np.array([self._rewards.get(key, UNKNOWN)[0] for key in keys])
        self._remember(keys, given)
        known = np.isfinite(before)
        if known.sum() < ENOUGH:
            return None
        before, now = before[known], given[known]
        size = np.maximum(np.abs(now), SMALL * float(np.abs([before, now]).max()))
        return float(np.mean(np.abs(now - before) > SAME * np.maximum(size, 1e-12)))

    def _keys(self, rows: NDArray[np.float32]) -> list[int]:
        """Return a number of 64 bits for each row of `float32[batch, size]`; unlike rows have unlike ones."""
        words = rows.view(np.uint32)
        if len(self._factors) != words.shape[1]:
            shape = (words.shape[1],)
            self._factors = np.random.default_rng(0).integers(1 << 64, size=shape, dtype=np.uint64)
        keys: list[int] = (words * self._factors).sum(axis=1).tolist()
        return keys

    def _remember(self, keys: list[int], rewards: NDArray[np.float64]) -> None:
        """Keep a batch, and forget the oldest one where there are enough, but for what newer ones held as well."""
        known, number = self._rewards, self._number
        known.update(
            (key, (reward, number)) for key, reward in zip(keys, rewards.tolist(), strict=True)
        )
        self._batches.append(keys)
        self._number += 1
        if len(self._batches) > BATCHES:
            oldest = number - BATCHES
            for key in self._batches.popleft():
                if key in known and known[key][1] == oldest:
                    del known[key]
