"""TD3 after Fujimoto et al. 2018, Algorithm 1; DDPG is a configuration of it.

The actor's loss evaluates Q on the critic's own features. Feeding the critic's head with the actor's features, with
gradients on, lets the actor raise Q by inflating its features without changing a single action.
`probe/actor_encoder_leak` measures that path and is exactly 0 here.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer.agents.adam import Adam
from trainer.agents.evidence import Evidence
from trainer.agents.instruments import (
    ActorStep,
    CriticStep,
    Gradients,
    TD3Stats,
    encoder_leak,
)
from trainer.agents.networks import Actor, Architecture, Critic, compile_for_updates
from trainer.agents.parts import Part
from trainer.agents.rewards import RewardTransform
from trainer.config import TrainConfig
from trainer.observation import Observation, ObservationShape
from trainer.replay.buffer import Batch


class TD3:
    """Networks, targets, optimisers and one update rule."""

    def __init__(self, config: TrainConfig, observation: ObservationShape, action_dim: int) -> None:
        self.config = config
        self.device = torch.device(config.device)
        architecture = Architecture.of(config, observation, action_dim)
        self.actor = Actor(architecture).to(self.device)
        self.critic = Critic(architecture).to(self.device)
        self.actor_target = copy.deepcopy(self.actor).requires_grad_(False)
        self.critic_target = copy.deepcopy(self.critic).requires_grad_(False)
        self.rewards = RewardTransform(config)
        self.updates = 0
        """Critic updates done."""
        self.actor_updates = 0

        self.networks: dict[str, nn.Module] = {
            "actor": self.actor,
            "critic": self.critic,
            "actor_target": self.actor_target,
            "critic_target": self.critic_target,
        }
        """By their name in the saved state."""
        self.parts = {
            "actor_cnn": Part(self.actor.cnn, config.actor_cnn_lr, config.actor_cnn_max_grad_norm),
            "actor_mlp": Part(self.actor.mlp, config.actor_lr, config.actor_mlp_max_grad_norm),
            "critic_cnn": Part(
                self.critic.cnn, config.critic_cnn_lr, config.critic_cnn_max_grad_norm
            ),
            "critic_mlp": Part(
                self.critic.heads, config.critic_lr, config.critic_mlp_max_grad_norm
            ),
        }
        """By their name in tags."""
        self.actor_optimizer = self._adam("actor_cnn", "actor_mlp")
        self.critic_optimizer = self._adam(
            "critic_cnn", "critic_mlp", weight_decay=config.critic_weight_decay
        )
        self.online: list[Tensor] = [*self.actor.parameters(), *self.critic.parameters()]
        self.targets: list[Tensor] = [
            *self.actor_target.parameters(),
            *self.critic_target.parameters(),
        ]
        if config.compile:
            compile_for_updates(self.networks.values())

    def _adam(self, *names: str, weight_decay: float = 0.0) -> Adam:
        parts = [self.parts[name] for name in names if self.parts[name].parameters]
        return Adam([(part.parameters, part.lr) for part in parts], weight_decay)

    @torch.inference_mode()
    def act(self, obs: Observation) -> Tensor:
        """Return the policy's actions without noise, `float32[batch, action_dim]` in [-1, 1]."""
        with torch.compiler.set_stance("force_eager") if self.config.compile else nullcontext():
            return self.actor(obs)  # type: ignore[no-any-return]

    @torch.inference_mode()
    def value(self, obs: Observation) -> Tensor:
        """Return Q1 of the policy's actions without noise, `float32[batch]`."""
        with torch.compiler.set_stance("force_eager") if self.config.compile else nullcontext():
            return self.critic.q1(self.critic.encode(obs), self.actor(obs))

    def update(self, batch: Batch, *, log: bool = False) -> TD3Stats | None:
        """Do one critic update and, when it is due, one actor and target update.

        Args:
            batch: Transitions with untransformed rewards.
            log: Return statistics if this update also updates the actor.
        """
        config = self.config
        self.updates += 1
        delayed_update = self.updates % config.policy_delay == 0
        actor_due = delayed_update and self.updates > config.critic_warmup_updates
        log = log and actor_due
        witness = batch.witness if log else None
        evidence = None if witness is None else Evidence(self, batch, witness)
        reward = self.rewards(batch.reward)
        discount = config.gamma * (1.0 - batch.terminated)
        obs, next_obs = batch.obs.scaled(), batch.next_obs.scaled()

        with torch.no_grad():
            # Select the next action by the target policy and add clipped noise
            noise = torch.randn_like(batch.action) * config.target_policy_noise
            noise = noise.clamp(-config.target_noise_clip, config.target_noise_clip)
            next_action = (self.actor_target(next_obs) + noise).clamp(-1.0, 1.0)

            # Compute the target Q value
            next_features = self.critic_target.encode(next_obs)
            next_q = _minimum(self.critic_target.values(next_features, next_action))
            # where, not a product: a terminated transition's successor is undefined and may be anything.
            target_q = reward + torch.where(batch.terminated.bool(), 0.0, discount * next_q)

        # Get the current Q estimates
        features = self.critic.encode(obs)
        q_values = self.critic.values(features, batch.action)

        # Compute the critic loss
        critic_loss = torch.stack([functional.mse_loss(q, target_q) for q in q_values]).sum()
        if evidence is not None:
            evidence.of_critic_loss(
                reward=reward,
                next_action=next_action,
                target_q=target_q,
                q_values=q_values,
                loss=critic_loss,
            )

        # Optimize the critic
        self.critic_optimizer.zero_grad()
        critic_loss.backward()  # type: ignore[no-untyped-call]
        gradients = self._clip_gradients("critic_cnn", "critic_mlp", measure=log)
        self.critic_optimizer.step()

        # Delayed policy update
        actor_step = self._update_actor(obs, log, evidence) if actor_due else None
        if evidence is not None:
            evidence.of_steps()
        if delayed_update:
            self._update_targets()
        if evidence is not None:
            evidence.of_targets()

        if not log or actor_step is None:
            return None
        critic_step = CriticStep(
            critic_loss, q_values, target_q, reward, discount, batch.terminated, features, gradients
        )
        return TD3Stats.of(
            self, critic_step, actor_step, {} if evidence is None else evidence.values
        )

    def _update_actor(self, obs: Observation, log: bool, evidence: Evidence | None) -> ActorStep:
        config = self.config

        # Compute the actor loss
        features = self.actor.encode(obs)
        z = self.actor.preactivation(features)
        action = self.actor.squash(z)
        q_features = self.features_for_actor_loss(obs)
        q = self.critic.q1(q_features, action)
        loss = -q.mean()
        if config.normalize_actor_loss:
            loss = loss / q.detach().abs().mean().clamp_min(1e-6)
        if config.preact_penalty:
            loss = loss + config.preact_penalty * z.square().mean()

        # Optimize the actor
        self.actor_optimizer.zero_grad()
        if evidence is not None:
            z.retain_grad()
        # Only the actor's gradients: the critic's would be computed for nothing.
        loss.backward(inputs=[*self.actor.parameters()])  # type: ignore[no-untyped-call]
        if evidence is not None:
            evidence.of_actor_loss(z=z, gradient=z.grad, q=q)
        leak = encoder_leak(self, obs, q_features, action) if log else None
        gradients = self._clip_gradients("actor_cnn", "actor_mlp", measure=log)
        self.actor_optimizer.step()
        self.actor_updates += 1
        return ActorStep(loss, q, z, action, features, leak, gradients)

    def _clip_gradients(self, *names: str, measure: bool) -> Gradients:
        return {name: self.parts[name].clip_gradient(measure=measure) for name in names}

    @torch.no_grad()
    def features_for_actor_loss(self, obs: Observation) -> Tensor:
        """Encode with the critic's own encoder, detached: the actor may move Q only by its action."""
        return self.critic.encode(obs)

    @torch.no_grad()
    def _update_targets(self) -> None:
        """Move the target networks towards the online ones."""
        torch._foreach_lerp_(self.targets, self.online, self.config.tau)

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next update depends on, as tensors and plain values."""
        return {
            **{name: network.state_dict() for name, network in self.networks.items()},
            "actor_optimizer": self.actor_optimizer.state_dict(),
            "critic_optimizer": self.critic_optimizer.state_dict(),
            "rewards": self.rewards.state_dict(),
            "updates": self.updates,
            "actor_updates": self.actor_updates,
            "clipped": {name: part.clipped for name, part in self.parts.items()},
            "clippable": {name: part.clippable for name, part in self.parts.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state_dict` of an agent with the same configuration."""
        self.begin_with(state, optimizers=True)
        self.updates, self.actor_updates = state["updates"], state["actor_updates"]
        for name, part in self.parts.items():
            part.clipped, part.clippable = state["clipped"][name], state["clippable"][name]

    def begin_with(self, state: Mapping[str, Any], *, optimizers: bool) -> None:
        """Take over what another agent of the same architecture learned; counters start at 0.

        Args:
            state: Its `state_dict`.
            optimizers: Take over their moments too. Learning rates and weight decay stay our own.
        """
        for name, network in self.networks.items():
            network.load_state_dict(state[name])
        self.rewards.load_state_dict(state["rewards"])
        if optimizers:
            self.actor_optimizer.load_state_dict(state["actor_optimizer"])
            self.critic_optimizer.load_state_dict(state["critic_optimizer"])


def _minimum(values: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(values)).amin(dim=0)
