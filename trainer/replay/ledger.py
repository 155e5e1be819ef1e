"""What the environment itself received and gave, kept apart from the replay buffer: a witness for its batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.observation import Observation, ObservationShape

STEPS = 16_384
"""Environment steps that are remembered, over all environments."""
FRESH_STEPS = 1_000
"""Newest of them that `fresh` describes."""
ENTRIES = 32
"""Entries of the vector, and of the newest picture, that are compared; all where there are fewer."""


@dataclass(frozen=True)
class Places:
    """Entries of an observation that stand for it; the same ones in every observation."""

    vector: NDArray[np.intp]
    rows: NDArray[np.intp]
    """Of the newest picture; empty without a camera."""
    columns: NDArray[np.intp]

    @classmethod
    def of(cls, shape: ObservationShape) -> Places:
        """Choose them, by a generator of its own."""
        rng = np.random.default_rng(0)
        height, width = shape.camera[1:] if shape.camera else (0, 1)
        vector, camera = (
            np.sort(rng.permutation(size)[:ENTRIES]) for size in (shape.vector, height * width)
        )
        return cls(vector, *np.divmod(camera, width))

    def read(
        self, vector: NDArray[np.floating], pictures: NDArray[np.uint8] | None
    ) -> NDArray[np.float32]:
        """Return these entries, pictures in [0, 1]: `float32[n, entries]`.

        Args:
            vector: `float[n, vector]`.
            pictures: Newest picture of each observation, `uint8[n, height, width]`.
        """
        marks = np.asarray(vector, dtype=np.float32)[:, self.vector]
        if pictures is None:
            return marks
        pixels = pictures[:, self.rows, self.columns] / np.float32(255.0)
        return np.concatenate([marks, pixels], axis=1)

    def of_batch(self, obs: Observation) -> NDArray[np.float32]:
        """Return these entries of a batch's observations."""
        camera = None if obs.camera is None else obs.camera[:, -1].cpu().numpy()
        return self.read(obs.vector.cpu().numpy(), camera)

    def kinds(self) -> Mapping[str, slice]:
        """Return where the entries of each kind of observation stand."""
        seen = len(self.vector)
        every = {"vector": slice(0, seen), "camera": slice(seen, seen + len(self.rows))}
        return {kind: part for kind, part in every.items() if part.stop > part.start}


@dataclass(frozen=True, kw_only=True)
class Witness:
    """What the environment says of a batch; asks an update to measure its evidence."""

    places: Places
    known: NDArray[np.intp]
    """Transitions of the batch that the ledger still holds: `n` of them, which the arrays below describe."""
    action: NDArray[np.float32]
    """What the environment received, `float32[n, action_dim]`."""
    reward: NDArray[np.float32]
    """What it gave, `float32[n]`."""
    reward_before: NDArray[np.float32]
    """What it gave one step before in the same episode; NaN in an episode's first step."""
    terminated: NDArray[np.bool_]
    marks: NDArray[np.float32]
    """Of the observation (`Places`)."""
    next_marks: NDArray[np.float32]
    fresh: Mapping[str, float]
    """Tags about the newest steps of the environment."""


