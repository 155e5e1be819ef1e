"""Whether networks can still learn: units that never answer, features that collapse into few directions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

DORMANT = 0.025
"""Share of its layer's mean activation up to which a unit counts as dormant (Sokar et al. 2023, section 3)."""


def hidden(network: nn.Module | None, inputs: Tensor | None) -> list[Tensor]:
    """Return the output of each ReLU, `float[rows, units, ...]`; `network` holds layers one after the other."""
    if network is None or inputs is None:
        return []
    found, values = [], inputs
    for layer in network.children():
        values = layer(values)
        if isinstance(layer, nn.ReLU):
            found.append(values)
    return found


def dormant_share(layers: Sequence[Tensor]) -> Tensor:
    """Return the share of dormant units, `float[]`.

    Args:
        layers: Output of each ReLU, `float[rows, units, ...]`; of a convolution each channel is a unit.
    """
    dormant = []
    for layer in layers:
        answer = layer.abs().transpose(0, 1).flatten(1).mean(dim=1)
        dormant.append(answer <= DORMANT * answer.mean())
    return torch.cat(dormant).float().mean()


def effective_rank(features: Tensor) -> float | None:
    """Return how many directions features fill: exp of the entropy of their singular values (Roy and Vetterli 2007).

    Args:
        features: `float[rows, units]`.

    Returns:
        From 1 to the smaller one of rows and units; None where features are all 0 or not finite.
    """
    size = features.abs().max()
    if not bool(torch.isfinite(size)) or not bool(size > 0):
        return None
    singular = torch.linalg.svdvals((features / size).double())
    share = singular / singular.sum()
    return float(torch.special.entr(share).sum().exp())
