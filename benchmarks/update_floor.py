"""The least that an update's networks cost: their convolutions and matrix products alone, in both directions.

No activations, losses, optimisers, targets or copies; inputs are ready, products done by the quickest library. What TD3
asks for per critic update with twin critics: the target actor and the target critic forward, the critic forward and
backward. Per actor update: the actor forward and backward, the critic's encoder forward, one head forward and backward.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from trainer.agents.linear import matmul_transposed
from trainer.agents.networks import NATURE_LAYERS

BIAS = [True]
aten = torch.ops.aten


@dataclass(frozen=True)
class Convolution:
    picture: Tensor
    weight: Tensor
    out: Tensor
    stride: int
    first: bool

    def forward(self) -> None:
        torch.conv2d(self.picture, self.weight, None, self.stride)

    def backward(self) -> None:
        # The first layer's input needs no gradient.
        aten.convolution_backward(
            self.out,
            self.picture,
            self.weight,
            None,
            [self.stride] * 2,
            [0, 0],
            [1, 1],
            False,
            [0, 0],
            1,
            [not self.first, True, False],
        )


@dataclass(frozen=True)
class Product:
    rows: Tensor
    weight: Tensor
    out: Tensor

    def forward(self) -> None:
        matmul_transposed(self.rows, self.weight)

    def backward(self, weights: bool = True) -> None:
        matmul_transposed(self.out, self.weight.t())
        if weights:
            matmul_transposed(self.out.t(), self.rows.t())


def _product(batch: int, inputs: int, outputs: int) -> Product:
    return Product(
        torch.randn(batch, inputs), torch.randn(outputs, inputs), torch.randn(batch, outputs)
    )


class Floor:
    """The kernels of one update, average over `policy_delay` 2."""

    def __init__(
        self,
        camera: tuple[int, int, int] | None,
        vector: int,
        actions: int,
        batch: int,
        hidden: Sequence[int] = (256, 256),
        features: int = 512,
    ) -> None:
        self.encoder: list[Convolution | Product] = []
        inputs = vector
        if camera:
            channels, height, width = camera
            for number, (out, kernel, stride) in enumerate(NATURE_LAYERS):
                tall, wide = (height - kernel) // stride + 1, (width - kernel) // stride + 1
                layer = [
                    torch.randn(shape).to(memory_format=torch.channels_last)
                    for shape in (
                        (batch, channels, height, width),
                        (out, channels, kernel, kernel),
                        (batch, out, tall, wide),
                    )
                ]
                self.encoder.append(Convolution(*layer, stride, number == 0))  # type: ignore[arg-type]
                channels, height, width = out, tall, wide
            self.encoder.append(_product(batch, channels * height * width, features))
            inputs += features
        self.actor = self._mlp(batch, inputs, hidden, actions)
        self.head = self._mlp(batch, inputs + actions, hidden, 1)

    @staticmethod
    def _mlp(batch: int, inputs: int, hidden: Sequence[int], outputs: int) -> list[Product]:
        widths = [inputs, *hidden, outputs]
        return [_product(batch, a, b) for a, b in pairwise(widths)]

    def critic_update(self) -> None:
        for _ in range(3):  # target actor, target critic, critic
            _forward(self.encoder)
        _backward(self.encoder)
        _forward(self.actor)
        for _ in range(4):  # two heads and their targets
            _forward(self.head)
        for _ in range(2):
            _backward(self.head)

    def actor_update(self) -> None:
        for _ in range(2):  # actor, critic
            _forward(self.encoder)
        _backward(self.encoder)
        _forward(self.actor)
        _backward(self.actor)
        _forward(self.head)
        for layer in self.head:
            layer.backward(weights=False)

    @property
    def work(self) -> Callable[[], None]:
        """Two critic updates and one actor update."""

        @torch.no_grad()
        def two_updates() -> None:
            self.critic_update()
            self.critic_update()
            self.actor_update()

        return two_updates


def _forward(layers: Sequence[Convolution | Product]) -> None:
    for layer in layers:
        layer.forward()


def _backward(layers: Sequence[Convolution | Product]) -> None:
    for layer in layers:
        layer.backward()
