"""The newest actions of an environment beside those of the policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gonogo.start import load_file

if TYPE_CHECKING:
    from trainer.replay.exploration import exploration_tags
else:  # The user's program may have its own package `trainer`.
    exploration_tags = load_file(
        "trainer/replay/exploration.py", "gonogo.evidence.exploration_of_trainer"
    ).exploration_tags

STEPS = 1_000
"""Over all environments."""


class Exploration:
    """Keeps them and describes the noise between them."""

    def __init__(self, low: ArrayLike, high: ArrayLike) -> None:
        """Take the smallest and largest actions, `float[action_dim]` or one number for all."""
        low, high = (np.asarray(limit, dtype=np.float64).ravel() for limit in (low, high))
        self._middle, self._half = (low + high) / 2.0, (high - low) / 2.0
        self._action = self._policy = np.empty((0, 0, 0))
        """Rings of actions and of the policy's own, `float64[steps, envs, action_dim]`."""
        self._count = 0

    def step(self, action: ArrayLike, policy: ArrayLike | None) -> None:
        """Take down a step of all environments, `float[envs, action_dim]`; no `policy` where actions are random."""
        taken = self._scaled(action)
        if self._action.shape[1:] != taken.shape:
            ring = (-(-STEPS // len(taken)), *taken.shape)
            self._action, self._policy, self._count = np.empty(ring), np.empty(ring), 0
        here = self._count % len(self._action)
        self._action[here] = taken
        self._policy[here] = np.nan if policy is None else self._scaled(policy)
        self._count += 1

    def tags(self) -> dict[str, float]:
        """Describe the newest steps; nothing where none is known."""
        if not self._count:
            return {}
        size = len(self._action)
        newest = np.arange(max(0, self._count - size), self._count) % size
        return exploration_tags(self._action[newest], self._policy[newest])

    def _scaled(self, action: ArrayLike) -> NDArray[np.floating]:
        scaled = (np.asarray(action, dtype=np.float64) - self._middle) / self._half
        # The bounds as they are, without the rounding of what was scaled to and fro.
        return np.where(np.abs(scaled) > 1.0 - 1e-6, np.sign(scaled), scaled)
