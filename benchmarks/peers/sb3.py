"""Stable-Baselines3's TD3 with the networks of our presets: one encoder each for actor and critic."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import TD3
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import nn

from trainer.agents.networks import NATURE_LAYERS


class Features(BaseFeaturesExtractor):
    """Mnih et al. 2015's encoder beside the untouched vector; just the vector without a camera."""

    def __init__(self, space: gym.spaces.Dict, features_dim: int) -> None:
        vector = space["vector"].shape[0]
        has_camera = "camera" in space.spaces
        super().__init__(space, (features_dim if has_camera else 0) + vector)
        self.cnn: nn.Module | None = None
        if has_camera:
            channels, height, width = space["camera"].shape
            parts: list[nn.Module] = []
            for out, kernel, stride in NATURE_LAYERS:
                parts += [nn.Conv2d(channels, out, kernel, stride), nn.ReLU()]
                height, width = (height - kernel) // stride + 1, (width - kernel) // stride + 1
                channels = out
            self.cnn = nn.Sequential(
                *parts, nn.Flatten(), nn.Linear(channels * height * width, features_dim), nn.ReLU()
            )

    def forward(self, obs: dict[str, torch.Tensor]) -> torch.Tensor:
        if self.cnn is None:
            return obs["vector"]
        return torch.cat([self.cnn(obs["camera"]), obs["vector"]], dim=1)


class Spaces(gym.Env[dict[str, np.ndarray], np.ndarray]):
    """An environment that has spaces and nothing else."""

    def __init__(self, camera: tuple[int, int, int] | None, vector: int, actions: int) -> None:
        spaces: dict[str, gym.Space[Any]] = {
            "vector": gym.spaces.Box(-np.inf, np.inf, (vector,), np.float32)
        }
        if camera:
            spaces["camera"] = gym.spaces.Box(0, 255, camera, np.uint8)
        self.observation_space = gym.spaces.Dict(spaces)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (actions,), np.float32)


def agent(env: Any, *, buffer_size: int = 256, **options: Any) -> TD3:
    """Build the agent; learning rates and sizes are those of the preset drive-84."""
    settings: dict[str, Any] = {
        "batch_size": 256,
        "learning_rate": 1e-3,
        "policy_delay": 2,
        "train_freq": 1,
        "gradient_steps": 1,
        "action_noise": NormalActionNoise(np.zeros(2), np.full(2, 0.2)),
        "learning_starts": 1_000,
        "tau": 0.02,
        "device": "cpu",
        "seed": 0,
    }
    return TD3(
        "MultiInputPolicy",
        env,
        buffer_size=buffer_size,
        policy_kwargs={
            "features_extractor_class": Features,
            "features_extractor_kwargs": {"features_dim": 512},
            "net_arch": [256, 256],
            "share_features_extractor": False,
        },
        **(settings | options),
    )
