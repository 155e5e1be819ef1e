"""What the environment received and gave, kept apart from the replay buffer: a witness for its batches."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer

from gonogo.sb3.observations import Marks, is_known, on_host

STEPS = 16_384
"""Environment steps that are remembered."""
FRESH_STEPS = 1_000
"""Newest of them that are described."""


def can_witness(model: Any) -> bool:
    """Whether a transition's place in the buffer is known, and what it holds is what the environment gave."""
    buffer = model.replay_buffer
    return (
        type(buffer) in (ReplayBuffer, DictReplayBuffer)
        and model.n_envs == 1
        and model.get_vec_normalize_env() is None
        and not buffer.optimize_memory_usage
        and is_known(model.observation_space)
    )


class Ledger:
    """The newest steps of one environment."""

    def __init__(self, model: Any) -> None:
        """Reserve the memory for a model that trains; its buffer is filled from now on."""
        self._marks = Marks(model.observation_space)
        self._ring = model.replay_buffer.buffer_size
        self._slots = min(STEPS, self._ring)
        self._first = model.replay_buffer.pos
        """Place of the first step in the buffer."""
        self._before = model.replay_buffer.size()
        """Transitions that were there before it."""
        self._count = 0
        marks = (self._slots, self._marks.size)
        self._obs, self._next_obs = (np.zeros(marks, dtype=np.float32) for _ in range(2))
        self._action = np.zeros((self._slots, *model.action_space.shape), dtype=np.float32)
        self._reward = np.zeros(self._slots, dtype=np.float32)
        self._terminated = np.zeros(self._slots, dtype=bool)
        self._begins = np.zeros(self._slots, dtype=bool)
        self._next_begins = True
        self._scaled = model.policy.scale_action

    def record(self, model: Any, seen: dict[str, Any]) -> None:
        """Take down a step before the buffer gets it, as it is; `seen` are the local variables of the rollout."""
        here, keep = self._count % self._slots, self._marks.keep
        following, terminated = seen["new_obs"], False
        self._begins[here] = self._next_begins
        self._next_begins = done = bool(seen["dones"][0])
        if done:
            info = seen["infos"][0]
            last = info.get("terminal_observation")
            following = following if last is None else last
            terminated = not info.get("TimeLimit.truncated", False)
        keep(model._last_obs, self._obs, here)
        keep(following, self._next_obs, here)
        self._action[here] = seen["actions"][0]
        self._reward[here] = seen["rewards"][0]
        self._terminated[here] = terminated
        self._count += 1

    def tags(self, places: NDArray[np.integer[Any]], batch: Any) -> dict[str, float]:
        """Hold a batch against what the environment received and gave.

        Args:
            places: Of each transition in the buffer, `int[batch]`.
            batch: What the buffer made of them.
        """
        obs, next_obs = (
            self._marks.of(on_host(each)) for each in (batch.observations, batch.next_observations)
        )
        going_on = batch.dones.cpu().numpy().ravel() == 0
        found = self._fresh()
        change = np.abs(next_obs - obs)[going_on]
        for kind, places_of_kind in self._marks.kinds.items():
            found[f"replay/{kind}_std"] = float(obs[:, places_of_kind].std(axis=0).mean())
            if len(change):
                found[f"replay/{kind}_change"] = float(change[:, places_of_kind].mean())
        newest = self._count - 1
        ages = (self._first + newest - places) % self._ring
        found["replay/unevenness"] = _unevenness(ages / min(self._before + self._count, self._ring))
        numbers = newest - ages
        known = np.flatnonzero((numbers >= 0) & (numbers >= self._count - self._slots))
        if not len(known):
            return found
        slots = numbers[known] % self._slots
        terminated = self._terminated[slots]
        action = batch.actions.cpu().numpy()[known].reshape(len(known), -1)
        received = self._scaled(self._action[slots]).reshape(len(known), -1)
        found |= self._of_rewards(batch.rewards.cpu().numpy().ravel()[known], numbers[known])
        found |= {
            "replay/action_error": float(np.abs(action - received).mean()),
            "replay/terminated_error": float((going_on[known] == terminated).mean()),
            "replay/obs_error": float(
                _differ(obs[known], self._obs[slots] / self._marks.scale).mean()
            ),
        }
        both = going_on[known] & ~terminated
        if both.any():
            other = _differ(next_obs[known], self._next_obs[slots] / self._marks.scale)
            found["replay/next_obs_error"] = float(other[both].mean())
        return found

    def _of_rewards(self, used: NDArray[Any], numbers: NDArray[Any]) -> dict[str, float]:
        slots, before = numbers % self._slots, (numbers - 1) % self._slots
        given = self._reward[slots]
        size = float(given.std()) or float(np.abs(given).mean()) or 1.0
        found = {"replay/reward_error": float(np.abs(used - given).mean()) / size}
        late = ~self._begins[slots] & (numbers > max(0, self._count - self._slots))
        if late.any():
            error = np.abs(used - self._reward[before])[late].mean()
            found["replay/reward_error_of_step_before"] = float(error) / size
        a, b = used - used.mean(dtype=np.float64), given - given.mean(dtype=np.float64)
        spread = float(np.sqrt((a @ a) * (b @ b)))
        if spread > 0:
            found["replay/reward_correlation"] = float(a @ b) / spread
        return found

    def _fresh(self) -> dict[str, float]:
        count = min(self._count, self._slots, FRESH_STEPS)
        slots = np.arange(self._count - count, self._count) % self._slots
        slots = slots[~self._terminated[slots]]
        if not len(slots):
            return {}
        change = np.abs(self._next_obs[slots] - self._obs[slots]) / self._marks.scale
        return {
            f"env/{kind}_change": float(change[:, places].mean())
            for kind, places in self._marks.kinds.items()
        }


def _unevenness(ages: NDArray[np.float64]) -> float:
    """Return the largest distance of the distribution of `float[batch]` from an even one over 0 to 1."""
    between = np.arange(len(ages) + 1) / len(ages)
    ages = np.sort(ages.clip(0.0, 1.0))
    return float(np.maximum(ages - between[:-1], between[1:] - ages).max())


def _differ(stored: NDArray[np.float32], given: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell in which rows entries differ, `bool[n]`; what is no number on both sides is the same."""
    both_none = np.isnan(stored) & np.isnan(given)
    rows: NDArray[np.bool_] = ((stored != given) & ~both_none).any(axis=1)
    return rows
