"""Adam in one fused kernel per group of parameters (Kingma and Ba 2015).

`torch.optim.Adam` calls the same kernel, but brings torch's compiler with it: importing that takes as long as
importing torch. The saved state has that class's layout.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

BETAS = (0.9, 0.999)
EPSILON = 1.0e-8


class Adam:
    """Steps groups of parameters, each with a learning rate of its own."""

    def __init__(
        self, groups: Iterable[tuple[Sequence[nn.Parameter], float]], weight_decay: float = 0.0
    ) -> None:
        """Take parameters and learning rates.

        Args:
            groups: Parameters and their learning rate.
            weight_decay: L2 coefficient, added to the gradient.
        """
        self.param_groups: list[dict[str, Any]] = [
            {
                "params": list(parameters),
                "lr": rate,
                "betas": BETAS,
                "eps": EPSILON,
                "weight_decay": weight_decay,
            }
            for parameters, rate in groups
        ]
        """As in torch: change `lr` here."""
        self._parameters: list[nn.Parameter] = [
            parameter for group in self.param_groups for parameter in group["params"]
        ]
        self._moments: dict[nn.Parameter, dict[str, Tensor]] = {}

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self._parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Change every parameter that has a gradient."""
        for group in self.param_groups:
            changed = [p for p in group["params"] if p.grad is not None]
            moments = [self._moments.get(p) or self._begin(p) for p in changed]
            adam(
                changed,
                [p.grad for p in changed],
                [m["exp_avg"] for m in moments],
                [m["exp_avg_sq"] for m in moments],
                [],
                [m["step"] for m in moments],
                fused=True,
                amsgrad=False,
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                lr=group["lr"],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                maximize=False,
            )

    def _begin(self, parameter: nn.Parameter) -> dict[str, Tensor]:
        """Begin with moments of zero, laid out in memory as the parameter is: the kernel goes by that."""
        self._moments[parameter] = {
            "step": torch.zeros((), dtype=torch.float32, device=parameter.device),
            "exp_avg": torch.zeros_like(parameter),
            "exp_avg_sq": torch.zeros_like(parameter),
        }
        return self._moments[parameter]

    def state_dict(self) -> dict[str, Any]:
        """Return moments and settings; parameters are numbered in the order in which they were given."""
        number = {parameter: i for i, parameter in enumerate(self._parameters)}
        return {
            "state": {number[p]: dict(moments) for p, moments in self._moments.items()},
            "param_groups": [
                group | {"params": [number[p] for p in group["params"]]}
                for group in self.param_groups
            ],
        }

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the moments; learning rates and weight decay stay our own."""
        self._moments.clear()
        for number, moments in state["state"].items():
            own = self._begin(self._parameters[number])
            for name, values in own.items():
                values.copy_(moments[name])
