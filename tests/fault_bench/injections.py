"""Silent faults of data, targets and directions, injected into the trainer from outside."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

import numpy as np
import torch

from trainer import loop
from trainer.agents import td3
from trainer.agents.adam import Adam
from trainer.agents.instruments import TD3Stats
from trainer.agents.networks import Critic
from trainer.agents.td3 import TD3
from trainer.loop import Trainer
from trainer.observation import Observation
from trainer.replay.buffer import Batch, ReplayBuffer
from trainer.run.seeding import RandomStreams
from trainer.run.task import Task


def _sampled(change: Callable[[Batch], Batch]) -> AbstractContextManager[Any]:
    """Change every batch that is drawn."""
    sample = ReplayBuffer.sample

    def changed(buffer: ReplayBuffer, *arguments: Any) -> Batch:
        return change(sample(buffer, *arguments))

    return mock.patch.object(ReplayBuffer, "sample", changed)


def _stored(change: Callable[[list[Any]], None]) -> AbstractContextManager[Any]:
    """Change the arguments of every `ReplayBuffer.add`, in place."""
    add = ReplayBuffer.add

    def changed(buffer: ReplayBuffer, *arguments: Any) -> None:
        listed = list(arguments)
        change(listed)
        add(buffer, *listed)

    return mock.patch.object(ReplayBuffer, "add", changed)


def _built(change: Callable[[TD3], None]) -> AbstractContextManager[Any]:
    """Change every agent after it was built."""
    build = TD3.__init__

    def changed(agent: TD3, *arguments: Any) -> None:
        build(agent, *arguments)
        change(agent)

    return mock.patch.object(TD3, "__init__", changed)


def shuffled_rewards() -> AbstractContextManager[Any]:
    """Pair every transition with the reward of another one."""
    return _sampled(lambda batch: dataclasses.replace(batch, reward=batch.reward.roll(1)))


def drawn_from(first: float, last: float) -> AbstractContextManager[Any]:
    """Draw batches from a part of the replay only; shares of its slots that were written so far."""

    def draw(
        buffer: ReplayBuffer, count: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        rows, slots = np.nonzero(buffer._valid)
        part = np.flatnonzero((slots >= first * buffer._written) & (slots < last * buffer._written))
        chosen = rng.choice(part if len(part) else np.arange(len(slots)), count)
        return rows[chosen], slots[chosen]

    return mock.patch.object(ReplayBuffer, "_draw", draw)


def batch_of(rows: int) -> AbstractContextManager[Any]:
    """Draw batches of another size than is configured."""
    sample = ReplayBuffer.sample

    def fewer(buffer: ReplayBuffer, _: int, *rest: Any) -> Batch:
        return sample(buffer, rows, *rest)

    return mock.patch.object(ReplayBuffer, "sample", fewer)


def update_with(right: str, wrong: str, method: str = "update") -> AbstractContextManager[Any]:
    """Train with the lines of the agent's own update, one of them mistaken."""
    source = textwrap.dedent(inspect.getsource(getattr(TD3, method)))
    assert right in source, right
    scope = dict(vars(td3))
    exec(source.replace(right, wrong), scope)  # noqa: S102
    return mock.patch.object(TD3, method, scope[method])


@contextlib.contextmanager
def actors_optimiser_holds_the_critic() -> Iterator[None]:
    """Give the actor's optimiser the critic's weights as well, and its loss the way to them."""

    def change(agent: TD3) -> None:
        agent.actor_optimizer = agent._adam("actor_cnn", "actor_mlp", "critic_mlp")

    whole = update_with("inputs=[*self.actor.parameters()]", "", "_update_actor")
    with _built(change), whole:
        yield


