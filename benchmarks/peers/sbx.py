"""SBX's TD3, which compiles an update with JAX; it has networks for vectors only."""

from __future__ import annotations

import os

# Read when JAX is imported: one thread, as the others have.
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

import gymnasium as gym
import numpy as np
from sbx import TD3
from stable_baselines3.common.logger import configure


class Spaces(gym.Env[np.ndarray, np.ndarray]):
    """An environment that has spaces and nothing else."""

    def __init__(self, vector: int, actions: int) -> None:
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (vector,), np.float32)
        self.action_space = gym.spaces.Box(-1.0, 1.0, (actions,), np.float32)


def agent(vector: int, actions: int, batch: int) -> TD3:
    """Build the agent with the settings of the other peers."""
    built = TD3(
        "MlpPolicy",
        Spaces(vector, actions),
        buffer_size=batch,
        batch_size=batch,
        learning_rate=1e-3,
        policy_delay=2,
        tau=0.02,
        policy_kwargs={"net_arch": [256, 256]},
        seed=0,
    )
    built.set_logger(configure(None, []))
    return built
