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
        self._chosen: list[tuple[str, NDArray[np.intp] | slice, slice]] = []
        self.kinds: dict[str, list[int]] = {}
        """Places in a row by kind."""
        self.size = 0
        """Length of a row."""
        scales: list[float] = []
        for key, part in _parts(space):
            size = int(np.prod(part.shape or ()))
            count, chosen = min(size, ENTRIES), np.random.default_rng(0).permutation(size)
            entries = np.sort(chosen[:count]) if count < size else slice(None)
            self._chosen.append((key, entries, slice(self.size, self.size + count)))
            self.kinds.setdefault(_kind(part), []).extend(range(self.size, self.size + count))
            self.size += count
            scales += [255.0 if part.dtype == np.uint8 else 1.0] * count
        self._plain = len(self._chosen) == 1 and (space.shape or ()) == (self.size,)
        """Whether the entries of an observation are all that it holds, in their order."""
        self.scale = np.array(scales, dtype=np.float32)
        """What entries are divided by to be compared, `float32[size]`."""

    def of(self, batch: Any) -> NDArray[np.float32]:
        """Return the entries of a batch of observations, scaled, `float32[batch, size]`."""
        rows = []
        for key, entries, _ in self._chosen:
            part = np.asarray(batch if key == WHOLE else batch[key])
            rows.append(part.reshape(len(part), -1)[:, entries].astype(np.float32))
        return np.concatenate(rows, axis=1) / self.scale

    def keep(self, observation: Any, rows: NDArray[np.float32], at: int) -> None:
        """Write the entries of one observation, or of a batch of one, into a row of `float32[:, size]`, not scaled."""
        if self._plain:
            rows[at] = observation
            return
        for key, entries, places in self._chosen:
            part = np.asarray(observation if key == WHOLE else observation[key])
            rows[at, places] = part.reshape(-1)[entries]


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
