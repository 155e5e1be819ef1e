"""Faults that are injected into a Stable-Baselines3 model from outside; neither it nor the product contains them."""

from __future__ import annotations

import inspect
import sys
import textwrap
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np
import torch
from stable_baselines3.common.noise import NormalActionNoise
from torch import nn


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way in which a training goes wrong."""

    causes: tuple[str, ...]
    """Slugs of which a diagnosis should name one first; empty where none is known for it."""
    inject: Callable[[Any], None] = lambda model: None
    """Changes a model before it trains."""
    wrap: Callable[[Any], Any] | None = None
    """Changes its environment."""
    recipe: dict[str, Any] = field(default_factory=dict)
    """Values of the recipe that are the fault, or that it needs to show."""
    tasks: tuple[str, str] = ("pendulum", "inverted pendulum")
    algorithms: tuple[str, ...] = ("td3",)
    firm: bool = True
    """Whether it must not be GO; others only show what is not seen."""


def _batches(change: Callable[[Any, Any], Any]) -> Callable[[Any], None]:
    def inject(model: Any) -> None:
        sample = model.replay_buffer.sample
        model.replay_buffer.sample = lambda *args, **kwargs: change(model, sample(*args, **kwargs))

    return inject


def _stored(change: Callable[..., tuple[Any, Any, Any, Any, Any, Any]]) -> Callable[[Any], None]:
    def inject(model: Any) -> None:
        add = model.replay_buffer.add
        model.replay_buffer.add = lambda *args: add(*change(*args))

    return inject


def _no_step(which: str) -> Callable[[Any], None]:
    def inject(model: Any) -> None:
        optimizer = getattr(model, which).optimizer
        for group in optimizer.param_groups:
            group["params"] = [nn.Parameter(p.detach().clone()) for p in group["params"]]

    return inject


def _target_times(factor: float) -> Callable[[Any], None]:
    def inject(model: Any) -> None:
        def enlarge(_: Any, __: Any, output: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(factor * q for q in output)

        model.critic_target.register_forward_hook(enlarge)

    return inject


def _largest_of_targets(model: Any) -> None:
    model.critic_target.register_forward_hook(
        lambda _, __, output: (torch.cat(output, dim=1).amax(dim=1, keepdim=True),)
    )


def _target_copied(model: Any) -> None:
    model.critic.optimizer.register_step_post_hook(
        lambda *_: model.critic_target.load_state_dict(model.critic.state_dict())
    )


def _wrong_sign(model: Any) -> None:
    q1 = model.critic.q1_forward
    model.critic.q1_forward = lambda obs, action: -q1(obs, action)


def _same_batch(model: Any) -> None:
    sample = model.replay_buffer.sample
    kept: list[Any] = []

    def first(*args: Any, **kwargs: Any) -> Any:
        if not kept:
            kept.append(sample(*args, **kwargs))
        return kept[0]

    model.replay_buffer.sample = first


def _sums() -> Callable[[Any], None]:
    total = np.zeros(1)

    def change(obs: Any, after: Any, action: Any, reward: Any, done: Any, infos: Any) -> Any:
        total[:] += reward
        stored = total.copy()
        total[done] = 0.0
        return obs, after, action, stored, done, infos

    return _stored(change)


def _saturated(model: Any) -> None:
    with torch.no_grad():
        for actor in (model.actor, model.actor_target):
            actor.mu[-2].weight.mul_(1000.0)


def _no_tanh(model: Any) -> None:
    for actor in (model.actor, model.actor_target):
        actor.mu[-1] = nn.Identity()


def _twins(model: Any) -> None:
    for critic in (model.critic, model.critic_target):
        critic.q_networks[1].load_state_dict(critic.q_networks[0].state_dict())


def _tiny_gradients(model: Any) -> None:
    def clip(*_: Any) -> None:
        nn.utils.clip_grad_norm_(model.critic.parameters(), 1e-12)

    model.critic.optimizer.register_step_pre_hook(clip)


def _mistaken(*changes: tuple[str, str]) -> Callable[[Any], None]:
    """Train with the lines of the model's own update, some of them mistaken."""

    def inject(model: Any) -> None:
        source = textwrap.dedent(inspect.getsource(type(model).train))
        for right, wrong in changes:
            assert right in source, right
            source = source.replace(right, wrong)
        scope = dict(vars(sys.modules[type(model).__module__]))
        exec(source, scope)  # noqa: S102
        model.train = types.MethodType(scope["train"], model)

    return inject


