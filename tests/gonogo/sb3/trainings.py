"""Short trainings with Stable-Baselines3, and what they come to."""

from __future__ import annotations

import copy
import hashlib
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3 import DDPG, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.noise import NormalActionNoise

SMALL: dict[str, Any] = {
    "learning_starts": 200,
    "batch_size": 32,
    "policy_kwargs": {"net_arch": [16, 16]},
    "device": "cpu",
    "seed": 0,
}


def small(
    algorithm: type[BaseAlgorithm], *, envs: int = 1, policy: str = "MlpPolicy", **changed: Any
) -> BaseAlgorithm:
    """Make a model that trains in seconds, on Pendulum unless `env` says otherwise."""
    env = changed.pop("env", None) or make_vec_env("Pendulum-v1", envs, seed=0)
    settings = copy.deepcopy(SMALL) | changed
    if algorithm in (TD3, DDPG):
        settings = {"action_noise": NormalActionNoise(np.zeros(1), np.full(1, 0.1))} | settings
    return algorithm(policy, env, **settings)


def learned(model: BaseAlgorithm) -> str:
    """Hash every parameter and what the optimisers remember."""
    digest = hashlib.sha256()
    for _, value in sorted(model.policy.state_dict().items()):
        digest.update(value.detach().cpu().numpy().tobytes())
    for network in (model.policy, getattr(model, "actor", None), getattr(model, "critic", None)):
        optimizer = getattr(network, "optimizer", None)
        for state in optimizer.state.values() if optimizer is not None else ():
            digest.update(b"".join(np.asarray(v.cpu()).tobytes() for v in state.values()))
    return digest.hexdigest()


def pendulum() -> gymnasium.Env[Any, Any]:
    """Make an environment for evaluations."""
    return gymnasium.make("Pendulum-v1")


__all__ = ["DDPG", "SAC", "TD3", "learned", "pendulum", "small"]
