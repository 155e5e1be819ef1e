"""Which updates of TD3, DDPG and SAC are looked at, and what is taken down beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from stable_baselines3 import SAC, TD3
from torch import Tensor

from gonogo.evidence.guard import Guard
from gonogo.evidence.replaced import Replaced
from gonogo.evidence.update.again import Again, next_again
from gonogo.evidence.update.entropy import Drawn
from gonogo.evidence.update.measures import Batch
from gonogo.evidence.update.recorder import Recorder
from gonogo.sb3.acting import Acting
from gonogo.sb3.configuration import exploration_noise
from gonogo.sb3.evaluation import reward_factor
from gonogo.sb3.ledger import Ledger, can_witness
from gonogo.sb3.networks import networks, rate, view


def is_watched(model: object) -> bool:
    """Whether a model is one whose losses are known: TD3, with DDPG, or SAC."""
    return isinstance(model, (TD3, SAC))


class OffPolicyUpdates:
    """Looks at every so many updates of a model, and at how it acts; hooks are attached for those updates only."""

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
        self._recorder = Recorder(networks(model, stochastic=self._stochastic), guard, self._done)
        self._delay = int(getattr(model, "policy_delay", 1))
        self._update = int(model._n_updates)
        """Number of the update that is made."""
        self._due = 0
        """Number of the next update to be looked at."""
        self._replaced: list[Replaced] = []
        self._view = view(model, stochastic=self._stochastic)
        self._again_due = 0
        """Number of updates after which one is computed again and its batch held against the ledger."""
        self._ledger = Ledger(model) if can_witness(model) else None
        self._witnessed: dict[str, float] = {}
        self._places: Any = None
        self.looks = False
        """Whether one of the updates that are made may be looked at."""
        self._acting = None if self._stochastic else Acting(model, guard)

    @property
    def has_encoder(self) -> bool:
        """Whether the actor has an encoder with weights of its own."""
        return self._recorder.has_encoder

    def step(self, seen: dict[str, Any]) -> None:
        """Take down a step of the environment; `seen` are the local variables of the rollout."""
        if self._acting is not None:
            self._acting.step(seen)
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
        self.looks = True
        self._replaced.append(Replaced(model.replay_buffer, "sample", self._guarded(self._sampled)))
        if self._ledger is not None:
            look = self._guarded(self._drawn)
            self._replaced.append(Replaced(model.replay_buffer, "_get_samples", look))
        if self._stochastic:
            look = self._guarded(self._acted)
            self._replaced.append(Replaced(model.actor, "action_log_prob", look))

    def after_updates(self) -> None:
        """Take off what was attached for them; an update whose actor was not trained ends here."""
        self.looks = False
        self._take_off()
        self._recorder.finish()

    def detach(self) -> None:
        """Take everything off the model, whatever happened."""
        self._take_off()
        if self._acting is not None:
            self._acting.detach()
        if self._guard.error is not None:
            self._recorder.cancel()

    def _take_off(self) -> None:
        replaced, self._replaced = self._replaced, []
        for each in replaced:
            each.remove()

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
        if self._update >= self._again_due:
            self._again_due = next_again(self._update)
            if self._view is not None:
                again = Again(self._view, seen, self._recorder.parts, self._recorder.networks)
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
        drawn = Drawn(log_prob=log_prob, count=len(action), preactivation=before_tanh)
        if not action.requires_grad:
            seen.next_drawn = drawn
        elif seen.drawn is None:
            seen.action, seen.preactivation = action, before_tanh
            learned = getattr(model, "log_ent_coef", None)
            temperature = model.ent_coef_tensor if learned is None else learned.detach().exp()
            self._recorder.draws(drawn, temperature)

    def _done(self, tags: dict[str, float]) -> None:
        model = self._model
        self._due = self._update + self._every
        buffer = model.replay_buffer
        noise = exploration_noise(model)
        tags |= {
            "agent/total_updates": float(self._update),
            "agent/actor_updates": _steps(model.actor.optimizer)
            or float(self._update // self._delay),
            "agent/buffer_size": float(buffer.size() * buffer.n_envs),
            "agent/actor_lr": rate(model.actor.optimizer),
            "agent/critic_lr": rate(model.critic.optimizer),
            "agent/reward_scale": reward_factor(model.get_vec_normalize_env()),
        }
        if noise is not None:
            tags["agent/exploration_noise"] = noise
        if self._acting is not None:
            tags |= self._acting.tags()
        tags |= self._witnessed
        self._witnessed = {}
        self._write(tags)


def _steps(optimizer: torch.optim.Optimizer) -> float | None:
    """Return how many steps an optimiser says that it made; None where it does not count."""
    counts = [state["step"] for state in optimizer.state.values() if "step" in state]
    return float(counts[0]) if counts else None
