"""Faults that are injected into the trainer from outside; the product contains none of them.

Each fault is a context manager that patches the trainer's classes while a run is trained.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from unittest import mock

import hackable_rewards
import injections
import numpy as np
import torch

from trainer.agents import td3
from trainer.agents.networks import Actor, Critic
from trainer.agents.parts import GradientStats, Part
from trainer.agents.td3 import TD3
from trainer.loop import Trainer
from trainer.observation import Observation
from trainer.replay.buffer import ReplayBuffer
from trainer.run import run_json

Patch = Callable[[], AbstractContextManager[Any]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fault:
    """One way in which a trainer goes wrong."""

    cause: str
    """The slug that a diagnosis should name first."""
    patch: Patch
    train: dict[str, Any] = dataclasses.field(default_factory=dict)
    """Overrides of the recipe that the fault needs to show."""
    accepted: tuple[str, ...] = ()
    """Other slugs that are right too."""
    recipe: str = "drive"
    """Sound recipe, of `recipes.HEALTHY`, that the fault is injected into."""
    stage: str = "5k"
    """Stage at which it shows, whose gate judges it."""
    steps: int = 5_000
    """Environment steps that it is trained for."""
    stops: bool = True
    """The verdict should be NO_GO; otherwise it is right as long as it is not GO."""


def actor_encoder_leak() -> AbstractContextManager[Any]:
    """Feed the critic's head with the actor's features, gradients on."""
    return mock.patch.object(
        TD3, "features_for_actor_loss", lambda agent, obs: agent.actor.encode(obs)
    )


def unbounded_action() -> AbstractContextManager[Any]:
    """Forget the tanh."""
    return mock.patch.object(Actor, "squash", lambda _, z: z)


@contextlib.contextmanager
def shared_encoder_actor_gradient() -> Iterator[None]:
    """Give actor and critic one encoder and let the actor's gradient through to it."""
    build = TD3.__init__

    def build_shared(agent: TD3, *arguments: Any) -> None:
        build(agent, *arguments)
        agent.actor.cnn = agent.critic.cnn
        agent.actor_target.cnn = agent.critic_target.cnn
        agent.parts["actor_cnn"].parameters = list(agent.critic.cnn.parameters())
        agent.actor_optimizer = agent._adam("actor_cnn", "actor_mlp")
        agent.online = [*agent.actor.parameters(), *agent.critic.heads.parameters()]
        agent.targets = [
            *agent.actor_target.parameters(),
            *agent.critic_target.heads.parameters(),
        ]

    with (
        mock.patch.object(TD3, "__init__", build_shared),
        mock.patch.object(
            TD3, "features_for_actor_loss", lambda agent, obs: agent.critic.encode(obs)
        ),
    ):
        yield


@contextlib.contextmanager
def critic_divergence() -> Iterator[None]:
    """Bootstrap from the larger critic, enlarged by more than the discount takes away."""

    def largest(values: Any) -> torch.Tensor:
        return 1.5 * torch.stack(list(values)).amax(dim=0).abs()

    with mock.patch.object(td3, "_minimum", largest):
        yield


@contextlib.contextmanager
def target_not_averaged() -> Iterator[None]:
    """Copy the online networks into the targets at each update, whatever tau says."""

    @torch.no_grad()
    def copy(agent: TD3) -> None:
        torch._foreach_copy_(agent.targets, agent.online)

    with mock.patch.object(TD3, "_update_targets", copy):
        yield


def terminal_flag_dropped() -> AbstractContextManager[Any]:
    """Bootstrap beyond terminations."""
    sample = ReplayBuffer.sample

    def without_ends(buffer: ReplayBuffer, *arguments: Any) -> Any:
        batch = sample(buffer, *arguments)
        return dataclasses.replace(batch, terminated=torch.zeros_like(batch.terminated))

    return mock.patch.object(ReplayBuffer, "sample", without_ends)


def _with_reward(change: Callable[[ReplayBuffer, np.ndarray, np.ndarray], np.ndarray]) -> Any:
    add = ReplayBuffer.add

    def changed(
        buffer: ReplayBuffer,
        frame: Any,
        vector: Any,
        action: Any,
        reward: np.ndarray,
        terminated: np.ndarray,
        truncated: np.ndarray,
        *rest: Any,
    ) -> None:
        reward = change(buffer, np.asarray(reward), terminated | truncated)
        add(buffer, frame, vector, action, reward, terminated, truncated, *rest)

    return mock.patch.object(ReplayBuffer, "add", changed)


