"""The linear layer computes what torch's computes, forward and backward, whichever library multiplies."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from trainer.agents import linear
from trainer.agents.linear import Linear

ROWS = 256
LARGE, SMALL = (300, 128), (17, 4)
"""Sizes that are given to oneDNN, and that are not."""

needs_onednn = pytest.mark.skipif(linear._ONEDNN is None, reason="torch was built without oneDNN")


def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Count the products that oneDNN does."""
    done: list[tuple[int, ...]] = []
    real = linear._ONEDNN

    def product(rows: torch.Tensor, *rest: object) -> torch.Tensor:
        done.append(tuple(rows.shape))
        return real(rows, *rest)

    monkeypatch.setattr(linear, "_ONEDNN", product)
    # A training in this process may have found the other library to be quicker.
    monkeypatch.setattr(linear, "_library", "onednn")
    return done


def gradients(layer: nn.Linear, rows: torch.Tensor, seed: int = 1) -> list[torch.Tensor]:
    """Return the output and the gradients of a loss with random weights."""
    rows = rows.clone().requires_grad_()
    out = layer(rows)
    weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(seed)).to(out.dtype)
    (out * weights).sum().backward()
    assert rows.grad is not None
    assert layer.weight.grad is not None
    assert layer.bias.grad is not None
    return [out.detach(), rows.grad, layer.weight.grad, layer.bias.grad]


@pytest.mark.parametrize("sizes", [LARGE, SMALL])
@pytest.mark.parametrize("library", [pytest.param("onednn", marks=needs_onednn), "torch"])
def test_output_and_gradients_are_those_of_double_precision(
    monkeypatch: pytest.MonkeyPatch, sizes: tuple[int, int], library: str
) -> None:
    torch.manual_seed(0)
    done = counted(monkeypatch)
    monkeypatch.setattr(linear, "_library", library)
    ours, exact = Linear(*sizes), nn.Linear(*sizes, dtype=torch.float64)
    exact.load_state_dict(ours.state_dict())
    rows = torch.randn(ROWS, sizes[0])
    for got, wanted in zip(gradients(ours, rows), gradients(exact, rows.double()), strict=True):
        torch.testing.assert_close(got.double(), wanted, atol=1e-4, rtol=1e-5)
    assert len(done) == (3 if sizes == LARGE and library == "onednn" else 0)


@needs_onednn
def test_products_that_nobody_needs_are_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    done = counted(monkeypatch)
    layer = Linear(*LARGE)
    layer(torch.randn(ROWS, LARGE[0])).sum().backward()
    assert len(done) == 2, "the input needs no gradient"
    done.clear()
    layer.requires_grad_(False)
    layer(torch.randn(ROWS, LARGE[0]))
    assert len(done) == 1


def test_without_gradients_the_values_are_the_same() -> None:
    layer, rows = Linear(*LARGE), torch.randn(ROWS, LARGE[0])
    with torch.no_grad():
        quick = layer(rows)
    torch.testing.assert_close(quick, layer(rows).detach(), rtol=0, atol=0)
    assert not quick.requires_grad


def test_a_small_product_is_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    done = counted(monkeypatch)
    with torch.no_grad():
        Linear(3136, 256)(torch.randn(1, 3136))
    assert done == []


def test_actions_are_computed_as_they_are_without_the_trainer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = counted(monkeypatch)
    layer, rows = Linear(*LARGE), torch.randn(ROWS, LARGE[0])
    with torch.inference_mode():
        values = layer(rows)
    assert done == []
    assert torch.equal(values, nn.functional.linear(rows, layer.weight, layer.bias))


def test_half_precision_stays_half(monkeypatch: pytest.MonkeyPatch) -> None:
    done = counted(monkeypatch)
    layer = Linear(*LARGE)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.randn(ROWS, LARGE[0])).dtype is torch.bfloat16
    assert done == []


def test_its_parameters_are_those_of_torch_s_layer() -> None:
    torch.manual_seed(0)
    ours = Linear(*LARGE).state_dict()
    torch.manual_seed(0)
    theirs = nn.Linear(*LARGE).state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
