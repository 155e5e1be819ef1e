"""What the environment itself received and gave, kept apart from the replay buffer: a witness for its batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.observation import ObservationShape
from trainer.replay.exploration import exploration_tags

STEPS = 16_384
"""Environment steps that are remembered, over all environments."""
FRESH_STEPS = 1_000
"""Newest of them that tags describe."""
ENTRIES = 32
"""Entries of the vector, and of the stacked pictures, that are compared; all where there are fewer."""
LAYOUT = 3
"""Of what a checkpoint holds."""
_BRIGHTEST = np.float32(255.0)


@dataclass(frozen=True)
class Places:
    """Entries of an observation that stand for it; the same ones in every observation."""

    vector: NDArray[np.intp]
    picture: NDArray[np.intp]
    """Pixels of all frames; empty without a camera."""

    @classmethod
    def choose(cls, shape: ObservationShape) -> Places:
        """Choose them, by a generator of its own."""
        rng = np.random.default_rng(0)
        frames, height, width = shape.camera or (1, 0, 0)
        sizes = (shape.vector, frames * height * width)
        return cls(*(np.sort(rng.permutation(size)[:ENTRIES]) for size in sizes))

    @cached_property
    def _scale(self) -> NDArray[np.float32]:
        """Of each entry, `float32[entries]`."""
        scale = np.ones(self.entries, dtype=np.float32)
        scale[len(self.vector) :] = _BRIGHTEST
        return scale

    @cached_property
    def entries(self) -> int:
        """How many there are."""
        return len(self.vector) + len(self.picture)

    def of(self, obs: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Return these entries of a batch of observations: `float32[n, entries]`.

        Args:
            obs: `vector`, `float[n, vector]`, and with a camera `camera`, `uint8[n, frames, height, width]`.
        """
        marks = np.empty((len(obs["vector"]), self.entries), dtype=np.float32)
        self.read(obs, marks)
        return marks

    def read(self, obs: Mapping[str, NDArray[Any]], into: NDArray[np.float32]) -> None:
        """Write these entries of each observation into `float32[n, entries]`; called in every step."""
        seen = len(self.vector)
        into[:, :seen] = obs["vector"].take(self.vector, axis=1)
        if len(self.picture):
            pictures = obs["camera"].reshape(len(into), -1)
            into[:, seen:] = pictures.take(self.picture, axis=1)

    def scaled(self, marks: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return entries with pictures in [0, 1]."""
        return marks / self._scale

    def kinds(self) -> Mapping[str, slice]:
        """Return where the entries of each kind of observation stand."""
        seen = len(self.vector)
        every = {"vector": slice(0, seen), "camera": slice(seen, self.entries)}
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
    tags: Mapping[str, float]
    """About the newest steps of the environment, and about how the batch was drawn."""


class Ledger:
    """The newest steps of every environment, numbered as the replay buffer numbers its transitions."""

    def __init__(
        self, capacity: int, num_envs: int, shape: ObservationShape, action_dim: int
    ) -> None:
        """Reserve the memory.

        Args:
            capacity: Transitions that the replay buffer should keep, over all environments.
            num_envs: Environments that are stepped together.
            shape: What the agent sees.
            action_dim: Length of an action.
        """
        self.places = Places.choose(shape)
        self._kept = -(-capacity // num_envs)
        self._slots = -(-min(capacity, STEPS) // num_envs)
        ring = (self._slots, num_envs)
        self._marks = np.zeros((*ring, self.places.entries), dtype=np.float32)
        self._next_marks = np.zeros_like(self._marks)
        self._actions = np.zeros((*ring, action_dim), dtype=np.float32)
        self._policy = np.zeros_like(self._actions)
        self._rewards = np.zeros(ring, dtype=np.float32)
        self._terminated = np.zeros(ring, dtype=bool)
        self._first = np.ones(ring, dtype=bool)
        """Steps that begin an episode."""
        self._begins = np.ones(num_envs, dtype=bool)
        self._count = 0
        """Steps of each environment so far: the number of the next one."""
        self._oldest = 0
        """Number of the oldest step that was ever taken down."""

    def look(self, obs: Mapping[str, NDArray[Any]]) -> None:
        """Take down the observation that is acted on, before the environment can change it."""
        self.places.read(obs, self._marks[self._count % self._slots])

    def record(
        self,
        action: NDArray[np.float32],
        policy: NDArray[np.float32] | None,
        reward: NDArray[np.floating],
        terminated: NDArray[np.bool_],
        done: NDArray[np.bool_],
        following: Mapping[str, NDArray[Any]],
        final: Mapping[str, NDArray[Any]] | None,
    ) -> None:
        """Take down one step of every environment, after `look`.

        Args:
            action: What the environment received.
            policy: The policy's action without noise; None where actions are drawn at random.
            reward: As the environment gave it.
            terminated: `bool[num_envs]`.
            done: Terminated or truncated.
            following: Observation after the step; where an episode ended, the next one's first.
            final: Final observations, where episodes ended; None where none did.
        """
        here = self._count % self._slots
        self.places.read(following, self._next_marks[here])
        if final is not None and done.any():
            ended = {key: values[done] for key, values in final.items()}
            self._next_marks[here][done] = self.places.of(ended)
        self._actions[here] = action
        self._policy[here] = np.nan if policy is None else policy
        self._rewards[here] = reward
        self._terminated[here] = terminated
        self._first[here] = self._begins
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
        drawn, oldest = self._drawn(rows, numbers), max(self._oldest, self._count - self._slots)
        known = np.flatnonzero((numbers >= oldest) & (numbers < self._count))
        rows, numbers = rows[known], numbers[known]
        here, before = (numbers % self._slots, rows), ((numbers - 1) % self._slots, rows)
        alone = self._first[here] | (numbers == oldest)
        return Witness(
            places=self.places,
            known=known,
            action=self._actions[here],
            reward=self._rewards[here],
            reward_before=np.where(alone, np.float32(np.nan), self._rewards[before]),
            terminated=self._terminated[here],
            marks=self._marks[here],
            next_marks=self._next_marks[here],
            tags={**drawn, **self._fresh(self._count - oldest)},
        )

    def _drawn(self, rows: NDArray[np.int64], numbers: NDArray[np.int64]) -> Mapping[str, float]:
        """Describe how evenly a batch is drawn; nothing where a transition's number is unknown."""
        if not ((numbers >= 0) & (numbers < self._count)).all():
            return {}
        stored = min(self._count, self._kept)
        # A buffer may keep a few transitions more.
        ages = np.sort(((self._count - 1 - numbers) / stored).clip(0.0, 1.0))
        between = np.arange(len(ages) + 1) / len(ages)
        by_age = np.maximum(ages - between[:-1], between[1:] - ages).max()
        envs = len(self._begins)
        shares = np.bincount(rows, minlength=envs).cumsum() / len(rows)
        by_env = np.abs(shares - np.arange(1, envs + 1) / envs).max()
        return {"replay/unevenness": float(max(by_age, by_env))}

    def _fresh(self, held: int) -> Mapping[str, float]:
        """Describe the newest steps: how observations change, and how far actions are from the policy's."""
        count = min(held, -(-FRESH_STEPS // len(self._begins)))
        slots = np.arange(self._count - count, self._count) % self._slots
        going_on = ~self._terminated[slots]
        change = self.places.scaled(np.abs(self._next_marks[slots] - self._marks[slots])[going_on])
        tags = {
            f"env/{kind}_change": float(change[:, part].mean())
            for kind, part in self.places.kinds().items()
            if len(change)
        }
        return tags | exploration_tags(self._actions[slots], self._policy[slots])

    def state_dict(self) -> dict[str, Any]:
        """Return everything, as tensors and plain values."""
        arrays = {name: torch.from_numpy(array) for name, array in self._columns().items()}
        return {
            **arrays,
            "begins": torch.from_numpy(self._begins),
            "count": self._count,
            "oldest": self._oldest,
            "layout": LAYOUT,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken; steps in another layout are forgotten.

        Raises:
            ValueError: The ledger had another size.
        """
        self._count, self._oldest = state["count"], state.get("oldest", 0)
        self._begins = state["begins"].numpy().copy()
        if state.get("layout") != LAYOUT:
            self._oldest = self._count
            return
        for name, array in self._columns().items():
            if state[name].shape != array.shape:
                raise ValueError("the ledger of the checkpoint has another size")
            array[:] = state[name].numpy()

    def _columns(self) -> dict[str, NDArray[Any]]:
        return {
            "marks": self._marks,
            "next_marks": self._next_marks,
            "actions": self._actions,
            "policy": self._policy,
            "rewards": self._rewards,
            "terminated": self._terminated,
            "first": self._first,
        }