def reward_accumulated() -> AbstractContextManager[Any]:
    """Store the sum of the episode's rewards so far instead of the step's reward."""
    sums: dict[int, np.ndarray] = {}

    def accumulate(buffer: ReplayBuffer, reward: np.ndarray, done: np.ndarray) -> np.ndarray:
        total = sums.get(id(buffer), np.zeros_like(reward)) + reward
        sums[id(buffer)] = np.where(done, 0.0, total)
        return total

    return _with_reward(accumulate)


def reward_scale() -> AbstractContextManager[Any]:
    """Store rewards twenty times too large."""
    return _with_reward(lambda _buffer, reward, _done: 20.0 * reward)


@contextlib.contextmanager
def actor_frozen() -> Iterator[None]:
    """Never step the actor's optimiser."""
    build = TD3.__init__

    def build_frozen(agent: TD3, *arguments: Any) -> None:
        build(agent, *arguments)
        agent.actor_optimizer.step = lambda *_: None  # type: ignore[method-assign]

    with mock.patch.object(TD3, "__init__", build_frozen):
        yield


@contextlib.contextmanager
def dead_actor() -> Iterator[None]:
    """Initialise the actor's last layer a thousand times too large, in a recipe without guards."""
    build = Actor.__init__

    def build_saturated(actor: Actor, architecture: Any) -> None:
        build(actor, architecture)
        with torch.no_grad():
            actor.mlp[-1].weight.mul_(1000.0)

    with mock.patch.object(Actor, "__init__", build_saturated):
        yield


@contextlib.contextmanager
def config_not_applied() -> Iterator[None]:
    """Train with four times the configured updates and half the configured critic rate."""
    resolved = run_json.resolved

    def another_recipe(task: Any) -> dict[str, Any]:
        content = resolved(task)
        train = content["train"]
        changed = {"train_freq": 4 * train["train_freq"], "critic_lr": 2 * train["critic_lr"]}
        return content | {"train": train | changed}

    with mock.patch.object(run_json, "resolved", another_recipe):
        yield


@contextlib.contextmanager
def metric_is_post_clip() -> Iterator[None]:
    """Clip gradients to a small norm, and log the norms after clipping, beside an encoder leak."""
    clip = Part.clip_gradient

    def after_clipping(part: Part, *, measure: bool) -> GradientStats | None:
        stats = clip(part, measure=measure)
        if stats is None or part.max_grad_norm is None:
            return stats
        return GradientStats(torch.clamp(stats.norm, max=part.max_grad_norm), 0.0)

    with mock.patch.object(Part, "clip_gradient", after_clipping), actor_encoder_leak():
        yield


@contextlib.contextmanager
def critic_frozen() -> Iterator[None]:
    """Never step the critic's optimiser."""
    build = TD3.__init__

    def build_frozen(agent: TD3, *arguments: Any) -> None:
        build(agent, *arguments)
        agent.critic_optimizer.step = lambda *_: None  # type: ignore[method-assign]

    with mock.patch.object(TD3, "__init__", build_frozen):
        yield


@contextlib.contextmanager
def identical_critics() -> Iterator[None]:
    """Let both critics be one network."""
    build = Critic.__init__

    def build_one(critic: Critic, architecture: Any) -> None:
        build(critic, architecture)
        critic.heads[1] = critic.heads[0]

    with mock.patch.object(Critic, "__init__", build_one):
        yield


def same_batch() -> AbstractContextManager[Any]:
    """Train on the first batch for ever."""
    sample = ReplayBuffer.sample
    first: dict[int, Any] = {}

    def again(buffer: ReplayBuffer, *arguments: Any) -> Any:
        if id(buffer) not in first:
            first[id(buffer)] = sample(buffer, *arguments)
        return first[id(buffer)]

    return mock.patch.object(ReplayBuffer, "sample", again)


@contextlib.contextmanager
def blind_agent() -> Iterator[None]:
    """Give the networks nothing but zeros to see, whatever the environment shows."""
    encode = Actor.encode

    def blind(network: Any, obs: Observation) -> torch.Tensor:
        camera = None if obs.camera is None else torch.zeros_like(obs.camera)
        return encode(network, Observation(camera, torch.zeros_like(obs.vector)))

    with mock.patch.object(Actor, "encode", blind), mock.patch.object(Critic, "encode", blind):
        yield


def everything_terminal() -> AbstractContextManager[Any]:
    """Mark every transition as terminal."""
    sample = ReplayBuffer.sample

    def ended(buffer: ReplayBuffer, *arguments: Any) -> Any:
        batch = sample(buffer, *arguments)
        return dataclasses.replace(batch, terminated=torch.ones_like(batch.terminated))

    return mock.patch.object(ReplayBuffer, "sample", ended)


