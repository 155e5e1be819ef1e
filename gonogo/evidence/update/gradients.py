"""Norms of gradients as a backward pass leaves them, before anybody clips them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.autograd import Variable
from torch.utils.hooks import RemovableHandle

from gonogo.evidence.guard import Guard


class Gradients:
    """Takes them at the end of each backward pass, of the parameters that it reached."""

    def __init__(
        self,
        parts: Mapping[str, Sequence[Tensor]],
        guard: Guard,
        loss_scale: Callable[[], float],
    ) -> None:
        """Take the parameters by part, who guards the hooks, and what losses are multiplied by."""
        self.norms: dict[str, dict[int, Tensor]] = {}
        """By part, then by the parameter's number."""
        self.closed: set[str] = set()
        """Parts that are complete: what later passes add does not count."""
        self._loss_scale = loss_scale
        self._reached: list[tuple[str, int, Tensor]] = []
        self._hooks = [
            (parameter, guard.hook(partial(self._reach, part, number)))
            for part, parameters in parts.items()
            for number, parameter in enumerate(parameters)
        ]
        self._end = guard.hook(self._take)

    def begin(self) -> list[RemovableHandle]:
        """Forget what was taken, attach to the parameters and return the hooks' handles."""
        self.norms, self.closed = {}, set()
        self._reached.clear()
        return [
            parameter.register_post_accumulate_grad_hook(hook)  # type: ignore[no-untyped-call]
            for parameter, hook in self._hooks
        ]

    def close(self) -> None:
        """Count what was taken until now as complete."""
        self.closed.update(self.norms)

    def _reach(self, part: str, number: int, parameter: Tensor) -> None:
        if part in self.closed:
            return
        if not self._reached:
            Variable._execution_engine.queue_callback(self._end)
        self._reached.append((part, number, parameter))

    def _take(self) -> None:
        scale = self._loss_scale()
        for part, number, parameter in self._reached:
            if parameter.grad is not None:
                norm = torch.linalg.vector_norm(parameter.grad.detach())
                self.norms.setdefault(part, {})[number] = norm if scale == 1.0 else norm / scale
        self._reached.clear()
