"""Encoder, actor and twin critic; actor and critic have encoders of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer.agents.linear import Linear
from trainer.config import TrainConfig
from trainer.observation import Observation, ObservationShape

NATURE_LAYERS = ((32, 8, 4), (64, 4, 2), (64, 3, 1))
"""Channels, kernel and stride of Mnih et al. 2015."""
SMALL_LAYERS = ((16, 4, 4), (32, 3, 2))
"""For cameras of about 32 pixels: non-overlapping patches, then one strided layer; a tenth of the cost."""


class Layers(nn.Sequential):
    """Layers one after the other, without hooks: for one observation those cost as much as the layers."""

    def forward(self, values: Tensor) -> Tensor:
        """Apply every layer."""
        for layer in self._modules.values():
            values = layer.forward(values)
        return values


class PictureNorm(nn.LayerNorm):
    """`torch.nn.LayerNorm` over `[channels, height, width]` that leaves pictures in channels-last memory."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise each picture of `float32[batch, channels, height, width]` as a whole."""
        # A mean over everything does not depend on the order; torch's layer would reorder twice.
        channels, height, width = self.normalized_shape
        normalised = functional.layer_norm(
            input.permute(0, 2, 3, 1),
            [height, width, channels],
            self.weight.permute(1, 2, 0),
            self.bias.permute(1, 2, 0),
            self.eps,
        )
        return normalised.permute(0, 3, 1, 2)


class Encoder(nn.Module):
    """Convolutions and one linear layer: `float32[batch, stack, height, width]` to `float32[batch, features_dim]`.

    Raises:
        ValueError: The picture is too small for the kernels.
    """

    def __init__(
        self,
        camera: tuple[int, int, int],
        layers: Sequence[tuple[int, int, int]],
        features_dim: int,
        layer_norm: bool,
        bf16: bool,
    ) -> None:
        super().__init__()
        self._bf16 = bf16
        channels, height, width = camera
        parts: list[nn.Module] = []
        for out_channels, kernel, stride in layers:
            height, width = (height - kernel) // stride + 1, (width - kernel) // stride + 1
            if min(height, width) < 1:
                raise ValueError(
                    f"a camera of {camera[1]}x{camera[2]} pixels is too small for this encoder"
                )
            parts.append(nn.Conv2d(channels, out_channels, kernel, stride))
            if layer_norm:
                parts.append(PictureNorm([out_channels, height, width]))
            # In place on a view, as the norm returns one, autograd would copy more than that saves.
            parts.append(nn.ReLU(inplace=not layer_norm))
            channels = out_channels
        parts += [nn.Flatten(), Linear(channels * height * width, features_dim)]
        if layer_norm:
            parts.append(nn.LayerNorm(features_dim))
        parts.append(nn.ReLU())
        self.layers = Layers(*parts).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, camera: Tensor) -> Tensor:
        """Encode pictures with values in [0, 1]; quickest in channels-last memory."""
        # Actions are computed in inference mode; a single picture is quicker in fp32.
        if not self._bf16 or torch.is_inference_mode_enabled():
            features: Tensor = self.layers(camera)
            return features
        with torch.autocast(camera.device.type, torch.bfloat16):
            return self.layers(camera).float()  # type: ignore[no-any-return]


def mlp(inputs: int, hidden: Sequence[int], outputs: int, layer_norm: bool) -> Layers:
    """Build ReLU layers with a linear output."""
    parts: list[nn.Module] = []
    for width in hidden:
        parts.append(Linear(inputs, width))
        if layer_norm:
            parts.append(nn.LayerNorm(width))
        parts.append(nn.ReLU(inplace=True))
        inputs = width
    return Layers(*parts, Linear(inputs, outputs))


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Sizes shared by actor and critic."""

    observation: ObservationShape
    action_dim: int
    encoder_layers: Sequence[tuple[int, int, int]]
    features_dim: int
    hidden_sizes: Sequence[int]
    layer_norm: bool
    twin_critics: bool
    bf16: bool
    """Encoders calculate in bfloat16."""

    @classmethod
    def of(
        cls, config: TrainConfig, observation: ObservationShape, action_dim: int
    ) -> Architecture:
        """Return the architecture of a recipe."""
        return cls(
            observation=observation,
            action_dim=action_dim,
            encoder_layers=NATURE_LAYERS if config.encoder == "nature" else SMALL_LAYERS,
            features_dim=config.features_dim,
            hidden_sizes=config.hidden_sizes,
            layer_norm=config.layer_norm,
            twin_critics=config.twin_critics,
            bf16=config.precision == "bf16",
        )

    @property
    def inputs(self) -> int:
        """Width of the MLPs' input without the action."""
        return self.observation.vector + (self.features_dim if self.observation.camera else 0)

    def build_encoder(self) -> Encoder | None:
        """Build a new encoder, or None when there is no camera."""
        if self.observation.camera is None:
            return None
        return Encoder(
            self.observation.camera,
            self.encoder_layers,
            self.features_dim,
            self.layer_norm,
            self.bf16,
        )


class _EncodingModule(nn.Module):
    cnn: Encoder | None

    def encode(self, obs: Observation) -> Tensor:
        """Join the picture's features with the vector: `float32[batch, inputs]`."""
        camera = obs.scaled().camera
        if self.cnn is None or camera is None:
            return obs.vector
        return torch.cat([self.cnn(camera), obs.vector], dim=1)


class Actor(_EncodingModule):
    """Deterministic policy `tanh(z)`."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.cnn = architecture.build_encoder()
        self.mlp = mlp(
            architecture.inputs,
            architecture.hidden_sizes,
            architecture.action_dim,
            architecture.layer_norm,
        )

    def preactivation(self, features: Tensor) -> Tensor:
        """Output `z` before the tanh, `float32[batch, action_dim]`."""
        z: Tensor = self.mlp(features)
        return z

    def squash(self, z: Tensor) -> Tensor:
        """Bound `z` to actions in [-1, 1]."""
        return torch.tanh(z)

    def forward(self, obs: Observation) -> Tensor:
        """Return actions in [-1, 1], `float32[batch, action_dim]`."""
        return self.squash(self.preactivation(self.encode(obs)))


class Critic(_EncodingModule):
    """One encoder and one or two Q heads."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.cnn = architecture.build_encoder()
        inputs = architecture.inputs + architecture.action_dim
        heads = 2 if architecture.twin_critics else 1
        self.heads = nn.ModuleList(
            mlp(inputs, architecture.hidden_sizes, 1, architecture.layer_norm) for _ in range(heads)
        )

    def values(self, features: Tensor, action: Tensor) -> tuple[Tensor, ...]:
        """Return the Q value of each head, `float32[batch]`."""
        inputs = torch.cat([features, action], dim=1)
        return tuple(head(inputs).squeeze(1) for head in self.heads)

    def q1(self, features: Tensor, action: Tensor) -> Tensor:
        """Return the first head's Q value, `float32[batch]`."""
        value: Tensor = self.heads[0](torch.cat([features, action], dim=1)).squeeze(1)
        return value


def compile_for_updates(networks: Iterable[nn.Module]) -> None:
    """Let torch compile what updates ask of networks; actions come from their uncompiled `forward`."""
    for network in networks:
        for method in ("encode", "preactivation", "values", "q1"):
            if hasattr(network, method):
                setattr(network, method, torch.compile(getattr(network, method), dynamic=False))
