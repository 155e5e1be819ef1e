"""Whether a transition that is replayed again still has the reward that it had: told from what the critic is asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np
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


class Replayed:
    """Remembers rewards by the inputs of the critic, which are observation and action.

    Inputs that change from update to update, such as features that are learned, never come up again and tell nothing.
    """

    def __init__(self) -> None:
        """Know nothing yet."""
        self._batches: deque[dict[int, float]] = deque(maxlen=BATCHES)

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
        keys = [hash(row.tobytes()) for row in np.concatenate(rows, axis=1)]
        rewards: dict[int, float] = {}
        for batch in self._batches:
            rewards |= batch
        finite = np.isfinite(given)
        known = [(i, rewards[key]) for i, key in enumerate(keys) if finite[i] and key in rewards]
        there = zip(keys, given.tolist(), finite, strict=True)
        self._batches.append({key: value for key, value, usable in there if usable})
        if len(known) < ENOUGH:
            return None
        before, now = np.array([value for _, value in known]), given[[i for i, _ in known]]
        size = np.maximum(np.abs(now), SMALL * float(np.abs([before, now]).max()))
        return float(np.mean(np.abs(now - before) > SAME * np.maximum(size, 1e-12)))
