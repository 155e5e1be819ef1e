"""A linear layer whose updates multiply with oneDNN, in both directions, where that is quicker on a processor.

torch gives fp32 matrix products to MKL, which does not use the widest registers of every vendor's processors. oneDNN,
which torch's convolutions use, does, and is about twice as quick there. The results differ by rounding.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

_WORTH_IT = 1_500_000
"""Multiplications from which oneDNN's preparations pay."""


def _find_onednn() -> Any:
    """Return torch's operator, which has no public name; None where torch was built without it."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return None
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None)


_ONEDNN = _find_onednn()


class Linear(nn.Linear):
    """`torch.nn.Linear` with quicker products for batches in fp32 on a processor."""

    def forward(self, input: Tensor) -> Tensor:
        """Map `float32[batch, in_features]` to `float32[batch, out_features]`."""
        if not _is_quicker(input, self.weight):
            return functional.linear(input, self.weight, self.bias)
        if torch.is_grad_enabled():
            return _OneDNNLinear.apply(input, self.weight, self.bias)  # type: ignore[no-any-return,no-untyped-call]
        return matmul_transposed(input, self.weight, self.bias)


def matmul_transposed(rows: Tensor, columns: Tensor, bias: Tensor | None = None) -> Tensor:
    """Multiply `float32[n, k]` by the transpose of `float32[m, k]` with the quicker library, plus `float32[m]`."""
    if _is_quicker(rows, columns):
        return _ONEDNN(rows, columns, bias, "none", [], "")  # type: ignore[no-any-return]
    return functional.linear(rows, columns, bias)


def _is_quicker(rows: Tensor, columns: Tensor) -> bool:
    return (
        _ONEDNN is not None
        and not torch.compiler.is_compiling()
        and not torch.is_inference_mode_enabled()  # actions: the same without the trainer
        and rows.dim() == 2
        and rows.shape[0] * columns.numel() >= _WORTH_IT
        and rows.dtype is columns.dtype is torch.float32
        and rows.device.type == "cpu"
        and not torch.is_autocast_enabled("cpu")
    )


class _OneDNNLinear(torch.autograd.Function):
    """The operator has no derivative of its own."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(rows, weight)
        return matmul_transposed(rows, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        rows, weight = ctx.saved_tensors
        for_rows, for_weight, for_bias = ctx.needs_input_grad
        return (
            matmul_transposed(gradient, weight.t()) if for_rows else None,
            matmul_transposed(gradient.t(), rows.t()) if for_weight else None,
            gradient.sum(0) if for_bias else None,
        )