_IN_TARGETS = "next_q_values - ent_coef * next_log_prob.reshape(-1, 1)"
_IN_ACTOR_LOSS = "(ent_coef * log_prob - min_qf_pi)"


def _actors_optimiser_holds_the_critic(model: Any) -> None:
    adam = model.actor.optimizer
    weights = [*model.actor.parameters(), *model.critic.parameters()]
    model.actor.optimizer = type(adam)(weights, lr=adam.param_groups[0]["lr"])


def _critics_optimiser_lacks_the_second(model: Any) -> None:
    adam = model.critic.optimizer
    model.critic.optimizer = type(adam)(
        model.critic.q_networks[0].parameters(), lr=adam.param_groups[0]["lr"]
    )


def _half_of_the_entries(model: Any) -> None:
    def masked(_: Any, __: Any, features: torch.Tensor) -> torch.Tensor:
        kept = features.shape[1] // 2
        return torch.cat([features[:, :kept], torch.zeros_like(features[:, kept:])], dim=1)

    networks = (
        model.actor,
        model.critic,
        getattr(model, "actor_target", None),
        model.critic_target,
    )
    for network in networks:
        if network is not None:
            network.features_extractor.register_forward_hook(masked)


def _target_entropy_positive(model: Any) -> None:
    model.target_entropy = -model.target_entropy


def _log_prob_over_the_wrong_axis(model: Any) -> None:
    """Sum over the batch; of several actions, whose sum would not fit, the mean."""
    drawn = model.actor.action_log_prob

    def change(obs: Any) -> tuple[Any, Any]:
        action, log_prob = drawn(obs)
        size = action.shape[1]
        return action, log_prob.sum(dim=0, keepdim=True) if size == 1 else log_prob / size

    model.actor.action_log_prob = change


def _temperature_stays(model: Any) -> None:
    model.ent_coef_optimizer.step = lambda: None


class _Blind(gymnasium.ObservationWrapper[Any, Any, Any]):
    def observation(self, observation: Any) -> Any:
        return np.zeros_like(observation)


def _shuffled(_: Any, batch: Any) -> Any:
    order = np.random.permutation(len(batch.rewards))
    return batch._replace(rewards=batch.rewards[order])


