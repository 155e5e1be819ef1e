"""Rows of host arrays on their way to the device of the networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Staging:
    """Gathers rows and sends them to one device.

    On the way to a GPU they pass through pinned memory, which is kept from batch to batch: neither memory is asked
    for nor the copy waited for. On a processor there is nothing to send.
    """

    def __init__(self, device: torch.device, *, keep: bool | None = None) -> None:
        """Prepare for a device.

        Args:
            device: Where the rows go.
            keep: Gather in memory that is kept; None: where the device is a GPU.
        """
        self.device = device
        self._gpu = device.type == "cuda"
        self._keep = self._gpu if keep is None else keep
        self._kept: dict[str, Tensor] = {}
        self._sent = torch.cuda.Event() if self._gpu else None  # type: ignore[no-untyped-call]

    def begin(self) -> None:
        """Begin a batch; waits until the one before has left its memory."""
        if self._sent is not None:
            self._sent.synchronize()

    def send(self, name: str, rows: NDArray[Any], places: NDArray[np.int64]) -> Tensor:
        """Return `rows[places]` on the device, in memory of its own.

        Args:
            name: Which part of the batch it is, once a batch.
            rows: `[n, ...]`.
            places: Rows to take, `int64` of any shape, each in `[0, n)`.
        """
        if not self._keep:
            return torch.from_numpy(rows.take(places, axis=0)).to(self.device)
        shape = places.shape + rows.shape[1:]
        kept = self._kept.get(name)
        if kept is None or kept.shape != shape:
            dtype = torch.from_numpy(rows[:0]).dtype
            kept = self._kept[name] = torch.empty(shape, dtype=dtype, pin_memory=self._gpu)
        # Any mode but the default one writes straight into `out`.
        rows.take(places, axis=0, out=kept.numpy(), mode="clip")
        return kept.to(self.device, non_blocking=True, copy=True)

    def end(self) -> None:
        """End a batch: everything of it has been sent."""
        if self._sent is not None:
            self._sent.record()