def half_of_the_environments() -> AbstractContextManager[Any]:
    """Draw batches from the first half of the environments only."""
    draw = ReplayBuffer._draw

    def halved(
        buffer: ReplayBuffer, count: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        rows, slots = draw(buffer, 8 * count, rng)
        first = np.flatnonzero(rows < max(1, len(buffer._rows) // 2))[:count]
        return rows[first], slots[first]

    return mock.patch.object(ReplayBuffer, "_draw", halved)


def reset_as_next_obs() -> AbstractContextManager[Any]:
    """Keep what an environment returns after its reset, where an episode ended."""
    return mock.patch.object(loop, "_with_final", lambda next_obs, *_: next_obs)


def gradients_add_up(which: str) -> AbstractContextManager[Any]:
    """Never reset the gradients of actor or critic."""

    def change(agent: TD3) -> None:
        getattr(agent, f"{which}_optimizer").zero_grad = lambda: None

    return _built(change)


def policy_delay_ignored() -> AbstractContextManager[Any]:
    """Update the actor with every critic."""

    def change(agent: TD3) -> None:
        agent.config = agent.config.model_copy(update={"policy_delay": 1})

    return _built(change)


def one_frame_repeated() -> AbstractContextManager[Any]:
    """Stack the newest frame upon itself when a batch is drawn."""

    def change(batch: Batch) -> Batch:
        camera = batch.obs.camera
        assert camera is not None
        return dataclasses.replace(
            batch, obs=dataclasses.replace(batch.obs, camera=camera[:, -1:].expand_as(camera))
        )

    return _sampled(change)


def one_in_twenty_rewards_wrong() -> AbstractContextManager[Any]:
    """Pair one transition of twenty with the reward of another one."""

    def change(batch: Batch) -> Batch:
        reward = batch.reward.clone()
        reward[::20] = batch.reward.roll(1)[::20]
        return dataclasses.replace(batch, reward=reward)

    return _sampled(change)


def rewards_of_another_task() -> AbstractContextManager[Any]:
    """Reward small actions, whatever the environment says."""

    def change(arguments: list[Any]) -> None:
        arguments[3] = -np.abs(arguments[2]).mean(axis=1)

    return _stored(change)


def rewards_scaled_a_little() -> AbstractContextManager[Any]:
    """Store rewards a tenth too small."""

    def change(arguments: list[Any]) -> None:
        arguments[3] = 0.9 * np.asarray(arguments[3])

    return _stored(change)


def delayed_rewards() -> AbstractContextManager[Any]:
    """Store the reward of the step before."""
    before: dict[str, np.ndarray] = {}

    def change(arguments: list[Any]) -> None:
        now = np.asarray(arguments[3], dtype=np.float64)
        arguments[3] = before.get("reward", np.zeros_like(now))
        ended = np.asarray(arguments[4]) | np.asarray(arguments[5])
        before["reward"] = np.where(ended, 0.0, now)

    return _stored(change)


def negated_actions() -> AbstractContextManager[Any]:
    """Store actions with the opposite sign."""

    def change(arguments: list[Any]) -> None:
        arguments[2] = -arguments[2]

    return _stored(change)


def next_obs_is_obs() -> AbstractContextManager[Any]:
    """Let the next observation be the observation."""
    return _sampled(lambda batch: dataclasses.replace(batch, next_obs=batch.obs))


@contextlib.contextmanager
def zero_observations() -> Iterator[None]:
    """Let the environment show zeros only."""
    make = Task.make_env

    def make_blind(task: Task, *arguments: Any) -> Any:
        env = make(task, *arguments)
        reset, step = env.reset, env.step

        def blind(obs: dict[str, Any]) -> dict[str, Any]:
            return {kind: np.zeros_like(values) for kind, values in obs.items()}

        def blind_reset(**options: Any) -> Any:
            obs, infos = reset(**options)
            return blind(obs), infos

        def blind_step(action: Any) -> Any:
            obs, reward, terminated, truncated, infos = step(action)
            if "final_obs" in infos:
                infos = {**infos, "final_obs": blind(infos["final_obs"])}
            return blind(obs), reward, terminated, truncated, infos

        env.reset, env.step = blind_reset, blind_step
        return env

    with mock.patch.object(Task, "make_env", make_blind):
        yield


def zero_observations_in_the_buffer() -> AbstractContextManager[Any]:
    """Train on zeros while the policy acts on what it sees."""

    def blind(obs: Observation) -> Observation:
        camera = None if obs.camera is None else torch.zeros_like(obs.camera)
        return Observation(camera, torch.zeros_like(obs.vector))

    return _sampled(
        lambda batch: dataclasses.replace(
            batch, obs=blind(batch.obs), next_obs=blind(batch.next_obs)
        )
    )


def exploration_times(factor: float) -> AbstractContextManager[Any]:
    """Draw larger or smaller noise for the actions than is configured."""
    return _exploration(lambda noise: factor * noise)


def exploration_shifted(by: float) -> AbstractContextManager[Any]:
    """Draw noise with a mean, in units of its deviation."""
    return _exploration(lambda noise: noise + by)


def exploration_positive() -> AbstractContextManager[Any]:
    """Draw the size of the noise only."""
    return _exploration(np.abs)


@contextlib.contextmanager
def _exploration(change: Callable[[np.ndarray], np.ndarray]) -> Iterator[None]:
    """Change the noise that is drawn for the actions."""

    class Other:
        def __init__(self, generator: np.random.Generator) -> None:
            self.bit_generator, self.uniform = generator.bit_generator, generator.uniform
            self._normal = generator.normal

        def normal(self, _mean: float, _deviation: float, shape: Any) -> np.ndarray:
            return change(self._normal(0.0, 1.0, shape))

    build = RandomStreams.__init__

    def build_other(streams: RandomStreams, seed: int) -> None:
        build(streams, seed)
        streams.exploration = Other(streams.exploration)  # type: ignore[assignment]

    with mock.patch.object(RandomStreams, "__init__", build_other):
        yield


def max_for_min() -> AbstractContextManager[Any]:
    """Take the larger critic's value in the target."""
    return mock.patch.object(td3, "_minimum", lambda values: torch.stack(list(values)).amax(dim=0))


@contextlib.contextmanager
def hidden_discount() -> Iterator[None]:
    """Discount the next state's value twice."""
    smallest, gammas = td3._minimum, []

    def twice(values: Any) -> torch.Tensor:
        return gammas[-1] * smallest(values)

    with (
        mock.patch.object(td3, "_minimum", twice),
        _built(lambda agent: gammas.append(agent.config.gamma)),
    ):
        yield


def target_never_updated() -> AbstractContextManager[Any]:
    """Leave both targets as they were initialised."""
    return mock.patch.object(TD3, "_update_targets", return_value=None)


def target_actor_never_updated() -> AbstractContextManager[Any]:
    """Move the target critic only."""

    @torch.no_grad()
    def only_critic(agent: TD3) -> None:
        targets, online = [*agent.critic_target.parameters()], [*agent.critic.parameters()]
        torch._foreach_lerp_(targets, online, agent.config.tau)

    return mock.patch.object(TD3, "_update_targets", only_critic)


def online_actor_in_target() -> AbstractContextManager[Any]:
    """Ask the online actor for the next action."""

    def change(agent: TD3) -> None:
        agent.actor_target.forward = agent.actor.forward  # type: ignore[method-assign]

    return _built(change)


def no_smoothing_clip() -> AbstractContextManager[Any]:
    """Forget to clip the noise on the target action."""

    def change(agent: TD3) -> None:
        agent.config = agent.config.model_copy(update={"target_noise_clip": 100.0})

    return _built(change)


@contextlib.contextmanager
def wrong_actor_sign() -> Iterator[None]:
    """Reverse the gradient that reaches the actor through Q, the logged loss being right."""
    q1 = Critic.q1

    def reversed_gradient(critic: Critic, *arguments: Any) -> torch.Tensor:
        value = q1(critic, *arguments)
        return 2.0 * value.detach() - value

    with mock.patch.object(Critic, "q1", reversed_gradient):
        yield


@contextlib.contextmanager
def loss_of_wrong_sign() -> Iterator[None]:
    """Minimise Q, and log the loss as it is."""
    q1 = Critic.q1

    def negative(critic: Critic, *arguments: Any) -> torch.Tensor:
        return -q1(critic, *arguments)

    def told_right(tags: Callable[[TD3Stats], dict[str, float]]) -> Any:
        def measured(stats: TD3Stats) -> dict[str, float]:
            values = tags(stats)
            mean, low, high = (f"debug/actor_q_{s}" for s in ("mean", "min", "max"))
            values[mean], values[low], values[high] = -values[mean], -values[high], -values[low]
            return values

        return measured

    with (
        mock.patch.object(Critic, "q1", negative),
        mock.patch.object(TD3Stats, "tags", told_right(TD3Stats.tags)),
    ):
        yield


@contextlib.contextmanager
def actor_steps_up_its_loss() -> Iterator[None]:
    """Let the actor's optimiser step along the gradient."""

    def change(agent: TD3) -> None:
        optimizer: Adam = agent.actor_optimizer
        step = optimizer.step

        def wrong_way() -> None:
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        parameter.grad.neg_()
            step()

        optimizer.step = wrong_way  # type: ignore[method-assign]

    with _built(change):
        yield


@contextlib.contextmanager
def critic_on_policy_action() -> Iterator[None]:
    """Train the critic on the policy's action in place of the replayed one."""
    update = TD3.update

    def on_own_action(agent: TD3, batch: Batch, *, log: bool = False) -> Any:
        own = agent.act(batch.obs).clone()
        return update(agent, dataclasses.replace(batch, action=own), log=log)

    with mock.patch.object(TD3, "update", on_own_action):
        yield


@contextlib.contextmanager
def critic_ignores_action() -> Iterator[None]:
    """Build critics whose first layer has no weight for the action, and never gets one."""

    def change(agent: TD3) -> None:
        for critic in (agent.critic, agent.critic_target):
            for head in critic.heads:
                weight, width = head[0].weight, critic_width(agent)
                with torch.no_grad():
                    weight[:, width:] = 0.0
                if weight.requires_grad:
                    weight.register_hook(lambda g, w=width: _without(g, w))

    def critic_width(agent: TD3) -> int:
        inputs: int = agent.critic.heads[0][0].weight.shape[1]
        outputs: int = agent.actor.mlp[-1].weight.shape[0]
        return inputs - outputs

    with _built(change):
        yield


def _without(gradient: torch.Tensor, width: int) -> torch.Tensor:
    changed = gradient.clone()
    changed[:, width:] = 0.0
    return changed


@contextlib.contextmanager
def silent_reset() -> Iterator[None]:
    """Let the environment that is trained in begin anew every 250 steps, without a word."""
    make = Task.make_env

    def make_resetting(task: Task, *arguments: Any) -> Any:
        env = make(task, *arguments)
        if len(arguments) < 3:
            return env  # for evaluation
        step, count = env.step, [0]

        def silent(action: Any) -> Any:
            obs, reward, terminated, truncated, infos = step(action)
            count[0] += 1
            if count[0] % 250 == 0:
                obs = env.reset()[0]
            return obs, reward, terminated, truncated, infos

        env.step = silent
        return env

    with mock.patch.object(Task, "make_env", make_resetting):
        yield


def updates_stop() -> AbstractContextManager[Any]:
    """Half-way the agent is no longer updated, and nothing says so."""
    learn = Trainer._learn

    def half(trainer: Trainer) -> None:
        if trainer.step <= trainer.request.planned_steps / 2:
            learn(trainer)

    return mock.patch.object(Trainer, "_learn", half)


def untrained_copy_acts() -> AbstractContextManager[Any]:
    """Act with a copy of the actor that no update reaches."""
    build = TD3.__init__

    def build_with_copy(agent: TD3, *arguments: Any) -> None:
        build(agent, *arguments)
        copied = copy.deepcopy(agent.actor)
        agent.act = lambda obs: copied(obs).detach()

    return mock.patch.object(TD3, "__init__", build_with_copy)
