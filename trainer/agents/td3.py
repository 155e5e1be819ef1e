"""TD3 after Fujimoto et al. 2018, Algorithm 1, with instrumentation; DDPG is a configuration of it.

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
from trainer.agents.networks import NATURE_LAYERS, SMALL_LAYERS, Actor, Architecture, Critic
from trainer.agents.rewards import RewardTransform
from trainer.config import TrainConfig
from trainer.observation import Observation, ObservationShape
from trainer.replay.buffer import Batch
from trainer.run.tags import MODULES

SATURATED = 0.99
"""An action entry counts as saturated when |tanh(z)| exceeds this."""

NETWORKS = ("actor", "critic", "actor_target", "critic_target")
"""Names of the networks, in an agent and in its saved state."""

Statistics = dict[str, float]
"""Tag to value, for one logged update."""


class TD3:
    """Networks, targets, optimisers and one update rule."""

    def __init__(self, config: TrainConfig, observation: ObservationShape, action_dim: int) -> None:
        self.config = config
        self.device = torch.device(config.device)
        architecture = Architecture(
            observation=observation,
            action_dim=action_dim,
            encoder_layers=NATURE_LAYERS if config.encoder == "nature" else SMALL_LAYERS,
            features_dim=config.features_dim,
            hidden_sizes=config.hidden_sizes,
            layer_norm=config.layer_norm,
            twin_critics=config.twin_critics,
            bf16=config.precision == "bf16",
        )
        self.actor = Actor(architecture).to(self.device)
        self.critic = Critic(architecture).to(self.device)
        self.actor_target = copy.deepcopy(self.actor).requires_grad_(False)
        self.critic_target = copy.deepcopy(self.critic).requires_grad_(False)
        self.rewards = RewardTransform(config)
        self.updates = 0
        """Critic updates done."""
        self.actor_updates = 0

        self._modules: dict[str, list[nn.Parameter]] = {
            "actor_cnn": _parameters(self.actor.cnn),
            "actor_mlp": _parameters(self.actor.mlp),
            "critic_cnn": _parameters(self.critic.cnn),
            "critic_mlp": _parameters(self.critic.heads),
        }
        self.actor_optimizer = self._adam("actor_cnn", "actor_mlp")
        self.critic_optimizer = self._adam(
            "critic_cnn", "critic_mlp", weight_decay=config.critic_weight_decay
        )
        self._online: list[Tensor] = [*self.actor.parameters(), *self.critic.parameters()]
        self._targets: list[Tensor] = [
            *self.actor_target.parameters(),
            *self.critic_target.parameters(),
        ]
        self._clipped = dict.fromkeys(MODULES, 0)
        self._clippable = dict.fromkeys(MODULES, 0)
        if config.compile:
            self._compile()

    def _compile(self) -> None:
        """Let torch compile what updates ask of the networks; an action is asked of the plain ones."""
        for name in NETWORKS:
            network: nn.Module = getattr(self, name)
            for method in ("encode", "preactivation", "values", "q1"):
                if hasattr(network, method):
                    setattr(network, method, torch.compile(getattr(network, method), dynamic=False))

    def _adam(self, *modules: str, weight_decay: float = 0.0) -> Adam:
        groups = [
            (self._modules[m], getattr(self.config, f"{m.removesuffix('_mlp')}_lr"))
            for m in modules
            if self._modules[m]
        ]
        return Adam(groups, weight_decay)

    @torch.inference_mode()
    def act(self, obs: Observation) -> Tensor:
        """Return the policy's actions without noise, `float32[batch, action_dim]` in [-1, 1]."""
        with torch.compiler.set_stance("force_eager") if self.config.compile else nullcontext():
            return self.actor(obs)  # type: ignore[no-any-return]

    def update(self, batch: Batch, log: bool = False) -> Statistics | None:
        """Do one critic update and, when it is due, one actor and target update.

        Args:
            batch: Transitions with untransformed rewards.
            log: Return statistics if this update also updates the actor.

        Returns:
            The `update` tags that an agent knows, or None.
        """
        config = self.config
        self.updates += 1
        reward = self.rewards(batch.reward)
        discount = config.gamma * (1.0 - batch.terminated)
        obs, next_obs = batch.obs.scaled(), batch.next_obs.scaled()

        with torch.no_grad():
            noise = torch.randn_like(batch.action) * config.target_policy_noise
            noise = noise.clamp(-config.target_noise_clip, config.target_noise_clip)
            next_action = (self.actor_target(next_obs) + noise).clamp(-1.0, 1.0)
            next_features = self.critic_target.encode(next_obs)
            next_q = _minimum(self.critic_target.values(next_features, next_action))
            # where, not a product: a terminated transition's successor is undefined and may be anything.
            target_q = reward + torch.where(batch.terminated.bool(), 0.0, discount * next_q)

        features = self.critic.encode(obs)
        q_values = self.critic.values(features, batch.action)
        critic_loss = torch.stack([functional.mse_loss(q, target_q) for q in q_values]).sum()
        self.critic_optimizer.zero_grad()
        critic_loss.backward()  # type: ignore[no-untyped-call]

        actor_due = (
            self.updates % config.policy_delay == 0 and self.updates > config.critic_warmup_updates
        )
        log = log and actor_due
        statistics: dict[str, Tensor | float] = {}
        critic_norms = self._clip("critic_cnn", "critic_mlp", measure=log)
        self.critic_optimizer.step()

        if actor_due:
            statistics = self._update_actor(obs, log)
        if self.updates % config.policy_delay == 0:
            self._update_targets()
        if not log:
            return None

        if self.critic.cnn is not None:
            statistics["features/critic_cnn_l2"] = self._feature_norm(features)
        with torch.no_grad():
            statistics |= critic_norms | {
                "train/critic_loss": critic_loss,
                "debug/done_ratio": batch.terminated.mean(),
                "debug/effective_discount": discount.mean(),
                **_spread("debug/target_q", target_q),
                **_spread("debug/reward", reward),
                **self._weights_and_rates(),
            }
            for number, q in enumerate(q_values, start=1):
                statistics[f"train/q{number}_value"] = q.mean()
                statistics[f"debug/td_error_q{number}"] = (q - target_q).abs().mean()
        return _to_floats(statistics)

    def _update_actor(self, obs: Observation, log: bool) -> dict[str, Tensor | float]:
        config = self.config
        actor_features = self.actor.encode(obs)
        z = self.actor.preactivation(actor_features)
        action = self.actor.squash(z)
        q_features = self._features_for_actor_loss(obs)
        q = self.critic.q1(q_features, action)
        loss = -q.mean()
        if config.normalize_actor_loss:
            loss = loss / q.detach().abs().mean().clamp_min(1e-6)
        if config.preact_penalty:
            loss = loss + config.preact_penalty * z.square().mean()

        self.actor_optimizer.zero_grad()
        # Only the actor's gradients: the critic's would be computed for nothing.
        loss.backward(inputs=[*self.actor.parameters()])  # type: ignore[no-untyped-call]
        statistics: dict[str, Tensor | float] = {}
        if log:
            if q_features.requires_grad:
                q_features = self._features_for_actor_loss(obs)  # with a graph that is still whole
            statistics = self._actor_statistics(loss, q, q_features, z, action)
            if self.actor.cnn is not None:
                statistics["features/actor_cnn_l2"] = self._feature_norm(actor_features)
        statistics |= self._clip("actor_cnn", "actor_mlp", measure=log)
        self.actor_optimizer.step()
        self.actor_updates += 1
        return statistics

    @torch.no_grad()
    def _features_for_actor_loss(self, obs: Observation) -> Tensor:
        """Encode with the critic's own encoder, detached: the actor must not move Q but through its action."""
        return self.critic.encode(obs)

    @torch.no_grad()
    def _update_targets(self) -> None:
        torch._foreach_lerp_(self._targets, self._online, self.config.tau)

    def _clip(self, *modules: str, measure: bool) -> dict[str, Tensor | float]:
        """Clip each module's gradient to its own limit; measured norms are those before clipping."""
        statistics: dict[str, Tensor | float] = {}
        for module in modules:
            parameters = self._modules[module]
            limit = getattr(self.config, f"{module}_max_grad_norm")
            if not parameters or not (measure or limit is not None):
                continue
            norm = nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
            if limit is not None:
                nn.utils.clip_grads_with_norm_(parameters, limit, norm)
                self._clippable[module] += 1
                self._clipped[module] += int(not bool(norm <= limit))
            if measure:
                share = self._clipped[module] / max(1, self._clippable[module])
                self._clipped[module] = self._clippable[module] = 0
                statistics[f"gradients/{module}_norm"] = norm
                statistics[f"gradients/{module}_clipped_share"] = share
        return statistics

    def _actor_statistics(
        self, loss: Tensor, q: Tensor, q_features: Tensor, z: Tensor, action: Tensor
    ) -> dict[str, Tensor | float]:
        statistics: dict[str, Tensor | float] = {}
        if self.actor.cnn is not None:
            held = self.critic.q1(q_features, action.detach())
            leaks = torch.autograd.grad(-held.mean(), self._modules["actor_cnn"], allow_unused=True)
            reached = [leak for leak in leaks if leak is not None]
            statistics["probe/actor_encoder_leak"] = (
                nn.utils.get_total_norm(reached) if reached else 0.0
            )
        with torch.no_grad():
            return statistics | {
                "train/actor_loss": loss,
                **_spread("debug/actor_q", q),
                "policy/tanh_saturation": (action.abs() > SATURATED).float().mean(),
                "policy/preact_abs": z.abs().mean(),
                "policy/action_abs": action.abs().mean(),
            }

    def _feature_norm(self, features: Tensor) -> Tensor:
        norms: Tensor = features.detach()[:, : self.config.features_dim].norm(dim=1)
        return norms.mean()

    def _weights_and_rates(self) -> dict[str, Tensor | float]:
        statistics: dict[str, Tensor | float] = {
            f"weights/{module}_l2": nn.utils.get_total_norm(parameters)
            for module, parameters in self._modules.items()
            if parameters
        }
        for name, optimizer in (("actor", self.actor_optimizer), ("critic", self.critic_optimizer)):
            rates = [float(group["lr"]) for group in optimizer.param_groups]
            statistics[f"agent/{name}_lr"] = rates[-1]
            if len(rates) == 2:
                statistics[f"agent/{name}_cnn_lr"] = rates[0]
        return statistics | {
            "agent/total_updates": float(self.updates),
            "agent/actor_updates": float(self.actor_updates),
            "agent/reward_scale": self.rewards.factor,
        }

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the next update depends on, as tensors and plain values."""
        return {
            "actor": self.actor.state_dict(),
            "critic": self.critic.state_dict(),
            "actor_target": self.actor_target.state_dict(),
            "critic_target": self.critic_target.state_dict(),
            "actor_optimizer": self.actor_optimizer.state_dict(),
            "critic_optimizer": self.critic_optimizer.state_dict(),
            "rewards": self.rewards.state_dict(),
            "updates": self.updates,
            "actor_updates": self.actor_updates,
            "clipped": dict(self._clipped),
            "clippable": dict(self._clippable),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from `state_dict` of an agent with the same configuration."""
        for name in NETWORKS:
            getattr(self, name).load_state_dict(state[name])
        self.actor_optimizer.load_state_dict(state["actor_optimizer"])
        self.critic_optimizer.load_state_dict(state["critic_optimizer"])
        self.rewards.load_state_dict(state["rewards"])
        self.updates, self.actor_updates = state["updates"], state["actor_updates"]
        self._clipped, self._clippable = dict(state["clipped"]), dict(state["clippable"])

    def begin_with(self, state: Mapping[str, Any], *, optimizers: bool) -> None:
        """Take over what another agent of the same architecture learned; counters begin at 0.

        Args:
            state: Its `state_dict`.
            optimizers: Take over their moments as well. Learning rates and weight decay stay our own.
        """
        for name in NETWORKS:
            getattr(self, name).load_state_dict(state[name])
        self.rewards.load_state_dict(state["rewards"])
        if optimizers:
            self.actor_optimizer.load_state_dict(state["actor_optimizer"])
            self.critic_optimizer.load_state_dict(state["critic_optimizer"])


def _parameters(module: nn.Module | None) -> list[nn.Parameter]:
    return [] if module is None else list(module.parameters())


def _minimum(values: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(values)).amin(dim=0)


def _spread(prefix: str, values: Tensor) -> dict[str, Tensor]:
    return {
        f"{prefix}_mean": values.mean(),
        f"{prefix}_std": values.std(correction=0),
        f"{prefix}_min": values.min(),
        f"{prefix}_max": values.max(),
    }


def _to_floats(statistics: Mapping[str, Tensor | float]) -> Statistics:
    """Move all values to the host at once."""
    tensors = {
        tag: value.detach() for tag, value in statistics.items() if isinstance(value, Tensor)
    }
    host = torch.stack([value.to(torch.float32) for value in tensors.values()]).tolist()
    return {
        **{tag: value for tag, value in statistics.items() if not isinstance(value, Tensor)},
        **dict(zip(tensors, host, strict=True)),
    }