def time_limit_terminal() -> AbstractContextManager[Any]:
    """Store the end of an episode by the time limit as a termination."""
    add = ReplayBuffer.add

    def ended(
        buffer: ReplayBuffer,
        frame: Any,
        vector: Any,
        action: Any,
        reward: Any,
        terminated: np.ndarray,
        truncated: np.ndarray,
        *rest: Any,
    ) -> None:
        ends = terminated | truncated
        add(buffer, frame, vector, action, reward, ends, np.zeros_like(ends), *rest)

    return mock.patch.object(ReplayBuffer, "add", ended)


@contextlib.contextmanager
def stopped_early() -> Iterator[None]:
    """End, without a word, at three fifths of the planned steps."""
    interact = Trainer._interact

    def until(trainer: Trainer, obs: Any) -> Any:
        planned = json.loads(Path(trainer.run, "request.json").read_text())["planned_steps"]
        if trainer.step >= 0.6 * planned:
            trainer.request = trainer.request.model_copy(update={"planned_steps": trainer.step})
        return interact(trainer, obs)

    with mock.patch.object(Trainer, "_interact", until):
        yield


CLIPPED = {
    "actor_cnn_max_grad_norm": 1.0,
    "actor_mlp_max_grad_norm": 1.0,
    "critic_cnn_max_grad_norm": 10.0,
    "critic_mlp_max_grad_norm": 10.0,
}
UNGUARDED = {
    "preact_penalty": 0.0,
    "normalize_actor_loss": False,
    "critic_warmup_updates": 0,
    "layer_norm": False,
    "actor_lr": 1.0e-3,
    "actor_cnn_lr": 1.0e-3,
}
NO_NORM = {"layer_norm": False}
EARLY_RATES = {"normalize_actor_loss": False, "preact_penalty": 0.0}

FAULTS: dict[str, Fault] = {
    "actor_encoder_leak": Fault(
        cause="actor_encoder_leak", patch=actor_encoder_leak, train=NO_NORM | EARLY_RATES
    ),
    "actor_encoder_leak with guards": Fault(
        cause="actor_encoder_leak", patch=actor_encoder_leak, train=NO_NORM
    ),
    "actor_encoder_leak with LayerNorm": Fault(
        cause="actor_encoder_leak", patch=actor_encoder_leak
    ),
    "unbounded_action": Fault(
        cause="unbounded_action", patch=unbounded_action, train=EARLY_RATES | NO_NORM
    ),
    "shared_encoder_actor_gradient": Fault(
        cause="shared_encoder_actor_gradient",
        patch=shared_encoder_actor_gradient,
        train=NO_NORM | EARLY_RATES,
    ),
    "critic_divergence": Fault(
        cause="critic_divergence",
        patch=critic_divergence,
        train={"tau": 0.5},
        accepted=("target_miscomputed",),
    ),
    "terminal_flag_dropped": Fault(cause="terminal_flag_dropped", patch=terminal_flag_dropped),
    "reward_accumulated": Fault(cause="reward_accumulated", patch=reward_accumulated),
    "reward_scale": Fault(cause="reward_scale", patch=reward_scale),
    "target_not_averaged": Fault(cause="target_not_averaged", patch=target_not_averaged),
    "actor_frozen": Fault(cause="actor_frozen", patch=actor_frozen),
    "dead_actor": Fault(
        cause="dead_actor",
        patch=dead_actor,
        train=UNGUARDED,
        accepted=("policy_collapse",),
    ),
    "config_not_applied": Fault(cause="config_not_applied", patch=config_not_applied),
    "metric_is_post_clip": Fault(
        cause="metric_is_post_clip",
        patch=metric_is_post_clip,
        train=CLIPPED | NO_NORM | EARLY_RATES,
        accepted=("actor_encoder_leak",),
    ),
    "stopped_early": Fault(cause="stopped_early", patch=stopped_early),
    "critic_frozen": Fault(cause="critic_frozen", patch=critic_frozen),
    "identical_critics": Fault(cause="identical_critics", patch=identical_critics),
    "same_batch": Fault(cause="same_batch", patch=same_batch),
    "blind_agent": Fault(cause="blind_agent", patch=blind_agent),
    "everything_terminal": Fault(cause="terminal_flag_invented", patch=everything_terminal),
    "time_limit_terminal": Fault(
        cause="terminal_flag_invented",
        patch=time_limit_terminal,
        recipe="pendulum, two updates per four steps",
    ),
}

