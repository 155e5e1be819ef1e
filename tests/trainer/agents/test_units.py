"""Dormant units and effective rank, by networks and features whose answer is known; of both evidence rooms."""

import pytest
import torch
from torch import nn

from gonogo.evidence.update import units as of_others
from trainer.agents.units import dormant_share, effective_rank, hidden


def network() -> nn.Sequential:
    """Two hidden layers of four units; one is dead in the first, two hardly answer in the second."""
    made = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
    with torch.no_grad():
        for layer in (made[0], made[2]):
            layer.weight.fill_(0.0)
            layer.bias.fill_(1.0)
        made[0].bias[0] = -1.0
        made[2].bias[1] = 0.001
        made[2].bias[2] = 0.01
    return made


def test_units_that_hardly_answer_are_dormant():
    made, rows = network(), torch.zeros(8, 3)
    layers = hidden(made, rows)
    assert [tuple(layer.shape) for layer in layers] == [(8, 4), (8, 4)]
    assert float(dormant_share(layers)) == pytest.approx(3 / 8)
    values = of_others.of_units("actor", (made, None), lambda: made(rows))
    assert float(values["units/actor_dormant"]) == pytest.approx(3 / 8)
    assert not made[1]._forward_hooks, "the hooks are gone"


def test_a_channel_is_a_unit():
    pictures = torch.rand(8, 5, 6, 6)
    pictures[:, :2] = 0.0
    assert float(dormant_share([pictures])) == pytest.approx(2 / 5)


def test_all_units_of_a_silent_layer_are_dormant():
    assert float(dormant_share([torch.zeros(8, 4), torch.ones(8, 4)])) == pytest.approx(1 / 2)


@pytest.mark.parametrize("rank", [effective_rank, of_others._effective_rank])
def test_the_rank_is_the_number_of_directions(rank):
    assert rank(torch.eye(16)) == pytest.approx(16.0)
    assert rank(torch.ones(16, 8)) == pytest.approx(1.0, abs=1e-6)
    assert rank(torch.cat([torch.eye(4), torch.eye(4)]) * 1e30) == pytest.approx(4.0)
    assert 1.0 < rank(torch.diag(torch.tensor([1.0, 0.1]))) < 2.0
    assert rank(torch.zeros(4, 4)) is None
    assert rank(torch.full((4, 4), torch.nan)) is None
    assert rank(torch.full((4, 4), torch.inf)) is None


def test_a_network_without_a_relu_has_no_hidden_units():
    linear = nn.Sequential(nn.Linear(3, 1), nn.Tanh())
    assert of_others.of_units("actor", (linear,), lambda: linear(torch.zeros(2, 3))) == {}
    assert hidden(None, torch.zeros(2, 3)) == []
