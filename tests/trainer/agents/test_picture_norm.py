"""The norm for channels-last pictures computes what torch's computes, and leaves them channels-last."""

import pytest
import torch
from torch import nn

from trainer.agents.networks import PictureNorm

SHAPE = (5, 7, 6)


@pytest.mark.parametrize("memory", [torch.channels_last, torch.contiguous_format])
def test_values_and_gradients_are_those_of_torch_s_layer(memory: torch.memory_format) -> None:
    torch.manual_seed(0)
    ours, theirs = PictureNorm(SHAPE), nn.LayerNorm(SHAPE)
    with torch.no_grad():
        ours.weight.normal_()
        ours.bias.normal_()
    theirs.load_state_dict(ours.state_dict())
    pictures, weights = torch.randn(3, *SHAPE).to(memory_format=memory), torch.randn(3, *SHAPE)
    seen = []
    for norm in (ours, theirs):
        given = pictures.clone(memory_format=torch.preserve_format).requires_grad_()
        out = norm(given)
        (out * weights).sum().backward()
        seen.append([out, given.grad, norm.weight.grad, norm.bias.grad])
    for got, wanted in zip(*seen, strict=True):
        assert got.shape == wanted.shape
        torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-5)


def test_pictures_stay_channels_last() -> None:
    pictures = torch.randn(3, *SHAPE).to(memory_format=torch.channels_last)
    assert PictureNorm(SHAPE)(pictures).is_contiguous(memory_format=torch.channels_last)
