"""What a logged TD3 update measures; nothing here changes what is learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from trainer.agents.adam import Adam
from trainer.agents.networks import Actor, Critic
from trainer.agents.parts import GradientStats, Part
from trainer.agents.rewards import RewardTransform
from trainer.config import TrainConfig
from trainer.observation import Observation

SATURATED = 0.99
"""An action entry counts as saturated when |tanh(z)| exceeds this."""

Gradients = Mapping[str, GradientStats | None]
"""By the name of the part; None where the network has no such part."""
Values = dict[str, Tensor | float]
"""By tag."""


class Measured(Protocol):
    """What the instruments look at of an agent."""

    config: TrainConfig
    actor: Actor
    critic: Critic
    actor_target: Actor
    critic_target: Critic
    actor_optimizer: Adam
    critic_optimizer: Adam
    parts: dict[str, Part]
    rewards: RewardTransform
    updates: int
    actor_updates: int

    def features_for_actor_loss(self, obs: Observation) -> Tensor:
        """Return what the actor's loss feeds to the critic's head."""
        ...


@dataclass(frozen=True)
class CriticStep:
    """One critic update."""

    loss: Tensor
    q_values: tuple[Tensor, ...]
    """Q of the replayed actions, `float32[batch]` of each critic."""
    target_q: Tensor
    """`float32[batch]`."""
    reward: Tensor
    """As the critic sees it, `float32[batch]`."""
    discount: Tensor
    """gamma * (1 - terminated), `float32[batch]`."""
    terminated: Tensor
    features: Tensor
    """The encoder's output, joined with the vector, `float32[batch, inputs]`."""
    gradients: Gradients


@dataclass(frozen=True)
class ActorStep:
    """One actor update."""

    loss: Tensor
    q: Tensor
    """Q1 of the actor's own actions, `float32[batch]`."""
    z: Tensor
    """Before the tanh, `float32[batch, action_dim]`."""
    action: Tensor
    features: Tensor
    """The encoder's output, joined with the vector, `float32[batch, inputs]`."""
    leak: Tensor | float | None
    """See `encoder_leak`; None without an encoder or if it was not measured."""
    gradients: Gradients


@dataclass(frozen=True, kw_only=True)
class TD3Stats:
    """Everything that one logged update measured, one group of numbers for each group of tags."""

    losses: Values
    values: Values
    policy: Values
    features: Values
    gradients: Values
    weights: Values
    agent: Values
    evidence: Values
    """Empty where none was asked for."""

    @classmethod
    @torch.no_grad()
    def of(
        cls, agent: Measured, critic: CriticStep, actor: ActorStep, evidence: Values
    ) -> TD3Stats:
        """Measure an update that has just been done."""
        return cls(
            losses={"train/critic_loss": critic.loss, "train/actor_loss": actor.loss},
            values=_values(critic, actor),
            policy={
                "policy/tanh_saturation": (actor.action.abs() > SATURATED).float().mean(),
                "policy/preact_abs": actor.z.abs().mean(),
                "policy/action_abs": actor.action.abs().mean(),
            },
            features=_features(agent, critic, actor),
            gradients=_gradients({**critic.gradients, **actor.gradients}),
            weights={
                f"weights/{name}_l2": nn.utils.get_total_norm(part.parameters)
                for name, part in agent.parts.items()
                if part.parameters
            },
            agent={
                "agent/batch_size": float(critic.q_values[0].numel()),
                **_counters_and_rates(agent),
            },
            evidence=evidence,
        )

    def tags(self) -> dict[str, float]:
        """Return the value of each tag; all tensors are moved to the host at once."""
        every = {
            **self.losses,
            **self.values,
            **self.policy,
            **self.features,
            **self.gradients,
            **self.weights,
            **self.agent,
            **self.evidence,
        }
        tensors = {tag: v.detach() for tag, v in every.items() if isinstance(v, Tensor)}
        host = torch.stack([value.to(torch.float32) for value in tensors.values()]).tolist()
        plain = {tag: v for tag, v in every.items() if not isinstance(v, Tensor)}
        return {**plain, **dict(zip(tensors, host, strict=True))}


def encoder_leak(
    agent: Measured, obs: Observation, q_features: Tensor, action: Tensor
) -> Tensor | float | None:
    """Return the norm of the gradient of -Q1 at the actor's encoder with the action held fixed.

    It is exactly 0 when the actor can raise Q only through its action. None without an encoder.

    Args:
        agent: Its actor's gradients are left alone.
        obs: The batch.
        q_features: What the actor's loss fed to the critic's head.
        action: The actor's actions.
    """
    if agent.actor.cnn is None:
        return None
    if q_features.requires_grad:
        # Going backward has freed the graph that led here.
        q_features = agent.features_for_actor_loss(obs)
    held = agent.critic.q1(q_features, action.detach())
    leaks = torch.autograd.grad(
        -held.mean(), agent.parts["actor_cnn"].parameters, allow_unused=True
    )
    reached = [leak for leak in leaks if leak is not None]
    return nn.utils.get_total_norm(reached) if reached else 0.0


def _values(critic: CriticStep, actor: ActorStep) -> Values:
    values: Values = {
        "debug/done_ratio": critic.terminated.mean(),
        "debug/effective_discount": critic.discount.mean(),
        **_spread("debug/target_q", critic.target_q),
        **_spread("debug/reward", critic.reward),
        **_spread("debug/actor_q", actor.q),
    }
    for number, q in enumerate(critic.q_values, start=1):
        values[f"train/q{number}_value"] = q.mean()
        values[f"debug/td_error_q{number}"] = (q - critic.target_q).abs().mean()
    return values


def _features(agent: Measured, critic: CriticStep, actor: ActorStep) -> Values:
    if actor.leak is None:
        return {}
    width = agent.config.features_dim
    return {
        "features/critic_cnn_l2": critic.features[:, :width].norm(dim=1).mean(),
        "features/actor_cnn_l2": actor.features[:, :width].norm(dim=1).mean(),
        "probe/actor_encoder_leak": actor.leak,
    }


def _gradients(gradients: Gradients) -> Values:
    values: Values = {}
    for name, gradient in gradients.items():
        if gradient is not None:
            values[f"gradients/{name}_norm"] = gradient.norm
            values[f"gradients/{name}_clipped_share"] = gradient.clipped_share
    return values


def _counters_and_rates(agent: Measured) -> Values:
    values: Values = {
        "agent/total_updates": float(agent.updates),
        "agent/actor_updates": float(agent.actor_updates),
        "agent/reward_scale": agent.rewards.factor,
    }
    for name, optimizer in (("actor", agent.actor_optimizer), ("critic", agent.critic_optimizer)):
        rates = [float(group["lr"]) for group in optimizer.param_groups]
        values[f"agent/{name}_lr"] = rates[-1]
        if len(rates) == 2:
            values[f"agent/{name}_cnn_lr"] = rates[0]
    return values


def _spread(prefix: str, values: Tensor) -> dict[str, Tensor]:
    return {
        f"{prefix}_mean": values.mean(),
        f"{prefix}_std": values.std(correction=0),
        f"{prefix}_min": values.min(),
        f"{prefix}_max": values.max(),
    }
