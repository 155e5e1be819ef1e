"""What is looked at of TD3, DDPG and SAC: which updates, and which networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3 import SAC, TD3
from torch import Tensor, nn

from gonogo.evidence.again import Again, View, next_again
from gonogo.evidence.entropy import Drawn
from gonogo.evidence.guard import Guard
from gonogo.evidence.measures import Batch
from gonogo.evidence.parts import Networks
from gonogo.evidence.recorder import Recorder
from gonogo.evidence.replaced import Replaced
from gonogo.sb3.configuration import exploration_noise
from gonogo.sb3.evaluation import reward_factor
from gonogo.sb3.ledger import Ledger, can_witness


def is_watched(model: object) -> bool:
    """Whether a model is one whose losses are known: TD3, with DDPG, or SAC."""
    return isinstance(model, (TD3, SAC))


class OffPolicyUpdates:
    """Looks at every so many updates of a model; between rollouts only, so that nothing is attached otherwise."""

    def __init__(
        self,
        model: Any,
        guard: Guard,
        write: Callable[[dict[str, float]], None],
        every: int,
    ) -> None:
        """Take the model, who guards each hook, what to do with an update's tags, and updates between two logs."""
        self._model, self._guard, self._write, self._every = model, guard, write, every
        self._stochastic = hasattr(model.actor, "action_log_prob")
        self._recorder = Recorder(_networks(model, stochastic=self._stochastic), guard, self._done)
        self._delay = int(getattr(model, "policy_delay", 1))
        self._update = int(model._n_updates)
        """Number of the update that is made."""
        self._due = 0
        """Number of the next update to be looked at."""
        self._replaced: list[Replaced] = []
        self._view = _view(model, stochastic=self._stochastic)
        self._again_due = 0
        """Number of updates after which one is computed again."""
        self._ledger: Ledger | None = None
        if self._view is not None and can_witness(model):
            self._ledger = Ledger(model, self._view.kind)
        self._witnessed: dict[str, float] = {}
        self._places: Any = None

    @property
    def has_encoder(self) -> bool:
        """Whether the actor has an encoder with weights of its own."""
        return self._recorder.has_encoder

    def step(self, seen: dict[str, Any]) -> None:
        """Take down a step of the environment; `seen` are the local variables of the rollout."""
        if self._ledger is not None:
            self._ledger.record(self._model, seen)

    def before_updates(self) -> None:
        """Attach what is needed when one of the updates that follow is due."""
        model = self._model
        self._update = int(model._n_updates)
        if model.num_timesteps <= model.learning_starts:
            return
        next_due = -(-max(self._update + 1, self._due) // self._delay) * self._delay
        # A negative number stands for as many updates as steps of the rollout, which are not known here.
        if 0 <= model.gradient_steps < next_due - self._update:
            return
        self._replaced.append(Replaced(model.replay_buffer, "sample", self._guarded(self._sampled)))
        if self._ledger is not None:
            look = self._guarded(self._drawn)
            self._replaced.append(Replaced(model.replay_buffer, "_get_samples", look))
        if self._stochastic:
            look = self._guarded(self._acted)
            self._replaced.append(Replaced(model.actor, "action_log_prob", look))

    def after_updates(self) -> None:
        """Take everything off again; an update whose actor was not trained ends here."""
        self.detach()
        self._recorder.finish()

    def detach(self) -> None:
        """Take everything off the model, whatever happened."""
        replaced, self._replaced = self._replaced, []
        for each in replaced:
            each.remove()
        if self._guard.error is not None:
            self._recorder.cancel()

    def _guarded(self, work: Callable[..., None]) -> Callable[..., None]:
        return self._guard.hook(work)

    def _drawn(self, _: Any, places: Any, *__: Any, **___: Any) -> None:
        self._places = places

    def _sampled(self, batch: Any, *_: Any, **__: Any) -> None:
        self._recorder.finish()
        self._update += 1
        if self._update < self._due or self._update % self._delay:
            return
        discounts = getattr(batch, "discounts", None)
        gamma = self._model.gamma if discounts is None else discounts
        seen = Batch(
            reward=batch.rewards,
            terminated=batch.dones,
            gamma=gamma,
            obs=batch.observations,
            action=batch.actions,
            next_obs=batch.next_observations,
        )
        again = None
        if self._view is not None and self._update >= self._again_due:
            again = Again(self._view, seen, self._recorder.parts, self._recorder.networks)
            self._again_due = next_again(self._update)
            if self._ledger is not None and self._places is not None:
                self._witnessed = self._ledger.tags(self._places, batch)
        self._places = None
        self._recorder.begin(seen, again)

    def _acted(self, result: tuple[Tensor, Tensor], *_: Any, **__: Any) -> None:
        """Keep the actions that a stochastic actor draws for its loss, which carry a gradient, and for the targets."""
        seen, (action, log_prob) = self._recorder.seen, result
        if seen is None:
            return
        model = self._model
        before_tanh = getattr(model.actor.action_dist, "gaussian_actions", None)
        drawn = Drawn(action=action, log_prob=log_prob, preactivation=before_tanh)
        if not action.requires_grad:
            seen.next_drawn = drawn
        elif seen.drawn is None:
            seen.drawn, seen.action, seen.preactivation = drawn, action, before_tanh
            learned = getattr(model, "log_ent_coef", None)
            seen.temperature = model.ent_coef_tensor if learned is None else learned.detach().exp()
            if log_prob.requires_grad:
                log_prob.register_hook(self._guarded(lambda g: setattr(drawn, "gradient", g)))  # type: ignore[no-untyped-call]

    def _done(self, tags: dict[str, float]) -> None:
        model = self._model
        self._due = self._update + self._every
        buffer = model.replay_buffer
        noise = exploration_noise(model)
        tags |= {
            "agent/total_updates": float(self._update),
            "agent/actor_updates": float(self._update // self._delay),
            "agent/buffer_size": float(buffer.size() * buffer.n_envs),
            "agent/actor_lr": _rate(model.actor.optimizer),
            "agent/critic_lr": _rate(model.critic.optimizer),
            "agent/reward_scale": reward_factor(model.get_vec_normalize_env()),
        }
        if noise is not None:
            tags["agent/exploration_noise"] = noise
        tags |= self._witnessed
        self._witnessed = {}
        self._write(tags)


def _networks(model: Any, *, stochastic: bool) -> Networks:
    actor, critic = model.actor, model.critic
    of_actor, of_critic = _encoder(actor), _encoder(critic)
    return Networks(
        actor=actor,
        critics=list(critic.q_networks),
        critic_parameters=list(critic.parameters()),
        actor_optimizer=actor.optimizer,
        critic_optimizer=critic.optimizer,
        actor_encoder=of_actor,
        critic_encoder=None if of_critic is of_actor else of_critic,
        target_critic=model.critic_target,
        squash=None if stochastic else actor.mu[-1],
        critic_loss_weight=0.5 if stochastic else 1.0,
    )


def _view(model: Any, *, stochastic: bool) -> View | None:
    """Return how the networks are asked again; None where that would change them or is not known."""
    changing = (nn.modules.batchnorm._BatchNorm, nn.modules.dropout._DropoutNd)
    if any(isinstance(module, changing) for module in model.policy.modules()):
        return None
    if not isinstance(model.observation_space, spaces.Box):
        return None
    actor, critic, target = model.actor, model.critic, model.critic_target
    pairs = {"critic": (list(critic.parameters()), list(target.parameters()))}
    outputs = target_act = None
    if not stochastic and isinstance(actor.mu[-1], nn.Tanh):
        pairs["actor"] = (list(actor.parameters()), list(model.actor_target.parameters()))
        outputs, target_act = _outputs(actor), _actions(model.actor_target)
    if getattr(model, "target_update_interval", 1) != 1:
        pairs = {}  # Not every update that is looked at is followed by one of the targets.
    rates = {"actor": actor.optimizer, "critic": critic.optimizer}
    return View(
        values=_values(critic),
        target_values=_values(target),
        pairs=pairs,
        rate=lambda part: _rate(rates[part.partition("_")[0]]),
        kind="camera" if _encoder(actor) is not None else "vector",
        outputs=outputs,
        target_act=target_act,
        log_prob=_log_prob(actor) if stochastic and not actor.use_sde else None,
    )


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


def _rate(optimizer: torch.optim.Optimizer) -> float:
    return float(optimizer.param_groups[0]["lr"])
