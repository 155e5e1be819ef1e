"""The last camera images of each environment, oldest first."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


class FrameStack:
    """Holds `uint8[n, frames, height, width]`."""

    def __init__(self, num_envs: int, frames: int, size: int) -> None:
        self.frames = np.zeros((num_envs, frames, size, size), np.uint8)
        """The stacks themselves; copy them before they are handed out."""

    def begin(self, indices: npt.NDArray[np.intp], images: npt.NDArray[np.uint8]) -> None:
        """Start episodes: the first image, `uint8[k, size, size]`, is repeated."""
        self.frames[indices] = images[:, None]

    def push(self, images: npt.NDArray[np.uint8]) -> None:
        """Add the newest image of every environment, `uint8[n, size, size]`."""
        self.frames[:, :-1] = self.frames[:, 1:]
        self.frames[:, -1] = images
