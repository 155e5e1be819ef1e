"""Transitions that are replayed again keep their reward, unless somebody mixed rewards up."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gonogo.evidence.update.replayed import ENOUGH, Replayed

RNG = np.random.default_rng(0)
OBS = torch.from_numpy(RNG.normal(size=(400, 3)).astype(np.float32))
ACTION = torch.from_numpy(RNG.uniform(-1, 1, (400, 2)).astype(np.float32))
REWARD = torch.from_numpy(RNG.normal(size=400).astype(np.float32))
SPARSE = (REWARD > 1.5).float()


def shares(reward: torch.Tensor, change, *, together: bool = False) -> list[float]:
    """Draw batches whose rewards are changed, and return what is told of each."""
    replayed, found = Replayed(), []
    for _ in range(30):
        rows = torch.from_numpy(RNG.integers(0, 400, 64))
        given = (OBS[rows], ACTION[rows])
        inputs = (torch.cat(given, dim=1),) if together else given
        found.append(replayed.moved(inputs, change(reward[rows])))
    return [share for share in found if share is not None]


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("reward", [REWARD, SPARSE, torch.zeros(400)])
def test_rewards_that_stay_never_move(reward: torch.Tensor, together: bool) -> None:
    found = shares(reward, lambda r: r, together=together)
    assert len(found) > 20
    assert max(found) == 0.0


def test_a_running_scale_moves_nothing() -> None:
    scale = iter(np.geomspace(1.0, 0.9, 30).tolist())
    assert max(shares(REWARD, lambda r: r * next(scale))) == 0.0


@pytest.mark.parametrize(("reward", "least"), [(REWARD, 0.8), (SPARSE, 0.05)])
def test_rewards_that_are_mixed_up_move(reward: torch.Tensor, least: float) -> None:
    found = shares(reward, lambda r: r[torch.from_numpy(RNG.permutation(len(r)))])
    assert np.mean(found) > least


def test_features_that_change_tell_nothing() -> None:
    replayed = Replayed()
    for number in range(5):
        assert replayed.moved((OBS + number, ACTION), REWARD) is None


def test_few_known_transitions_tell_nothing() -> None:
    replayed = Replayed()
    few = ENOUGH - 1
    assert replayed.moved((OBS[:few], ACTION[:few]), REWARD[:few]) is None
    assert replayed.moved((OBS, ACTION), -REWARD) is None


@pytest.mark.parametrize("inputs", [(), ({"vector": OBS},), (OBS, 3.0), (OBS[:10], ACTION)])
def test_inputs_that_are_not_understood_tell_nothing(inputs: tuple[object, ...]) -> None:
    assert Replayed().moved(inputs, REWARD) is None


def test_rewards_that_are_not_finite_tell_nothing() -> None:
    replayed, broken = Replayed(), torch.full_like(REWARD, float("inf"))
    assert replayed.moved((OBS, ACTION), broken) is None
    assert replayed.moved((OBS, ACTION), broken) is None
    assert replayed.moved((OBS, ACTION), REWARD) is None
    assert replayed.moved((OBS, ACTION), REWARD) == 0.0
