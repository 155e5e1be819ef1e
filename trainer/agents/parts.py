"""Parts of the networks that have a learning rate and a clip limit of their own."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class GradientStats:
    """What is known of a part's gradient in a logged update."""

    norm: Tensor
    """Global norm before clipping, `float32[]`."""
    clipped_share: float
    """Share of the updates since the last logged one whose gradient was clipped."""


class Part:
    """An encoder, or the MLPs behind it."""

    def __init__(self, module: nn.Module | None, lr: float, max_grad_norm: float | None) -> None:
        self.parameters = [] if module is None else list(module.parameters())
        """Empty if the network has no such part."""
        self.lr = lr
        self.max_grad_norm = max_grad_norm
        self.clipped = 0
        """Updates since the last logged one whose gradient was clipped."""
        self.clippable = 0
        """All updates since then, if there is a limit."""

    def clip_gradient(self, *, measure: bool) -> GradientStats | None:
        """Clip the gradient to the limit; return its statistics if they are to be measured."""
        if not self.parameters or not (measure or self.max_grad_norm is not None):
            return None
        norm = nn.utils.get_total_norm([p.grad for p in self.parameters if p.grad is not None])
        if self.max_grad_norm is not None:
            nn.utils.clip_grads_with_norm_(self.parameters, self.max_grad_norm, norm)
            self.clippable += 1
            self.clipped += int(not bool(norm <= self.max_grad_norm))
        if not measure:
            return None
        share = self.clipped / max(1, self.clippable)
        self.clipped = self.clippable = 0
        return GradientStats(norm, share)