HIDING = {
    "layer_norm": True,
    "actor_mlp_max_grad_norm": 0.1,
    "critic_mlp_max_grad_norm": 0.1,
    "actor_lr": 1.0e-4,
    "critic_lr": 1.0e-4,
}
"""Guards behind which values stay calm whatever is wrong."""
TINY_GRADIENTS = {"critic_mlp_max_grad_norm": 1.0e-10, "critic_cnn_max_grad_norm": 1.0e-10}

SILENT: dict[str, Fault] = {
    "shuffled rewards": Fault(
        cause="rewards_of_other_transitions", patch=injections.shuffled_rewards
    ),
    "one reward in twenty wrong": Fault(
        cause="rewards_of_other_transitions", patch=injections.one_in_twenty_rewards_wrong
    ),
    "rewards of another task": Fault(
        cause="rewards_of_other_transitions", patch=injections.rewards_of_another_task
    ),
    "rewards x0.9": Fault(cause="reward_scale", patch=injections.rewards_scaled_a_little),
    "rewards one step late": Fault(cause="rewards_delayed", patch=injections.delayed_rewards),
    "oldest half of the replay": Fault(
        cause="replay_drawn_unevenly", patch=lambda: injections.drawn_from(0.0, 0.5)
    ),
    "newest third of the replay": Fault(
        cause="replay_drawn_unevenly", patch=lambda: injections.drawn_from(2 / 3, 1.0)
    ),
    "critic's gradients add up": Fault(
        cause="gradients_add_up", patch=lambda: injections.gradients_add_up("critic")
    ),
    "actor's gradients add up": Fault(
        cause="gradients_add_up", patch=lambda: injections.gradients_add_up("actor")
    ),
    "policy delay ignored": Fault(
        cause="config_not_applied", patch=injections.policy_delay_ignored
    ),
    "negated actions in the buffer": Fault(
        cause="actions_not_taken", patch=injections.negated_actions
    ),
    "next_obs = obs": Fault(cause="next_obs_is_obs", patch=injections.next_obs_is_obs),
    "observations all zero": Fault(cause="blind_agent", patch=injections.zero_observations),
    "observations all zero in the buffer": Fault(
        cause="blind_agent",
        patch=injections.zero_observations_in_the_buffer,
        accepted=("observations_of_other_steps", "next_obs_is_obs"),
    ),
    "no exploration": Fault(
        cause="exploration_missing", patch=lambda: injections.exploration_times(0.0)
    ),
    "exploration times four": Fault(
        cause="exploration_enlarged", patch=lambda: injections.exploration_times(4.0)
    ),
    "exploration shifted": Fault(
        cause="exploration_biased", patch=lambda: injections.exploration_shifted(1.0)
    ),
    "exploration positive": Fault(
        cause="exploration_biased", patch=injections.exploration_positive
    ),
    "batch of 32": Fault(cause="config_not_applied", patch=lambda: injections.batch_of(32)),
    "maximum for minimum": Fault(cause="target_of_maximum", patch=injections.max_for_min),
    "hidden gamma^2": Fault(cause="target_discount", patch=injections.hidden_discount),
    "targets never updated": Fault(cause="target_frozen", patch=injections.target_never_updated),
    "target actor never updated": Fault(
        cause="target_frozen", patch=injections.target_actor_never_updated
    ),
    "targets copied": Fault(cause="target_not_averaged", patch=target_not_averaged),
    "online actor in the target": Fault(
        cause="target_action_wrong", patch=injections.online_actor_in_target
    ),
    "smoothing noise not clipped": Fault(
        cause="target_action_wrong", patch=injections.no_smoothing_clip
    ),
    "wrong sign of the actor's loss": Fault(
        cause="actor_descends", patch=injections.wrong_actor_sign
    ),
    "wrong sign, logged as it is": Fault(
        cause="actor_descends", patch=injections.loss_of_wrong_sign
    ),
    "actor steps up its loss": Fault(
        cause="actor_descends", patch=injections.actor_steps_up_its_loss
    ),
    "critic on the policy's action": Fault(
        cause="critic_on_policy_action", patch=injections.critic_on_policy_action
    ),
    "critic ignores the action": Fault(
        cause="critic_ignores_action", patch=injections.critic_ignores_action
    ),
    "weights move by rounding": Fault(
        cause="weights_barely_move",
        patch=contextlib.nullcontext,
        train=TINY_GRADIENTS,
        accepted=("critic_frozen",),
    ),
    "updates stop half-way": Fault(
        cause="updates_stopped", patch=injections.updates_stop, accepted=("config_not_applied",)
    ),
    "environment resets silently": Fault(cause="silent_reset", patch=injections.silent_reset),
}
"""Faults that no value shows."""
HARDEST = (
    "one reward in twenty wrong",
    "rewards x0.9",
    "rewards one step late",
    "hidden gamma^2",
    "maximum for minimum",
    "target actor never updated",
    "online actor in the target",
    "actor steps up its loss",
    "critic on the policy's action",
    "no exploration",
)

