"""Replay buffer that stores single frames and stacks them when a batch is sampled.

A stack of four frames and its successor share seven of eight frames with their neighbours in time, so storing
each frame once takes an eighth of the memory: one million steps of 4x84x84 in 7.1 GB instead of 56.

Each environment has a ring of slots. Slot `s` holds the newest frame of an observation together with the action taken
there; slot `s + 1` holds the newest frame of the next observation. After a termination slot `s + 1` is reused by the
next episode's first frame, which is harmless: a terminated transition's next value is multiplied by zero. A truncated
transition still bootstraps, so its final frame keeps a slot of its own, which is never sampled as a start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trainer.observation import Observation, ObservationShape
from trainer.replay.ledger import Witness
from trainer.replay.mirror import FrameMirror
from trainer.replay.staging import Staging


@dataclass(frozen=True)
class Batch:
    """Sampled transitions on the device of the networks."""

    obs: Observation
    action: Tensor
    """`float32[batch, action_dim]` in [-1, 1]."""
    reward: Tensor
    """`float32[batch]`, as the environment gave it."""
    next_obs: Observation
    """Undefined where `terminated`: multiply its value by zero."""
    terminated: Tensor
    """`float32[batch]`, 1 where the episode ended by a termination; a truncation is 0."""
    origin: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
    """Environment of each transition, and its number among that environment's steps; -1 where unknown."""
    witness: Witness | None = None
    """What the environment says of these transitions, where evidence is wanted."""


