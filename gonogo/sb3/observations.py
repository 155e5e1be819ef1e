"""Parts of an observation by the kinds that tags name: `camera` is what is a picture, `vector` all the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.preprocessing import is_image_space

ENTRIES = 32
"""Entries of each part that are compared; all where there are fewer."""
WHOLE = ""
"""Key of the only part of an observation without keys."""


def is_known(space: spaces.Space[Any]) -> bool:
    """Whether observations of a space are an array, or arrays by key."""
    return isinstance(space, spaces.Box) or (
        isinstance(space, spaces.Dict)
        and all(isinstance(part, spaces.Box) for part in space.values())
    )


def others(space: spaces.Space[Any]) -> Mapping[str, Callable[[Any], Any]]:
    """Return by kind what gives every row of a batch the part of that kind of another row."""
    keys: dict[str, list[str]] = {}
    for key, part in _parts(space):
        keys.setdefault(_kind(part), []).append(key)
    return {kind: _rolled(of_kind) for kind, of_kind in keys.items()}


class Marks:
    """Some entries of each part of an observation, in one row: what observations are compared by."""

    def __init__(self, space: spaces.Space[Any]) -> None:
        """Choose the entries, the same ones for a space every time."""
        self._chosen: list[tuple[str, NDArray[np.intp] | slice, np.float32]] = []
        self.kinds: dict[str, list[int]] = {}
        """Places in a row by kind."""
        self.size = 0
        """Length of a row."""
        for key, part in _parts(space):
            size = int(np.prod(part.shape or ()))
            count, chosen = min(size, ENTRIES), np.random.default_rng(0).permutation(size)
            entries = np.sort(chosen[:count]) if count < size else slice(None)
            scale = np.float32(255.0 if part.dtype == np.uint8 else 1.0)
            self._chosen.append((key, entries, scale))
            self.kinds.setdefault(_kind(part), []).extend(range(self.size, self.size + count))
            self.size += count

    def of(self, batch: Any) -> NDArray[np.float32]:
        """Return the entries of a batch of observations, `float32[batch, size]`."""
        rows = []
        for key, entries, scale in self._chosen:
            part = np.asarray(batch if key == WHOLE else batch[key])
            rows.append(part.reshape(len(part), -1)[:, entries].astype(np.float32) / scale)
        return rows[0] if len(rows) == 1 else np.concatenate(rows, axis=1)

    def of_one(self, observation: Any) -> NDArray[np.float32]:
        """Return the entries of a single observation, `float32[size]`."""
        if isinstance(observation, Mapping):
            batch: Any = {key: np.asarray(part)[None] for key, part in observation.items()}
        else:
            batch = np.asarray(observation)[None]
        row: NDArray[np.float32] = self.of(batch)[0]
        return row


def on_host(batch: Any) -> Any:
    """Return observations as arrays that are tensors now."""
    if isinstance(batch, Mapping):
        return {key: part.cpu().numpy() for key, part in batch.items()}
    return batch.cpu().numpy()


def _parts(space: spaces.Space[Any]) -> Iterator[tuple[str, spaces.Space[Any]]]:
    return iter(space.items() if isinstance(space, spaces.Dict) else [(WHOLE, space)])


def _kind(part: spaces.Space[Any]) -> str:
    return "camera" if is_image_space(part) else "vector"


def _rolled(keys: list[str]) -> Callable[[Any], Any]:
    def rolled(batch: Any) -> Any:
        if keys == [WHOLE]:
            return batch.roll(1, dims=0)
        return {**batch, **{key: batch[key].roll(1, dims=0) for key in keys}}

    return rolled