FAULTS |= {
    f"{task}: {name}": dataclasses.replace(fault, recipe=recipe)
    for task, recipe in (("drive", "drive"), ("pendulum", "pendulum: plain"))
    for name, fault in SILENT.items()
}
FAULTS |= {
    f"point goal, guards: {name}": dataclasses.replace(
        SILENT[name], recipe="point goal: plain", train=SILENT[name].train | HIDING
    )
    for name in HARDEST
}
FAULTS |= {
    f"point goal: {name}": dataclasses.replace(fault, recipe="point goal: plain")
    for name, fault in SILENT.items()
    if name not in HARDEST
}
NOISE = "torch.randn_like(batch.action)"
CRITIC_LOSS = "torch.stack([functional.mse_loss(q, target_q) for q in q_values]).sum()"
FAULTS |= {
    f"pendulum: {name}": dataclasses.replace(fault, recipe="pendulum: plain")
    for name, fault in {
        "target actions not clipped": Fault(
            cause="target_action_wrong",
            patch=lambda: injections.update_with(").clamp(-1.0, 1.0)", ")"),
        ),
        "smoothing to one side": Fault(
            cause="target_action_wrong",
            patch=lambda: injections.update_with(NOISE, "torch.rand_like(batch.action)"),
        ),
        "one smoothing noise for all": Fault(
            cause="target_action_wrong",
            patch=lambda: injections.update_with(
                NOISE, "torch.randn_like(batch.action[:1]).expand_as(batch.action)"
            ),
        ),
        "only the first critic is trained": Fault(
            cause="critic_partly_trained",
            patch=lambda: injections.update_with(
                CRITIC_LOSS, "functional.mse_loss(q_values[0], target_q)"
            ),
        ),
        "actor's optimiser holds the critic": Fault(
            cause="optimisers_overlap", patch=injections.actors_optimiser_holds_the_critic
        ),
    }.items()
}
FAULTS |= {
    f"reward: {name}": Fault(
        cause="reward_hacking", patch=patch, stage="50k", steps=12_000, stops=False
    )
    for name, patch in {
        "standing still": hackable_rewards.standing_still,
        "circling": hackable_rewards.circling,
        "crawling": hackable_rewards.crawling,
        "hugging the edge": hackable_rewards.hugging_the_edge,
        "crash as escape": hackable_rewards.crash_as_escape,
    }.items()
}
"""The trainer does what it should; what is paid is not what is wanted."""
FAULTS |= {
    f"{recipe}: untrained copy acts": Fault(
        cause="policy_collapse",
        patch=injections.untrained_copy_acts,
        recipe=recipe,
        stage="50k",
        steps=8_000,
    )
    for recipe in ("drive", "pendulum: plain")
}
FAULTS |= {
    "pendulum: next episode's start as successor": Fault(
        cause="reset_as_next_obs", patch=injections.reset_as_next_obs, recipe="pendulum: plain"
    ),
    "drive: half of the environments replayed": Fault(
        cause="replay_drawn_unevenly", patch=injections.half_of_the_environments
    ),
    "drive: one frame repeated": Fault(
        cause="observations_of_other_steps", patch=injections.one_frame_repeated
    ),
    "pendulum: critic frozen": Fault(
        cause="critic_frozen", patch=critic_frozen, recipe="pendulum: plain"
    ),
    "pendulum: same batch": Fault(cause="same_batch", patch=same_batch, recipe="pendulum: plain"),
    "pendulum: identical critics": Fault(
        cause="identical_critics", patch=identical_critics, recipe="pendulum: plain"
    ),
    "pendulum: blind networks": Fault(
        cause="blind_agent", patch=blind_agent, recipe="pendulum: plain"
    ),
    "pendulum: everything terminal": Fault(
        cause="terminal_flag_invented", patch=everything_terminal, recipe="pendulum: plain"
    ),
    "pendulum: running sums of rewards": Fault(
        cause="reward_accumulated", patch=reward_accumulated, recipe="pendulum: plain"
    ),
    "pendulum: rewards x20": Fault(
        cause="reward_scale", patch=reward_scale, recipe="pendulum: plain"
    ),
    "point goal: terminal flag dropped": Fault(
        cause="terminal_flag_dropped", patch=terminal_flag_dropped, recipe="point goal: plain"
    ),
}
