"""What an agent sees: its shape, and a batch of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class ObservationShape:
    """What an agent sees."""

    camera: tuple[int, int, int] | None
    """Stacked frames, height and width; None without a camera."""
    vector: int
    """Length of the kinematics-and-waypoints vector; 0 without one."""


@dataclass(frozen=True)
class Observation:
    """A batch of observations on the device of the networks."""

    camera: Tensor | None
    """`uint8[batch, stack, height, width]`, as floats in [0, 1] after `scaled`; or None."""
    vector: Tensor
    """`float32[batch, vector]`, possibly of width 0."""

    def scaled(self) -> Observation:
        """Return the same with pictures as an encoder takes them; once for all networks that look at it."""
        if self.camera is None or self.camera.is_floating_point():
            return self
        pictures = self.camera.to(torch.float32, memory_format=torch.channels_last)
        return Observation(pictures.div_(255.0), self.vector)
