"""A copy of the replay buffer's pictures where the networks live, so that batches are gathered there."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class FrameMirror:
    """Rings of single frames on a device; the replay buffer remains the truth that checkpoints hold."""

    def __init__(self, num_envs: int, slots: int, size: tuple[int, int], device: torch.device):
        """Reserve `num_envs * slots * height * width` bytes on `device`.

        Raises:
            torch.OutOfMemoryError: The device has less.
        """
        self._frames = torch.zeros((num_envs, slots, *size), dtype=torch.uint8, device=device)

    def write(
        self, rows: NDArray[np.int64], slots: NDArray[np.int64], frames: NDArray[np.uint8]
    ) -> None:
        """Put `uint8[n, height, width]` into slots of rings, one each."""
        device = self._frames.device
        places = torch.from_numpy(rows).to(device), torch.from_numpy(slots).to(device)
        self._frames[places] = torch.from_numpy(np.ascontiguousarray(frames)).to(device)

    def gather(self, rows: NDArray[np.int64], slots: NDArray[np.int64]) -> Tensor:
        """Return `uint8[batch, stack, height, width]` on the device.

        Args:
            rows: Ring of each stack, `int64[batch]`.
            slots: Slot of each frame, `int64[batch, stack]`.
        """
        device = self._frames.device
        return self._frames[
            torch.from_numpy(rows)[:, None].to(device), torch.from_numpy(slots).to(device)
        ]
