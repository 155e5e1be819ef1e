"""What the training loop asks of an algorithm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from trainer.agents.rewards import RewardTransform
from trainer.observation import Observation
from trainer.replay.buffer import Batch


class UpdateStats(Protocol):
    """What was measured in one update."""

    def tags(self) -> dict[str, float]:
        """Return the value of each TensorBoard tag (`trainer.run.tags`)."""
        ...


class Agent(Protocol):
    """A policy, what it learns with, and one update rule.

    It is built from `(TrainConfig, ObservationShape, action_dim)`.
    """

    device: torch.device
    """Where networks and batches live."""
    rewards: RewardTransform
    """Rewards as the critic sees them; the loop shows it every new reward."""
    updates: int
    """Critic updates done."""

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        """Networks by name: what a warm start takes over, found in `state_dict` under that name."""
        ...

    def act(self, obs: Observation) -> Tensor:
        """Return the policy's actions without noise, `float32[batch, action_dim]` in [-1, 1]."""
        ...

    def update(self, batch: Batch, *, log: bool = False) -> UpdateStats | None:
        """Learn from one batch with untransformed rewards; add 1 to `updates`.

        Returns:
            Statistics, if `log` is set and this update has all of them. If it has not, the loop
            asks again in the next update.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next update depends on, as tensors and plain values."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state_dict` of an agent with the same configuration."""
        ...

    def begin_with(self, state: Mapping[str, Any], *, optimizers: bool) -> None:
        """Take over what another agent of the same architecture learned; counters start at 0.

        Args:
            state: Its `state_dict`.
            optimizers: Take over their moments too. Learning rates and weight decay stay our own.
        """
        ...


@runtime_checkable
class Valued(Protocol):
    """An agent with a critic, which evaluations ask what it expects."""

    def value(self, obs: Observation) -> Tensor:
        """Return what the critic says of the policy's actions without noise, `float32[batch]`."""
        ...
