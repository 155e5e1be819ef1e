"""Parts of the evidence that are done in every step, or in some updates only."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from gonogo.evidence.episodes import EpisodeCounter
from gonogo.evidence.exploration import NEW, Exploration
from gonogo.evidence.finite import FEW, first_not_finite
from gonogo.evidence.guard import Guard
from gonogo.evidence.update.gradients import Gradients
from gonogo.evidence.update.moved import APART, FIRST, Moved
from gonogo.evidence.update.parts import Networks


def guard() -> Guard:
    def fail(error: Exception) -> None:
        raise error

    return Guard(fail)


@pytest.mark.parametrize("size", [3, FEW + 1])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_very_large_numbers_are_finite(size: int, kind: type) -> None:
    largest = np.full((1, size), np.finfo(kind).max, dtype=kind)
    assert first_not_finite(largest[0, :1], largest) is None
    assert first_not_finite(largest[0, :1], {"a": largest, "b": largest}) is None


@pytest.mark.parametrize("size", [3, FEW + 1])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_the_first_number_that_is_not_finite_is_named(size: int, value: float) -> None:
    seen, rewards = np.zeros((2, size)), np.zeros(2)
    seen[1, 2] = value
    found = first_not_finite(rewards, seen)
    assert found == {"part": "observation", "key": "observation[2]", "value": str(value)}
    assert first_not_finite(rewards, {"a": np.zeros((2, 1)), "b": seen}) is not None
    rewards[:] = value, -value
    assert first_not_finite(rewards, seen) == {
        "part": "reward", "key": "reward", "value": str(value),
    }  # fmt: skip


def test_observations_that_are_no_numbers_are_passed_over() -> None:
    assert first_not_finite(np.zeros(1), np.array([["a"]])) is None
    assert first_not_finite(np.zeros(1), np.array([[None]], dtype=object)) is None


def test_episodes_of_several_environments_end_apart() -> None:
    counter = EpisodeCounter(2)
    infos: list[dict[str, bool]] = [{}, {"TimeLimit.truncated": True}]
    assert not counter.step(np.array([1.0, 2.0]), np.array([False, False]), infos)
    (first,) = counter.step(np.array([1.0, 2.0]), np.array([True, False]), infos)
    assert first == {
        "train/episode_length": 2.0, "train/episode_reward": 2.0, "train/episode_terminated": 1.0,
    }  # fmt: skip
    (second,) = counter.step(np.array([5.0, 2.0]), np.array([False, True]), infos)
    assert second["train/episode_reward"] == 6.0
    assert second["train/episode_terminated"] == 0.0


def test_exploration_is_described_again_after_enough_new_steps() -> None:
    exploration, said = Exploration([0.0], [10.0]), []
    for step in range(3 * NEW):
        exploration.step(np.array([[6.0]]), np.array([[5.0]]))
        tags = exploration.tags()
        if tags:
            assert tags["env/exploration"] == pytest.approx(0.2)
            said.append(step)
    assert said == [0, NEW, 2 * NEW]


def test_gradients_are_those_before_clipping_and_of_the_last_pass_before_they_are_complete() -> (
    None
):
    weight = nn.Parameter(torch.ones(4))
    gradients = Gradients({"part": [weight]}, guard(), lambda: 2.0)
    handles = gradients.begin()
    weight.sum().backward()
    weight.sum().backward()
    nn.utils.clip_grad_norm_([weight], 1e-3)
    assert float(gradients.norms["part"][0]) == pytest.approx(2.0)
    gradients.close()
    weight.sum().backward()
    assert float(gradients.norms["part"][0]) == pytest.approx(2.0)
    for handle in handles:
        handle.remove()
    assert not weight._post_accumulate_grad_hooks  # type: ignore[attr-defined]


def moved(change: float) -> list[dict[str, float]]:
    """Let the critic's optimiser change one of its two tensors, in some updates, and return what is told of each."""
    actor, critic = nn.Linear(2, 2), nn.Linear(2, 2)
    with torch.no_grad():
        critic.bias[0] = math.nan
    watched = Moved(
        Networks(
            actor=actor,
            critics=[critic],
            actor_optimizer=torch.optim.SGD(actor.parameters()),
            critic_optimizer=torch.optim.SGD(critic.parameters()),
        )
    )
    found = []
    for _ in range(FIRST + 2 * APART):
        watched.begin()
        watched.steps("actor", "critic")
        with torch.no_grad():
            critic.weight[1, 1] += change
        watched.critic_stepped()
        watched.steps("critic")
        watched.actor_stepped()
        watched.end()
        found.append(watched.values)
    return found


@pytest.mark.parametrize(("change", "share"), [(1e-3, 0.5), (0.0, 0.0)])
def test_weights_that_an_optimiser_moves_are_counted(change: float, share: float) -> None:
    found = moved(change)
    told = [number for number, values in enumerate(found) if values]
    assert told == [*range(FIRST), *range(FIRST, len(found), APART)]
    for number in told:
        assert found[number] == {
            "weights/critic_reached": share,
            "weights/actor_moved_by_critic": 0.0,
            "weights/critic_moved_by_actor": 0.0,
        }
