"""The entropy term of SAC: its weight in actor loss and targets, and the log-probabilities that it is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

TINY = 1e-12


@dataclass(eq=False)
class Drawn:
    """Actions that a stochastic actor drew in an update."""

    log_prob: Tensor
    """What the update holds for their log-probability; `float[batch]` where it is right."""
    count: int = 0
    """How many were drawn; 0 where nothing is computed again."""
    preactivation: Tensor | None = None
    """Before the tanh, `float[batch, action_dim]`."""
    gradient: Tensor | None = None
    """Of the actor's loss at `log_prob`; None where the loss does not hold it."""

    @property
    def weight(self) -> Tensor | float:
        """Sum of the gradient: the temperature, where the loss is mean(temperature * log_prob - Q)."""
        return 0.0 if self.gradient is None else self.gradient.sum()

    @property
    def term(self) -> Tensor | float:
        """What the log-probabilities add to the actor's loss, which is linear in them."""
        if self.gradient is None:
            return 0.0
        return (self.log_prob.detach().flatten() * self.gradient.flatten()).sum()


def log_prob_error(
    drawn: Drawn, rows: int, obs: Any, log_prob: Callable[[Any, Tensor], Tensor]
) -> Tensor:
    """Return the largest difference of log-probabilities from those computed again, over their mean size.

    Args:
        drawn: Actions at the observations.
        rows: How many of the first ones are looked at.
        obs: Those rows.
        log_prob: Log-probability of outputs before the tanh at observations, `float[rows]`.
    """
    assert drawn.preactivation is not None
    again = log_prob(obs, drawn.preactivation[:rows])
    said = drawn.log_prob.detach().flatten()
    said = said[:rows] if len(said) == drawn.count else said.mean().expand_as(again)
    return (said - again).abs().max() / (again.abs().mean() + TINY)


def weight_in_targets(
    bootstrap: Tensor, next_q: Tensor, bonus: Tensor, discount: Tensor
) -> Tensor | None:
    """Return the slope of what the targets hold beside reward and next value over the entropy bonus: 1 in SAC.

    Args:
        bootstrap: TD target less reward, `float[rows]`.
        next_q: Smaller value of the next state, `float[rows]`.
        bonus: -|temperature| * log_prob of the next action, `float[rows]`.
        discount: 0 where terminated, `float[rows]`.

    Returns:
        None where no row has a bonus.
    """
    expected = discount * bonus
    size = expected @ expected
    if not bool(size > 0):
        return None
    return torch.dot(bootstrap - discount * next_q, expected) / size
