"""Sound trainings of Stable-Baselines3, drawn at random: the same one for an index every time."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3 import DDPG, SAC, TD3
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

STEPS = 5_000
Make = Callable[[], "gymnasium.Env[Any, Any]"]


class SparseReach(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Rewards nothing but the end: 1 where the task was reached."""

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        obs, _, terminated, truncated, info = self.env.step(action)
        return obs, float(terminated), terminated, truncated, info


def _gym(name: str, **settings: Any) -> Make:
    return lambda: gymnasium.make(name, **settings)


def _thousandfold() -> gymnasium.Env[Any, Any]:
    return gymnasium.wrappers.TransformReward(gymnasium.make("Pendulum-v1"), lambda r: 1000.0 * r)


def _point_goal(*, sparse: bool = False) -> Make:
    def make() -> gymnasium.Env[Any, Any]:
        from tests.recipe_bench.point_goal import ID

        env = gymnasium.make(ID)
        return SparseReach(env) if sparse else env

    return make


TASKS: dict[str, Make] = {
    "pendulum": _gym("Pendulum-v1"),
    "inverted pendulum": _gym("InvertedPendulum-v5"),
    "point goal": _point_goal(),
    "reacher": _gym("Reacher-v5"),
    "mountain car": _gym("MountainCarContinuous-v0"),
    "thousandfold": _thousandfold,
    "sparse point goal": _point_goal(sparse=True),
    "five steps": _gym("Pendulum-v1", max_episode_steps=5),
    "never ending": _gym("Pendulum-v1", max_episode_steps=1_000_000),
    "hopper": _gym("Hopper-v5"),
}
ALGORITHMS: dict[str, type[OffPolicyAlgorithm]] = {"td3": TD3, "ddpg": DDPG, "sac": SAC}


def draw(index: int) -> dict[str, Any]:
    """Draw a recipe: task and algorithm in turn, everything else at random."""
    dice = random.Random(f"sb3/{index}")
    task = [*TASKS][index % len(TASKS)]
    algorithm = ("td3", "sac", "td3", "ddpg", "sac")[(index // 2 + index // 20) % 5]
    envs = dice.choice((1, 1, 1, 2, 4))
    frequency: Any = dice.choice((1, 2, 2, 4))
    if envs == 1 and dice.random() < 0.2 and task != "never ending":
        frequency = (1, "episode")
    return {
        "task": task,
        "algorithm": algorithm,
        "envs": envs,
        "train_freq": frequency,
        "gradient_steps": 1 if frequency != (1, "episode") else dice.choice((-1, 50)),
        "gamma": dice.choice((0.9, 0.95, 0.98, 0.99, 0.99, 0.999)),
        "tau": dice.choice((0.005, 0.005, 0.01, 0.02)),
        "learning_rate": float(f"{10 ** dice.uniform(-3.7, -2.7):.2g}"),
        "batch_size": dice.choice((64, 64, 128, 256)),
        "learning_starts": dice.choice((200, 500, 1_000)),
        "net_arch": dice.choice(([64, 64], [64, 64], [128, 128], [400, 300])),
        "seed": index,
    }


def base(task: str, algorithm: str, seed: int) -> dict[str, Any]:
    """Return the recipe that faults are injected into."""
    return {
        "task": task,
        "algorithm": algorithm,
        "envs": 1,
        "train_freq": 4,
        "gradient_steps": 1,
        "gamma": 0.98,
        "tau": 0.005,
        "learning_rate": 1e-3,
        "batch_size": 64,
        "learning_starts": 500,
        "net_arch": [64, 64],
        "seed": seed,
    }


def build(recipe: dict[str, Any], wrap: Callable[[Any], Any] | None = None) -> OffPolicyAlgorithm:
    """Make the model of a recipe; `wrap` changes its environments."""
    settings = dict(recipe)
    make, kind = TASKS[settings.pop("task")], settings.pop("algorithm")
    wrapped = make if wrap is None else (lambda: wrap(make()))
    env = make_vec_env(wrapped, settings.pop("envs"), seed=settings["seed"])
    if kind != "sac":
        size = env.action_space.shape[0]
        noise = settings.pop("noise", 0.1)
        settings["action_noise"] = (
            NormalActionNoise(np.zeros(size), np.full(size, noise)) if noise else None
        )
    policy_kwargs = {"net_arch": settings.pop("net_arch")}
    return ALGORITHMS[kind]("MlpPolicy", env, policy_kwargs=policy_kwargs, device="cpu", **settings)
