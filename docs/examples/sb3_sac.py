"""Stable-Baselines3's SAC on Pendulum through the 5k stage: judged while it trains, and when it ended."""

from __future__ import annotations

import sys

import gymnasium as gym
from stable_baselines3 import SAC

from gonogo.sb3 import Evidence

folder = sys.argv[1] if len(sys.argv) > 1 else "runs/sac"
model = SAC("MlpPolicy", "Pendulum-v1", gamma=0.98, train_freq=2, learning_starts=500, seed=0)
model.learn(
    5_000, callback=Evidence(folder, eval_env=gym.make("Pendulum-v1"), stage="5k", stop=True)
)