class Ledger:
    """The newest steps of every environment, numbered as the replay buffer numbers its transitions."""

    def __init__(
        self, capacity: int, num_envs: int, shape: ObservationShape, action_dim: int
    ) -> None:
        """Reserve the memory.

        Args:
            capacity: Steps to remember, over all environments.
            num_envs: Environments that are stepped together.
            shape: What the agent sees.
            action_dim: Length of an action.
        """
        self.places = Places.of(shape)
        self._slots = -(-capacity // num_envs)
        ring = (num_envs, self._slots)
        marks = len(self.places.vector) + len(self.places.rows)
        self._marks = np.zeros((*ring, marks), dtype=np.float32)
        self._next_marks = np.zeros((*ring, marks), dtype=np.float32)
        self._actions = np.zeros((*ring, action_dim), dtype=np.float32)
        self._noise = np.full(ring, np.nan, dtype=np.float32)
        self._rewards = np.zeros(ring, dtype=np.float32)
        self._terminated = np.zeros(ring, dtype=bool)
        self._first = np.ones(ring, dtype=bool)
        """Steps that begin an episode."""
        self._begins = np.ones(num_envs, dtype=bool)
        self._count = 0
        """Steps of each environment so far: the number of the next one."""

    def marks(self, obs: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Take an observation down before the environment can change it."""
        pictures = obs["camera"][:, -1] if "camera" in obs else None
        return self.places.read(obs["vector"], pictures)

    def record(
        self,
        marks: NDArray[np.float32],
        action: NDArray[np.float32],
        policy: NDArray[np.float32] | None,
        reward: NDArray[np.floating],
        terminated: NDArray[np.bool_],
        done: NDArray[np.bool_],
        last: Mapping[str, NDArray[Any]],
    ) -> None:
        """Take down one step of every environment.

        Args:
            marks: Of the observation that was acted on.
            action: What the environment received.
            policy: The policy's action without noise; None where actions are drawn at random.
            reward: As the environment gave it.
            terminated: `bool[num_envs]`.
            done: Terminated or truncated.
            last: Observation after the step; where an episode ended, its final one.
        """
        here = self._count % self._slots
        self._marks[:, here] = marks
        self._next_marks[:, here] = self.marks(last)
        self._actions[:, here] = action
        self._noise[:, here] = np.nan if policy is None else np.abs(action - policy).mean(axis=1)
        self._rewards[:, here] = reward
        self._terminated[:, here] = terminated
        self._first[:, here] = self._begins
        self._begins = done.copy()
        self._count += 1

    def end_episodes(self) -> None:
        """Begin every environment's next step with a new episode."""
        self._begins[:] = True

    def witness(self, rows: NDArray[np.int64], numbers: NDArray[np.int64]) -> Witness:
        """Return what the environment says of the transitions with these numbers.

        Args:
            rows: Environment of each transition.
            numbers: Its number in that environment; -1 where unknown.
        """
        oldest = max(0, self._count - self._slots)
        known = np.flatnonzero((numbers >= oldest) & (numbers < self._count))
        rows, numbers = rows[known], numbers[known]
        here, before = numbers % self._slots, (numbers - 1) % self._slots
        alone = self._first[rows, here] | (numbers == oldest)
        return Witness(
            places=self.places,
            known=known,
            action=self._actions[rows, here],
            reward=self._rewards[rows, here],
            reward_before=np.where(alone, np.float32(np.nan), self._rewards[rows, before]),
            terminated=self._terminated[rows, here],
            marks=self._marks[rows, here],
            next_marks=self._next_marks[rows, here],
            fresh=self._fresh(),
        )

    def _fresh(self) -> Mapping[str, float]:
        """Describe the newest steps: how observations change, and how far actions are from the policy's."""
        count = min(self._count, self._slots, -(-FRESH_STEPS // len(self._begins)))
        slots = np.arange(self._count - count, self._count) % self._slots
        going_on = ~self._terminated[:, slots]
        change = np.abs(self._next_marks[:, slots] - self._marks[:, slots])[going_on]
        tags = {
            f"env/{kind}_change": float(change[:, part].mean())
            for kind, part in self.places.kinds().items()
            if len(change)
        }
        noise = self._noise[:, slots]
        if np.isfinite(noise).any():
            tags["env/exploration"] = float(np.nanmean(noise))
        return tags

    def state_dict(self) -> dict[str, Any]:
        """Return everything, as tensors and plain values."""
        arrays = {name: torch.from_numpy(array) for name, array in self._columns().items()}
        return {**arrays, "begins": torch.from_numpy(self._begins), "count": self._count}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken.

        Raises:
            ValueError: The ledger had another size.
        """
        for name, array in self._columns().items():
            if state[name].shape != array.shape:
                raise ValueError("the ledger of the checkpoint has another size")
            array[:] = state[name].numpy()
        self._begins = state["begins"].numpy().copy()
        self._count = state["count"]

    def _columns(self) -> dict[str, NDArray[Any]]:
        return {
            "marks": self._marks,
            "next_marks": self._next_marks,
            "actions": self._actions,
            "noise": self._noise,
            "rewards": self._rewards,
            "terminated": self._terminated,
            "first": self._first,
        }
