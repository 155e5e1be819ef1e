"""A linear layer whose updates multiply with oneDNN, in both directions, where that is quicker on a processor.

torch gives fp32 matrix products to MKL, which does not use the widest registers of every vendor's processors. oneDNN,
which torch's convolutions use, does, and is about twice as quick there; on others it is a third slower. The results
differ by rounding, so a run stays with the library that it began with.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

Library = Literal["onednn", "torch"]

_WORTH_IT = 1_500_000
"""Multiplications from which oneDNN's preparations pay."""


def _find_onednn() -> Any:
    """Return torch's operator, which has no public name; None where torch was built without it."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return None
    return getattr(torch.ops.mkldnn, "_linear_pointwise", None)


_ONEDNN = _find_onednn()
_library: Library = "onednn"


def multiply_with(library: Library) -> None:
    """Let this library do the large products of this process; torch does all where oneDNN is not to be had."""
    global _library
    _library = library


def quicker_library(rounds: int = 7) -> Library:
    """Time the products of a layer, forward and backward, with each library: some ten milliseconds in all."""
    if _ONEDNN is None:
        return "torch"
    rows, weight, gradient = torch.randn(3, 256, 256, generator=torch.Generator()).unbind()

    def took(product: Callable[..., Tensor]) -> float:
        began = time.thread_time()
        for a, b in ((rows, weight), (gradient, weight.t()), (gradient.t(), rows.t())):
            product(a, b)
        return time.thread_time() - began

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.no_grad():
        pairs = [(took(_onednn), took(functional.linear)) for _ in range(rounds + 1)][1:]
    torch.set_num_threads(threads)
    onednn, own = map(min, zip(*pairs, strict=True))
    return "onednn" if onednn < own else "torch"


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
    """Multiply `float32[n, k]` by the transpose of `float32[m, k]`, plus `float32[m]`."""
    if _is_quicker(rows, columns):
        return _onednn(rows, columns, bias)
    return functional.linear(rows, columns, bias)


def _onednn(rows: Tensor, columns: Tensor, bias: Tensor | None = None) -> Tensor:
    return _ONEDNN(rows, columns, bias, "none", [], "")  # type: ignore[no-any-return]


def _is_quicker(rows: Tensor, columns: Tensor) -> bool:
    return (
        _ONEDNN is not None
        and _library == "onednn"
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
