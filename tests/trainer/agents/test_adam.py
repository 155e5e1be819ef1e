"""Our Adam steps exactly as torch's fused one does."""

import copy

import pytest
import torch
from torch import nn

from trainer.agents.adam import Adam


def _network() -> nn.Sequential:
    torch.manual_seed(3)
    convolution = nn.Conv2d(2, 5, 3).to(memory_format=torch.channels_last)
    return nn.Sequential(convolution, nn.Flatten(), nn.Linear(5 * 4 * 4, 3), nn.Linear(3, 1))


def _groups(network: nn.Sequential):
    """Two groups; the last layer's bias belongs to none."""
    return [
        (list(network[0].parameters()), 1.0e-2),
        ([*network[2].parameters(), network[3].weight], 3.0e-3),
    ]


def _theirs(network: nn.Sequential, weight_decay: float) -> torch.optim.Adam:
    groups = [{"params": parameters, "lr": rate} for parameters, rate in _groups(network)]
    return torch.optim.Adam(groups, weight_decay=weight_decay, fused=True)


def _train(network: nn.Sequential, optimizer, steps: int, seed: int = 0) -> None:
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        loss = network(torch.randn(4, 2, 6, 6, generator=generator)).square().sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _assert_same(a: nn.Module, b: nn.Module) -> None:
    for (name, mine), other in zip(a.named_parameters(), b.parameters(), strict=True):
        assert torch.equal(mine, other), name


@pytest.mark.parametrize("weight_decay", [0.0, 0.01])
def test_steps_as_torch_does(weight_decay):
    ours, theirs = _network(), _network()
    before = copy.deepcopy(ours)
    _train(ours, Adam(_groups(ours), weight_decay), 7)
    _train(theirs, _theirs(theirs, weight_decay), 7)
    _assert_same(ours, theirs)
    assert not torch.equal(ours[0].weight, before[0].weight)


def test_goes_on_from_what_torch_saved():
    theirs, ours = _network(), _network()
    saved = _theirs(theirs, 0.0)
    _train(theirs, saved, 3, seed=1)
    ours.load_state_dict(theirs.state_dict())
    optimizer = Adam(_groups(ours))
    optimizer.load_state_dict(copy.deepcopy(saved.state_dict()))
    _train(theirs, saved, 4, seed=2)
    _train(ours, optimizer, 4, seed=2)
    _assert_same(ours, theirs)


def test_torch_goes_on_from_what_was_saved():
    theirs, ours = _network(), _network()
    optimizer = Adam(_groups(ours))
    _train(ours, optimizer, 3, seed=1)
    theirs.load_state_dict(ours.state_dict())
    loaded = _theirs(theirs, 0.0)
    loaded.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for group in loaded.param_groups:
        group["fused"] = True
    _train(theirs, loaded, 4, seed=2)
    _train(ours, optimizer, 4, seed=2)
    _assert_same(ours, theirs)


def test_a_parameter_without_a_gradient_stays_and_has_no_moments():
    network = _network()
    optimizer = Adam(_groups(network))
    network[2].requires_grad_(False)
    before = network[2].weight.clone()
    _train(network, optimizer, 2)
    assert torch.equal(network[2].weight, before)
    assert sorted(optimizer.state_dict()["state"]) == [0, 1, 4]


def test_a_loaded_state_brings_no_learning_rate():
    network = _network()
    optimizer = Adam(_groups(network))
    _train(network, optimizer, 1)
    state = optimizer.state_dict()
    other = Adam([(parameters, 0.5) for parameters, _ in _groups(network)])
    other.load_state_dict(state)
    assert [group["lr"] for group in other.param_groups] == [0.5, 0.5]
    assert other.state_dict()["state"][0]["step"] == 1