class ReplayBuffer:
    """The last `capacity` transitions of `num_envs` environments (or a few more)."""

    def __init__(
        self,
        capacity: int,
        num_envs: int,
        shape: ObservationShape,
        action_dim: int,
        mirror: torch.device | None = None,
    ) -> None:
        """Reserve the memory.

        Args:
            capacity: Transitions to keep.
            num_envs: Environments that are stepped together.
            shape: What the agent sees.
            action_dim: Length of an action.
            mirror: Where to keep a second copy of the pictures, for batches that are used there.
        """
        self._stack, height, width = shape.camera or (1, 0, 0)
        self._has_camera = shape.camera is not None
        # Slots right behind the write head lose their stack or their successor, hence the margin.
        self._slots = -(-capacity // num_envs) + self._stack
        ring = (num_envs, self._slots)
        self._frames = np.zeros((*ring, height, width), dtype=np.uint8)
        self._vectors = np.zeros((*ring, shape.vector), dtype=np.float32)
        self._actions = np.zeros((*ring, action_dim), dtype=np.float32)
        self._rewards = np.zeros(ring, dtype=np.float32)
        self._terminated = np.zeros(ring, dtype=np.float32)
        self._age = np.zeros(ring, dtype=np.uint8)
        """Frames of the same episode before this slot, at most `stack - 1`."""
        self._valid = np.zeros(ring, dtype=bool)
        """Slots that may be sampled."""
        self._number = np.full(ring, -1, dtype=np.int32)
        """Steps of the same environment before the transition in this slot."""
        self._added = 0
        """Steps of each environment so far."""
        self._head = np.zeros(num_envs, dtype=np.int64)
        self._advanced = np.zeros(num_envs, dtype=np.int64)
        """Slots that each head has passed since the beginning, over all rounds of the ring."""
        self._written = 0
        """Slots up to here have been written in some environment."""
        self._episode_age = np.zeros(num_envs, dtype=np.int64)
        self._rows = np.arange(num_envs)
        self._staging: Staging | None = None
        self._mirror: FrameMirror | None = None
        if mirror is not None and self._has_camera:
            self._mirror = FrameMirror(num_envs, self._slots, (height, width), mirror)

    def __len__(self) -> int:
        """Transitions that can be sampled."""
        return int(np.count_nonzero(self._valid[:, : self._written]))

    @property
    def frame_bytes(self) -> int:
        """Bytes that all frames take when the buffer is full."""
        return self._frames.nbytes

    def add(
        self,
        frame: NDArray[np.uint8] | None,
        vector: NDArray[np.float32],
        action: NDArray[np.float32],
        reward: NDArray[np.floating],
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
        next_frame: NDArray[np.uint8] | None,
        next_vector: NDArray[np.float32],
    ) -> None:
        """Store one step of every environment.

        Args:
            frame: Newest frame of each observation, `uint8[num_envs, height, width]`; None without a camera.
            vector: `float32[num_envs, vector]`.
            action: `float32[num_envs, action_dim]`.
            reward: `float[num_envs]`, unscaled.
            terminated: `bool[num_envs]`.
            truncated: `bool[num_envs]`.
            next_frame: Newest frame after the step; where an episode ended, its final frame, not the reset one.
            next_vector: The same for the vector.
        """
        rows, here = self._rows, self._head
        following = (here + 1) % self._slots
        if frame is not None and next_frame is not None:
            self._frames[rows, here] = frame
            self._frames[rows, following] = next_frame
            if self._mirror is not None:
                self._mirror.write(rows, here, frame)
                self._mirror.write(rows, following, next_frame)
        self._vectors[rows, here] = vector
        self._vectors[rows, following] = next_vector
        self._actions[rows, here] = action
        self._rewards[rows, here] = reward
        self._terminated[rows, here] = terminated
        self._age[rows, here] = np.minimum(self._episode_age, self._stack - 1)
        self._valid[rows, here] = True
        self._number[rows, here] = self._added
        self._added += 1
        for ahead in range(1, self._stack + 1):
            self._valid[rows, (here + ahead) % self._slots] = False

        self._written = max(self._written, min(int(here.max()) + 1, self._slots))
        done = terminated | truncated
        self._episode_age = np.where(done, 0, self._episode_age + 1)
        self._advance(1 + (truncated & ~terminated))

    def end_episodes(self) -> None:
        """Start every environment's next transition with a new episode; the last ones count as truncated."""
        running = self._episode_age > 0
        self._episode_age[:] = 0
        self._advance(running.astype(np.int64))

    def _advance(self, slots: NDArray[np.int64]) -> None:
        self._advanced = self._advanced + slots
        self._head = self._advanced % self._slots

    def sample(self, batch_size: int, rng: np.random.Generator, device: torch.device) -> Batch:
        """Draw transitions uniformly, with replacement.

        Raises:
            ValueError: Nothing has been stored yet.
        """
        rows, slots = self._draw(batch_size, rng)
        following = (slots + 1) % self._slots
        here, there = rows * self._slots + slots, rows * self._slots + following
        if self._staging is None or self._staging.device != device:
            self._staging = Staging(device)
        staging = self._staging
        staging.begin()
        obs_frames, next_frames = self._pictures(rows, slots, following, staging)
        batch = Batch(
            obs=Observation(obs_frames, staging.send("vector", _flat(self._vectors), here)),
            action=staging.send("action", _flat(self._actions), here),
            reward=staging.send("reward", _flat(self._rewards), here),
            next_obs=Observation(
                next_frames, staging.send("next_vector", _flat(self._vectors), there)
            ),
            terminated=staging.send("terminated", _flat(self._terminated), here),
            origin=(rows, self._number[rows, slots].astype(np.int64)),
        )
        staging.end()
        return batch

    def _pictures(
        self,
        rows: NDArray[np.int64],
        slots: NDArray[np.int64],
        following: NDArray[np.int64],
        staging: Staging,
    ) -> tuple[Tensor, Tensor] | tuple[None, None]:
        """Return the stacks of observations and of their successors, which share all frames but one."""
        if not self._has_camera:
            return None, None
        stack = self._stack_slots(slots, self._age[rows, slots].astype(np.int64))
        window = np.concatenate([stack, following[:, None]], axis=1)
        if self._mirror is not None:
            frames = self._mirror.gather(rows, window)
        else:
            places = rows[:, None] * self._slots + window
            frames = staging.send("frames", _flat(self._frames), places)
        return frames[:, :-1], frames[:, 1:]

    def _draw(
        self, count: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if self._written == 0:
            raise ValueError("cannot sample from an empty replay buffer")
        flat = np.empty(0, dtype=np.int64)
        while len(flat) < count:
            drawn = rng.integers(0, len(self._rows) * self._written, size=count)
            flat = np.concatenate([flat, drawn[self._valid[divmod(drawn, self._written)]]])
        rows, slots = np.divmod(flat[:count], self._written)
        return rows, slots

    @property
    def advanced(self) -> NDArray[np.int64]:
        """Slots that each environment's head has passed, `int64[num_envs]`: a mark for `segment`."""
        return self._advanced.copy()

    def still_needs(self, mark: NDArray[np.int64]) -> bool:
        """Tell whether anything that was written before `mark` has not been overwritten since."""
        return bool((self._advanced - mark < self._slots).any())

    def segment(self, since: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """Copy what was written since a mark, so that a checkpoint need not write the whole buffer."""
        fresh = np.minimum(self._advanced - since + 1, self._slots)
        rows = np.repeat(self._rows, fresh)
        first = self._advanced - fresh + 1
        slots = np.concatenate(
            [
                np.arange(start, start + count)
                for start, count in zip(first.tolist(), fresh.tolist(), strict=True)
            ]
        )
        slots %= self._slots
        return {"rows": rows, "slots": slots} | {
            name: array[rows, slots] for name, array in self._columns().items()
        }

    def load_segment(self, segment: Mapping[str, NDArray[Any]]) -> None:
        """Write a segment back; segments are loaded in the order in which they were made."""
        rows, slots = segment["rows"], segment["slots"]
        for name, array in self._columns().items():
            # Numbers are missing in checkpoints of earlier revisions.
            array[rows, slots] = segment.get(name, -1) if name == "number" else segment[name]
        if self._mirror is not None:
            self._mirror.write(rows, slots, segment["frames"])

    def state_dict(self) -> dict[str, Any]:
        """Return what is not in segments."""
        return {
            "advanced": self._advanced.tolist(),
            "episode_age": self._episode_age.tolist(),
            "written": self._written,
            "added": self._added,
            "slots": self._slots,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken, after all its segments were loaded.

        Raises:
            ValueError: The buffer had another size.
        """
        if state["slots"] != self._slots or len(state["advanced"]) != len(self._rows):
            raise ValueError("the replay buffer of the checkpoint has another size")
        self._advanced = np.array(state["advanced"], dtype=np.int64)
        self._head = self._advanced % self._slots
        self._episode_age = np.array(state["episode_age"], dtype=np.int64)
        self._written = state["written"]
        self._added = state.get("added", 0)
        for ahead in range(self._stack):
            self._valid[self._rows, (self._head + ahead) % self._slots] = False

    def _columns(self) -> dict[str, NDArray[Any]]:
        return {
            "frames": self._frames,
            "vectors": self._vectors,
            "actions": self._actions,
            "rewards": self._rewards,
            "terminated": self._terminated,
            "age": self._age,
            "valid": self._valid,
            "number": self._number,
        }

    def _stack_slots(self, last: NDArray[np.int64], age: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the slots of each stack, `int64[batch, stack]`, oldest first; an episode's first frame is repeated."""
        back = np.minimum(np.arange(self._stack - 1, -1, -1), age[:, None])
        slots: NDArray[np.int64] = (last[:, None] - back) % self._slots
        return slots


def _flat(rings: NDArray[Any]) -> NDArray[Any]:
    """View `[num_envs, slots, ...]` as `[num_envs * slots, ...]`."""
    return rings.reshape(-1, *rings.shape[2:])
