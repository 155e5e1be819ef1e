"""Actor and critic as the tags name them: encoders, and the rest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

ACTOR, CRITIC = "actor", "critic"


@dataclass(frozen=True, eq=False, kw_only=True)
class Networks:
    """What is watched of an agent with an actor and Q critics."""

    actor: nn.Module
    critics: Sequence[nn.Module]
    """Modules whose output is a Q value, `float[batch, 1]` or `float[batch]`: whole critics or their last layers."""
    actor_optimizer: torch.optim.Optimizer
    critic_optimizer: torch.optim.Optimizer
    actor_encoder: nn.Module | None = None
    """Turns observations into features before the actor's MLP; None where there is none of its own."""
    critic_encoder: nn.Module | None = None
    critic_parameters: Sequence[Tensor] = ()
    """All of the critic; empty: those of the modules in `critics`."""
    target_critic: nn.Module | None = None
    """Called with next observations and next actions to make the TD target; None where it is not one module."""
    squash: nn.Module | None = None
    """The module that applies the tanh to the actor's output; None where none does."""
    action_low: float | Tensor = -1.0
    """Smallest action as the networks see it."""
    action_high: float | Tensor = 1.0
    critic_loss_weight: float | None = 1.0
    """Factor of each critic's mean squared error in the critic's loss: 1 in TD3, one half in Stable-Baselines3's SAC.
    None: what two critics that learn one target show."""

    def parts(self) -> dict[str, list[Tensor]]:
        """Return the trained parameters by the part's name in tags; parts without one are left out.

        An encoder that both share is the critic's alone, unless the actor's optimiser steps it too.
        """
        steps = {id(p) for g in self.actor_optimizer.param_groups for p in g["params"]}
        of_actor, of_critic = (
            [] if encoder is None else [*encoder.parameters()]
            for encoder in (self.actor_encoder, self.critic_encoder)
        )
        encoders = [[p for p in of_actor if id(p) in steps], of_critic]
        in_encoders = {id(p) for p in (*of_actor, *of_critic)}
        actor = [p for p in self.actor.parameters() if id(p) not in in_encoders]
        every = self.critic_parameters or [
            p for critic in self.critics for p in critic.parameters()
        ]
        critic = [p for p in every if id(p) not in in_encoders]
        found = {
            "actor_cnn": _trained(encoders[0]),
            "actor_mlp": _trained(actor),
            "critic_cnn": _trained(encoders[1]),
            "critic_mlp": _trained(critic),
        }
        return {name: parameters for name, parameters in found.items() if parameters}

    def own_weights(self) -> tuple[list[Tensor], list[Tensor]]:
        """Return the trained parameters of actor and critics that the other does not have as well, without encoders."""
        modules = [[*self.actor.parameters()], [p for c in self.critics for p in c.parameters()]]
        encoders = [e for e in (self.actor_encoder, self.critic_encoder) if e is not None]
        shared = {id(p) for e in encoders for p in e.parameters()}
        shared |= {id(p) for p in modules[0]} & {id(p) for p in modules[1]}
        actor, critic = (_trained(p for p in found if id(p) not in shared) for found in modules)
        return actor, critic


def last_tanh(module: nn.Module) -> nn.Module | None:
    """Return the last tanh that a network holds as a module; None when it holds none."""
    found = [m for m in module.modules() if isinstance(m, nn.Tanh)]
    return found[-1] if found else None


def _trained(parameters: Iterable[Tensor]) -> list[Tensor]:
    unique = {id(p): p for p in parameters if p.requires_grad}
    return [*unique.values()]
