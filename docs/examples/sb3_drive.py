"""Stable-Baselines3's TD3 with a CNN on the embedded driving task; actor and critic have an encoder each."""

from __future__ import annotations

import sys

import gymnasium as gym
import numpy as np
from stable_baselines3 import TD3
from stable_baselines3.common.noise import NormalActionNoise

from gonogo.sb3 import Evidence


def drive() -> gym.Env:
    """Make the task, with pictures that are large enough for the usual CNN."""
    return gym.make("trainer.envs.drive.env:gonogo/Drive-v0", camera_size=36)


folder = sys.argv[1] if len(sys.argv) > 1 else "runs/sb3-drive"
model = TD3(
    "MultiInputPolicy",
    drive(),
    learning_rate=1e-4,
    batch_size=64,
    buffer_size=10_000,
    learning_starts=1_000,
    train_freq=8,
    gamma=0.98,
    action_noise=NormalActionNoise(np.zeros(2), np.full(2, 0.1)),
    seed=0,
)
model.learn(
    5_000, callback=Evidence(folder, eval_env=drive(), eval_episodes=3, every=5, stage="5k")
)
