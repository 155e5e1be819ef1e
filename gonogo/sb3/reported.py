"""PPO, A2C and DQN: what Stable-Baselines3 says of an update itself, and the gradient before it is clipped."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from stable_baselines3 import A2C, DQN, PPO
from torch import Tensor

from gonogo.evidence.guard import Guard

REPORTED = (
    "train/approx_kl", "train/clip_fraction", "train/entropy_loss", "train/explained_variance", "train/loss",
    "train/policy_gradient_loss", "train/policy_loss", "train/std", "train/value_loss",
)  # fmt: skip
"""What its logger holds after a round of updates."""


def reports(model: object) -> bool:
    """Whether a model is one whose updates are looked at here."""
    return isinstance(model, (PPO, A2C, DQN))


class ReportedUpdates:
    """Reads the logger after each round of updates, and the gradient of the first update of a round."""

    has_encoder = None
    """Encoders are not told apart here."""
    looks = True
    """Each round ends in `after_updates`."""

    def __init__(
        self, model: Any, guard: Guard, write: Callable[[dict[str, float]], None], every: int
    ) -> None:
        """Take the model, who guards each hook, what to do with tags, and updates between two logs."""
        self._model, self._guard, self._write, self._every = model, guard, write, every
        self._due = self._round = 0
        self._before = self._updates
        self._norms: dict[int, Tensor] = {}
        self._handles: list[torch.utils.hooks.RemovableHandle] = []

    def before_updates(self) -> None:
        """Attach to the gradients when the round that follows is due."""
        self._before, self._norms = self._updates, {}
        if self._before + self._round < self._due:
            return
        network = getattr(self._model, "q_net", self._model.policy)
        for number, parameter in enumerate(network.parameters()):
            hook = self._guard.hook(self._gradient_of(number))
            self._handles.append(parameter.register_post_accumulate_grad_hook(hook))
        first = self._guard.hook(lambda *_: self.detach())
        self._handles.append(self._model.policy.optimizer.register_step_pre_hook(first))

    def after_updates(self) -> None:
        """Write what the round came to."""
        self.detach()
        model, norms = self._model, self._norms
        self._round, self._norms = self._updates - self._before, {}
        if not self._round or self._updates < self._due:
            return
        self._due = self._updates + self._every
        known = model.logger.name_to_value
        tags = {tag: float(known[tag]) for tag in REPORTED if tag in known}
        tags |= {
            "agent/total_updates": float(self._updates),
            "agent/actor_lr": float(model.policy.optimizer.param_groups[0]["lr"]),
        }
        if norms:
            tags["gradients/norm"] = float(torch.stack([*norms.values()]).norm())
        self._write(tags)

    def detach(self) -> None:
        """Take everything off the model."""
        handles, self._handles = self._handles, []
        for handle in handles:
            handle.remove()

    @property
    def _updates(self) -> int:
        """Optimiser steps done; PPO counts epochs."""
        model = self._model
        batches = 1
        if isinstance(model, PPO):
            batches = math.ceil(model.n_steps * model.n_envs / model.batch_size)
        return int(model._n_updates) * batches

    def _gradient_of(self, number: int) -> Callable[[Tensor], None]:
        def keep(parameter: Tensor) -> None:
            if parameter.grad is not None:
                self._norms[number] = parameter.grad.detach().norm()

        return keep
