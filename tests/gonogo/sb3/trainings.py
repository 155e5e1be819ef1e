"""Short trainings with Stable-Baselines3, and what they come to."""

from __future__ import annotations

import copy
import hashlib
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.vec_env import VecNormalize
from stable_baselines3.her import HerReplayBuffer

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
    task = "CartPole-v1" if algorithm is DQN else "Pendulum-v1"
    env = changed.pop("env", None) or make_vec_env(task, envs, seed=0)
    settings = copy.deepcopy(SMALL) | changed
    if algorithm in (PPO, A2C):
        del settings["learning_starts"], settings["batch_size"]
        settings |= {"n_steps": 64, "batch_size": 32} if algorithm is PPO else {}
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


class Pictures(gymnasium.Env[Any, Any]):
    """A square that the action moves; a reward for the middle of the picture."""

    observation_space = spaces.Box(0, 255, (1, 36, 36), np.uint8)
    action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self._place, self._steps = int(self.np_random.integers(4, 32)), 0
        return self._picture(), {}

    def step(self, action: Any) -> Any:
        self._place = int(np.clip(self._place + 3 * float(action[0]), 2, 33))
        self._steps += 1
        reward = -abs(self._place - 18) / 18.0
        return self._picture(), reward, False, self._steps >= 40, {}

    def _picture(self) -> Any:
        picture = np.zeros((1, 36, 36), dtype=np.uint8)
        picture[:, 16:20, self._place - 2 : self._place + 2] = 255
        return picture


class Goals(gymnasium.Env[Any, Any]):
    """Reach a number on a line; the observations are those of tasks with goals."""

    _LINE = spaces.Box(-2.0, 2.0, (1,), np.float32)
    observation_space = spaces.Dict(
        {"observation": _LINE, "achieved_goal": _LINE, "desired_goal": _LINE}
    )
    action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self._goal, self._place = self.np_random.uniform(-1, 1, 1).astype(np.float32), np.zeros(1)
        self._steps = 0
        return self._seen(), {}

    def step(self, action: Any) -> Any:
        self._place = np.clip(self._place + 0.2 * action, -2.0, 2.0)
        self._steps += 1
        seen = self._seen()
        reward = float(self.compute_reward(seen["achieved_goal"], self._goal, {}))
        return seen, reward, False, self._steps >= 20, {}

    def compute_reward(self, achieved: Any, desired: Any, _: Any) -> Any:
        return -(np.abs(achieved - desired).max(axis=-1) > 0.1).astype(np.float32)

    def _seen(self) -> dict[str, Any]:
        place = self._place.astype(np.float32)
        return {"observation": place, "achieved_goal": place, "desired_goal": self._goal}


def normalised(envs: int = 2) -> VecNormalize:
    """Make environments whose observations and rewards are normalised."""
    return VecNormalize(make_vec_env("Pendulum-v1", envs, seed=0))


def of(env: type[gymnasium.Env[Any, Any]]) -> Any:
    """Make one environment of a class, the same one every time."""
    return make_vec_env(env, 1, seed=0)


def pendulum() -> gymnasium.Env[Any, Any]:
    """Make an environment for evaluations."""
    return gymnasium.make("Pendulum-v1")


__all__ = [
    "A2C",
    "DDPG",
    "DQN",
    "PPO",
    "SAC",
    "TD3",
    "Goals",
    "HerReplayBuffer",
    "Pictures",
    "learned",
    "normalised",
    "of",
    "pendulum",
    "small",
]
