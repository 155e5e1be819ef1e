"""Whether networks can still learn: dormant units, and directions that features fill.

The formulas are those of docs/run-directory.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gonogo.evidence.update.measures import Values

DORMANT = 0.025
"""Share of its layer's mean activation up to which a unit counts as dormant (Sokar et al. 2023, section 3)."""


def of_units(name: str, modules: Iterable[nn.Module | None], ask: Callable[[], Any]) -> Values:
    """Return the tags of one network; none where it has no ReLU.

    Args:
        name: `actor` or `critic`.
        modules: What holds its layers; they are found by the order in which they are called.
        ask: Lets the network answer to some rows.
    """
    hidden: list[Tensor] = []

    def keep(_: nn.Module, __: object, output: Tensor) -> None:
        hidden.append(output.detach())

    layers = {m: None for module in modules if module is not None for m in module.modules()}
    handles = [m.register_forward_hook(keep) for m in layers if isinstance(m, nn.ReLU)]
    try:
        ask()
    finally:
        for handle in handles:
            handle.remove()
    if not hidden:
        return {}
    values: Values = {f"units/{name}_dormant": _dormant_share(hidden)}
    rank = _effective_rank(hidden[-1].flatten(1))
    return values if rank is None else values | {f"features/{name}_rank": rank}


def _dormant_share(layers: Sequence[Tensor]) -> Tensor:
    """Return the share of units with hardly any output in `float[rows, units, ...]` each; a channel is a unit."""
    answers = [layer.abs().transpose(0, 1).flatten(1).mean(dim=1) for layer in layers]
    return torch.cat([answer <= DORMANT * answer.mean() for answer in answers]).float().mean()


def _effective_rank(features: Tensor) -> float | None:
    """Return exp of the entropy of the singular values of `float[rows, units]` (Roy and Vetterli 2007)."""
    size = features.abs().max()
    if not bool(torch.isfinite(size)) or not bool(size > 0):
        return None
    singular = torch.linalg.svdvals((features / size).double())
    share = singular / singular.sum()
    return float(torch.special.entr(share).sum().exp())
