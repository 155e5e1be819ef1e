"""The newest actions of an environment beside those of the policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
"""Newest ones that are described, over all environments."""
NEW = 100
"""Steps between two descriptions."""


class Exploration:
    """Keeps them and describes the noise between them."""

    def __init__(self, low: ArrayLike, high: ArrayLike) -> None:
        """Take the smallest and largest actions, `float[action_dim]` or one number for all."""
        low, high = (np.asarray(limit, dtype=np.float64).ravel() for limit in (low, high))
        self._middle, self._half = (low + high) / 2.0, (high - low) / 2.0
        self._action = self._policy = np.empty((0, 0, 0))
        """Rings of actions and of the policy's own, as they came, `float64[steps, envs, action_dim]`."""
        self._count = 0
        self._described = -NEW
        """Steps until what was described last."""

    def step(self, action: NDArray[Any], policy: NDArray[Any] | None) -> None:
        """Take down a step of all environments, `float[envs, ...]`; no `policy` where actions are random."""
        if self._action.shape[1:] != action.shape:
            ring = (-(-STEPS // len(action)), *action.shape)
            self._action, self._policy, self._count = np.empty(ring), np.empty(ring), 0
            self._described = -NEW
        here = self._count % len(self._action)
        self._action[here] = action
        self._policy[here] = np.nan if policy is None else policy
        self._count += 1

    def tags(self) -> dict[str, float]:
        """Describe the newest steps; nothing where none is known, or few are new since the last time."""
        steps = self._count * self._action.shape[1]
        if not self._count or steps < self._described + NEW:
            return {}
        self._described = steps
        size = len(self._action)
        newest = np.arange(max(0, self._count - size), self._count) % size
        return exploration_tags(*(self._scaled(r[newest]) for r in (self._action, self._policy)))

    def _scaled(self, actions: NDArray[np.float64]) -> NDArray[np.floating]:
        of_entries = actions.reshape(*actions.shape[:2], -1)
        scaled = (of_entries - self._middle) / self._half
        # The bounds as they are, without the rounding of what was scaled to and fro.
        return np.where(np.abs(scaled) > 1.0 - 1e-6, np.sign(scaled), scaled)