def _oldest_half(model: Any) -> None:
    buffer = model.replay_buffer
    size = type(buffer).size

    def sample(count: int, env: Any = None) -> Any:
        places = np.random.randint(0, max(1, size(buffer) // 2), count)
        return buffer._get_samples(places, env=env)

    buffer.sample = sample


def _gradients_add_up(model: Any) -> None:
    model.critic.optimizer.zero_grad = lambda set_to_none=True: None


def _delay_ignored(model: Any) -> None:
    class Always(int):
        def __rmod__(self, _: int) -> int:
            return 0

    model.policy_delay = Always(2)


def _batch_of_16(model: Any) -> None:
    sample = model.replay_buffer.sample
    model.replay_buffer.sample = lambda _, *args, **kwargs: sample(16, *args, **kwargs)


def _noise_shifted(model: Any) -> None:
    model.action_noise._mu = model.action_noise._mu + model.action_noise._sigma


def _noise_positive(model: Any) -> None:
    class Positive(NormalActionNoise):
        def __call__(self) -> Any:
            return np.abs(super().__call__())

    model.action_noise = Positive(model.action_noise._mu, model.action_noise._sigma)


def _noise_times_four(model: Any) -> None:
    class Larger(NormalActionNoise):
        def __call__(self) -> Any:
            return 4.0 * super().__call__()

    model.action_noise = Larger(model.action_noise._mu, model.action_noise._sigma)


def _policys_actions(model: Any, batch: Any) -> Any:
    with torch.no_grad():
        return batch._replace(actions=model.actor(batch.observations))


def _time_limits_terminal(model: Any) -> None:
    model.replay_buffer.handle_timeout_termination = False


TD3_AND_SAC = ("td3", "sac")
FAULTS: dict[str, Fault] = {
    "every transition terminal": Fault(
        causes=("terminal_flag_invented",),
        inject=_batches(lambda _, b: b._replace(dones=torch.ones_like(b.dones))),
        algorithms=TD3_AND_SAC,
    ),
    "time limits stored as terminal": Fault(
        causes=("terminal_flag_invented",),
        inject=_time_limits_terminal,
        tasks=("pendulum", "reacher"),
    ),
    "terminal flag dropped": Fault(
        causes=("terminal_flag_dropped",),
        inject=_batches(lambda _, b: b._replace(dones=torch.zeros_like(b.dones))),
        tasks=("inverted pendulum", "hopper"),
    ),
    "critic frozen": Fault(
        causes=("critic_frozen",), inject=_no_step("critic"), algorithms=TD3_AND_SAC
    ),
    "critic's gradient clipped to nothing": Fault(
        causes=("critic_frozen", "weights_barely_move"), inject=_tiny_gradients
    ),
    "actor frozen": Fault(
        causes=("actor_frozen",), inject=_no_step("actor"), algorithms=TD3_AND_SAC
    ),
    "rewards shuffled": Fault(
        causes=("rewards_of_other_transitions",), inject=_batches(_shuffled), algorithms=TD3_AND_SAC
    ),
    "oldest half of the replay": Fault(
        causes=("replay_drawn_unevenly",), inject=_oldest_half, algorithms=TD3_AND_SAC
    ),
    "critic's gradients add up": Fault(
        causes=("gradients_add_up",), inject=_gradients_add_up, algorithms=TD3_AND_SAC
    ),
    "policy delay ignored": Fault(causes=("config_not_applied",), inject=_delay_ignored),
    "blind": Fault(causes=("blind_agent",), wrap=_Blind, algorithms=TD3_AND_SAC),
    "target never updated": Fault(causes=("target_frozen",), recipe={"tau": 0.0}),
    "target copied": Fault(causes=("target_not_averaged", "target_frozen"), inject=_target_copied),
    "tau of 1, as configured": Fault(
        causes=("target_not_averaged",), recipe={"tau": 1.0}, firm=False
    ),
    "actor descends": Fault(causes=("actor_descends",), inject=_wrong_sign),
    "critic learns the policy's action": Fault(
        causes=("critic_on_policy_action", "actions_not_taken"), inject=_batches(_policys_actions)
    ),
    "rewards times 20": Fault(
        causes=("reward_scale",),
        inject=_stored(lambda o, n, a, r, d, i: (o, n, a, 20 * r, d, i)),
        algorithms=TD3_AND_SAC,
    ),
    "rewards negated": Fault(
        causes=("reward_scale", "rewards_of_other_transitions"),
        inject=_stored(lambda o, n, a, r, d, i: (o, n, a, -r, d, i)),
    ),
    "running sums": Fault(causes=("reward_accumulated",), inject=_sums()),
    "no exploration": Fault(causes=("exploration_off",), recipe={"noise": 0.0}),
    "exploration shifted": Fault(causes=("exploration_biased",), inject=_noise_shifted),
    "exploration positive": Fault(causes=("exploration_biased",), inject=_noise_positive),
    "exploration times four": Fault(causes=("exploration_enlarged",), inject=_noise_times_four),
    "batch of 16": Fault(
        causes=("config_not_applied",), inject=_batch_of_16, algorithms=TD3_AND_SAC
    ),
    "equal critics": Fault(causes=("identical_critics",), inject=_twins),
    "loss broadcast": Fault(
        causes=("one_target_for_all",),
        inject=_mistaken(
            (
                "F.mse_loss(current_q, target_q_values)",
                "F.mse_loss(*th.broadcast_tensors(current_q, target_q_values.flatten()))",
            )
        ),
        algorithms=TD3_AND_SAC,
    ),
    "one batch for ever": Fault(causes=("same_batch",), inject=_same_batch, algorithms=TD3_AND_SAC),
    "discount of 1": Fault(causes=("target_discount", "critic_divergence"), recipe={"gamma": 1.0}),
    "target times 1.5": Fault(
        causes=("critic_divergence", "target_miscomputed", "target_discount"),
        inject=_target_times(1.5),
        algorithms=TD3_AND_SAC,
    ),
    "learning rate of 1": Fault(
        causes=("critic_divergence", "dead_actor", "actor_lr_too_high"),
        recipe={"learning_rate": 1.0},
        algorithms=TD3_AND_SAC,
    ),
    "actor saturated": Fault(causes=("dead_actor",), inject=_saturated),
    "action without tanh": Fault(causes=("unbounded_action",), inject=_no_tanh),
    "rewards not finite": Fault(
        causes=("environment_not_finite",),
        inject=_batches(lambda _, b: b._replace(rewards=b.rewards * float("nan"))),
    ),
    "next observation is the observation": Fault(
        causes=("next_obs_is_obs", "observations_of_other_steps"),
        inject=_stored(lambda o, n, a, r, d, i: (o, o, a, r, d, i)),
    ),
    "actions negated in the buffer": Fault(
        causes=("actions_not_taken",),
        inject=_stored(lambda o, n, a, r, d, i: (o, n, -a, r, d, i)),
    ),
    "maximum for minimum": Fault(causes=("target_of_maximum",), inject=_largest_of_targets),
    "target actions not clipped": Fault(
        causes=("target_action_wrong",), inject=_mistaken((".clamp(-1, 1)", ""))
    ),
    "smoothing to one side": Fault(
        causes=("target_action_wrong",),
        inject=_mistaken(
            (".clamp(-self.target_noise_clip,", ".abs().clamp(-self.target_noise_clip,")
        ),
    ),
    "only the first critic has a loss": Fault(
        causes=("critic_partly_trained",),
        inject=_mistaken(
            (
                "sum(F.mse_loss(current_q, target_q_values) for current_q in current_q_values)",
                "F.mse_loss(current_q_values[0], target_q_values)",
            )
        ),
    ),
    "the second critic has no optimiser": Fault(
        causes=("critic_partly_trained",),
        inject=_critics_optimiser_lacks_the_second,
        algorithms=TD3_AND_SAC,
    ),
    "actor's optimiser holds the critic": Fault(
        causes=("optimisers_overlap",),
        inject=_actors_optimiser_holds_the_critic,
        algorithms=TD3_AND_SAC,
    ),
    "half of the entries never reach the networks": Fault(
        causes=("entries_unseen",), inject=_half_of_the_entries, algorithms=TD3_AND_SAC
    ),
}
FAULTS |= {
    "SAC: temperature with the wrong sign": Fault(
        causes=("temperature_flees",),
        inject=_mistaken(("ent_coef_loss = -(", "ent_coef_loss = (")),
        tasks=("pendulum", "reacher"),
        algorithms=("sac",),
    ),
    "SAC: positive target entropy": Fault(
        causes=("temperature_flees",),
        inject=_target_entropy_positive,
        tasks=("pendulum", "reacher"),
        algorithms=("sac",),
    ),
    "SAC: entropy with the wrong sign": Fault(
        causes=("entropy_term_wrong",),
        inject=_mistaken(
            (_IN_TARGETS, "next_q_values + ent_coef * next_log_prob.reshape(-1, 1)"),
            (_IN_ACTOR_LOSS, "(-ent_coef * log_prob - min_qf_pi)"),
        ),
        tasks=("pendulum", "reacher"),
        algorithms=("sac",),
    ),
    "SAC: target without entropy": Fault(
        causes=("entropy_term_wrong",),
        inject=_mistaken((_IN_TARGETS, "next_q_values")),
        tasks=("pendulum", "reacher"),
        algorithms=("sac",),
    ),
    "SAC: actor descends": Fault(
        causes=("actor_descends",),
        inject=_mistaken((_IN_ACTOR_LOSS, "(ent_coef * log_prob + min_qf_pi)")),
        tasks=("pendulum", "reacher"),
        algorithms=("sac",),
    ),
    "SAC: log-probability over the wrong axis": Fault(
        causes=("log_prob_wrong",),
        inject=_log_prob_over_the_wrong_axis,
        tasks=("pendulum", "reacher"),
        algorithms=("sac",),
    ),
    "SAC: temperature of 100 that is not trained": Fault(
        causes=("temperature_frozen",),
        inject=_temperature_stays,
        recipe={"ent_coef": "auto_100"},
        tasks=("pendulum", "reacher"),
        algorithms=("sac",),
    ),
    "SAC: temperature of 100": Fault(
        causes=("temperature_too_high",),
        recipe={"ent_coef": 100.0},
        tasks=("pendulum", "reacher"),
        algorithms=("sac",),
    ),
}
