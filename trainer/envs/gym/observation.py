"""Turns the observation of any Gymnasium environment into one image and one vector.

Images (`uint8` boxes of two or three dimensions) become grey and small; everything else is
flattened and joined in the space's own order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from trainer.envs.errors import UnsupportedEnvironmentError

_GREY_WEIGHTS = (0.299, 0.587, 0.114)
_MOST_STACKED_FRAMES = 16
_FLAT_SPACES = (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary)


class ObservationAdapter:
    """Splits observations of one space; images are `camera_size` squares.

    Raises:
        UnsupportedEnvironmentError: The space holds two images, or a part that has no fixed size.
    """

    def __init__(self, space: spaces.Space[Any], camera_size: int) -> None:
        parts = list(_parts(space, ()))
        images = [part for part in parts if _is_image(part[1])]
        if len(images) > 1:
            raise UnsupportedEnvironmentError(
                f"has {len(images)} images in its observation; only one can be used"
            )
        self._flat = [part for part in parts if not _is_image(part[1])]
        for path, part in self._flat:
            if not isinstance(part, _FLAT_SPACES):
                where = f"its part {'.'.join(map(str, path))}" if path else "it"
                raise UnsupportedEnvironmentError(
                    f"has an observation that cannot be used: {where} is {part}"
                )
        self.vector_dim = sum(spaces.flatdim(part) for _, part in self._flat)
        self._image_path: tuple[Any, ...] | None = None
        if images:
            self._image_path, image = images[0]
            assert image.shape is not None
            self._image = _ImageShrinker(image.shape, camera_size)

    @property
    def has_image(self) -> bool:
        """Whether the observation holds an image."""
        return self._image_path is not None

    def vector(self, observation: Any, out: npt.NDArray[np.float32]) -> None:
        """Write the vector part into `out`, `float32[vector_dim]`."""
        start = 0
        for path, part in self._flat:
            flat = np.asarray(spaces.flatten(part, _at(observation, path)), np.float32)
            out[start : start + len(flat)] = flat
            start += len(flat)

    def key_of(self, column: int) -> str:
        """Say which number of the observation stands in a column of the vector: `observation.speed[1]`."""
        for path, part in self._flat:
            width = spaces.flatdim(part)
            if column < width:
                place = f"[{column}]" if width > 1 else ""
                return f"{'.'.join(('observation', *map(str, path)))}{place}"
            column -= width
        raise IndexError(column)

    def image(self, observation: Any, out: npt.NDArray[np.uint8]) -> None:
        """Write the grey image into `out`, `uint8[camera_size, camera_size]`."""
        assert self._image_path is not None
        out[...] = self._image.shrink(_at(observation, self._image_path))


class _ImageShrinker:
    """Makes images of one shape grey and square by averaging over areas."""

    def __init__(self, shape: tuple[int, ...], size: int) -> None:
        self._stacked = len(shape) == 3 and shape[0] <= _MOST_STACKED_FRAMES < shape[2]
        self._colour = len(shape) == 3 and not self._stacked
        height, width = shape[1:] if self._stacked else shape[:2]
        self._rows = _area_weights(height, size)
        self._columns = _area_weights(width, size).T.copy()

    def shrink(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the newest grey image, `float32[size, size]` in [0, 255]."""
        if self._stacked:
            image = image[-1]
        if self._colour:
            weights = _GREY_WEIGHTS if image.shape[2] >= 3 else (1.0,)
            image = image[..., : len(weights)] @ np.asarray(weights, np.float32)
        grey: npt.NDArray[np.float32] = self._rows @ image.astype(np.float32) @ self._columns
        return np.rint(grey)


def _area_weights(length: int, size: int) -> npt.NDArray[np.float32]:
    """Return `float32[size, length]`, the share of each old pixel in each new one."""
    edges = np.linspace(0.0, length, size + 1)
    pixel = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    weights = np.clip(overlap, 0.0, None)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), np.float32)


def _is_image(space: spaces.Space[Any]) -> bool:
    """Tell images from vectors: `uint8`, with two sides that are longer than a frame stack."""
    if not isinstance(space, spaces.Box) or space.dtype != np.uint8:
        return False
    return len(space.shape) in (2, 3) and sorted(space.shape)[-2] > _MOST_STACKED_FRAMES


def _parts(
    space: spaces.Space[Any], path: tuple[Any, ...]
) -> Iterator[tuple[tuple[Any, ...], spaces.Space[Any]]]:
    """Yield the path and the space of each leaf of nested Dict and Tuple spaces."""
    if isinstance(space, spaces.Dict):
        for key, part in space.spaces.items():
            yield from _parts(part, (*path, key))
    elif isinstance(space, spaces.Tuple):
        for i, part in enumerate(space.spaces):
            yield from _parts(part, (*path, i))
    else:
        yield path, space


def _at(observation: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        observation = observation[key]
    return observation
