"""The networks of TD3, DDPG and SAC as the evidence knows them, and how they are asked again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from stable_baselines3.common.policies import ContinuousCritic
from stable_baselines3.sac.policies import Actor as StochasticActor
from stable_baselines3.td3.policies import Actor
from torch import Tensor, nn

from gonogo.evidence.update.again import View
from gonogo.evidence.update.parts import Networks
from gonogo.sb3.observations import is_known, others


def networks(model: Any, *, stochastic: bool) -> Networks:
    """Return what is watched of a model."""
    actor, critic = model.actor, model.critic
    of_actor, of_critic = _encoder(actor), _encoder(critic)
    return Networks(
        actor=actor,
        critics=list(getattr(critic, "q_networks", ())) or [critic],
        critic_parameters=list(critic.parameters()),
        actor_optimizer=actor.optimizer,
        critic_optimizer=critic.optimizer,
        actor_encoder=of_actor,
        critic_encoder=None if of_critic is of_actor else of_critic,
        target_critic=model.critic_target,
        squash=None if stochastic else _squash(actor),
        critic_loss_weight=0.5 if stochastic else 1.0,
    )


def view(model: Any, *, stochastic: bool) -> View | None:
    """Return how the networks are asked again; None where that would change them or is not known."""
    actor, critic, target = model.actor, model.critic, model.critic_target
    as_ever = type(critic).forward is ContinuousCritic.forward and (
        type(actor).forward in (Actor.forward, StochasticActor.forward)
    )
    changing = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)
    changes = any(isinstance(module, changing) for module in model.policy.modules())
    if changes or not as_ever or not is_known(model.observation_space):
        return None
    pairs = {"critic": (list(critic.parameters()), list(target.parameters()))}
    outputs = target_act = None
    if not stochastic and isinstance(_squash(actor), nn.Tanh):
        outputs, target_act = _outputs(actor), _actions(model.actor_target)
        if model.actor_target is not actor:
            pairs["actor"] = (list(actor.parameters()), list(model.actor_target.parameters()))
    if getattr(model, "target_update_interval", 1) != 1:
        pairs = {}  # Not every update that is looked at is followed by one of the targets.
    rates = {"actor": actor.optimizer, "critic": critic.optimizer}
    return View(
        values=_values(critic),
        target_values=_values(target),
        pairs=pairs,
        rate=lambda part: rate(rates[part.partition("_")[0]]),
        others=others(model.observation_space),
        outputs=outputs,
        target_act=target_act,
        log_prob=_log_prob(actor) if stochastic and not actor.use_sde else None,
    )


def _squash(actor: Any) -> nn.Module | None:
    """Return what turns the outputs of a deterministic actor into actions; None where that is none of its layers."""
    layers = getattr(actor, "mu", None)
    return layers[-1] if isinstance(layers, nn.Sequential) and len(layers) else None


def _values(critic: Any) -> Callable[[Any, Tensor], Tensor]:
    def values(obs: Any, action: Tensor) -> Tensor:
        inputs = torch.cat([critic.extract_features(obs, critic.features_extractor), action], dim=1)
        return torch.stack([layers(inputs).flatten() for layers in critic.q_networks])

    return values


def _outputs(actor: Any) -> Callable[[Any], Tensor]:
    def outputs(obs: Any) -> Tensor:
        z: Tensor = actor.mu[:-1](actor.extract_features(obs, actor.features_extractor))
        return z

    return outputs


def _actions(actor: Any) -> Callable[[Any], Tensor]:
    outputs = _outputs(actor)
    return lambda obs: torch.tanh(outputs(obs))


def _log_prob(actor: Any) -> Callable[[Any, Tensor], Tensor]:
    def log_prob(obs: Any, z: Tensor) -> Tensor:
        mean, log_std, _ = actor.get_action_dist_params(obs)
        normal = torch.distributions.Normal(mean, log_std.exp())
        squashing = torch.log(1.0 - torch.tanh(z).square() + actor.action_dist.epsilon)
        density: Tensor = normal.log_prob(z)  # type: ignore[no-untyped-call]
        found: Tensor = (density - squashing).sum(dim=1)
        return found

    return log_prob


def _encoder(network: Any) -> nn.Module | None:
    encoder: nn.Module = network.features_extractor
    return encoder if any(True for _ in encoder.parameters()) else None


def rate(optimizer: torch.optim.Optimizer) -> float:
    """Return the learning rate that an optimiser steps with."""
    return float(optimizer.param_groups[0]["lr"])
