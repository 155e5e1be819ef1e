"""Recipes drawn at random for the bench: the same one for an index every time."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Task:
    """An environment and what its returns mean, whatever a gate says of them."""

    env: dict[str, Any]
    random_return: float
    """Mean return of uniformly random actions."""
    good_return: float
    """Return of a policy that has learned the task."""
    base: dict[str, Any]


MLP = {"hidden_sizes": [64, 64]}
TASKS: dict[str, Task] = {
    "drive": Task(
        env={"id": "drive", "camera_size": 32},
        random_return=-6.0,
        good_return=160.0,
        base={"encoder": "small", "features_dim": 64, "hidden_sizes": [128, 128]},
    ),
    "pendulum": Task(
        env={"id": "gym:Pendulum-v1"}, random_return=-1_230.0, good_return=-200.0, base=MLP
    ),
    "point goal": Task(
        env={"id": "gym:tests.recipe_bench.point_goal:PointGoal-v0"},
        random_return=-78.0,
        good_return=-4.0,
        base=MLP,
    ),
    "inverted pendulum": Task(
        env={"id": "gym:InvertedPendulum-v5"}, random_return=6.0, good_return=900.0, base=MLP
    ),
}

CLIP_LIMITS = ("actor_cnn", "actor_mlp", "critic_cnn", "critic_mlp")


def draw(task: str, index: int) -> dict[str, Any]:
    """Draw the `train` section of a recipe; the cadence of the stage is not in it."""
    dice = random.Random(f"{task}/{index}")

    def log_uniform(low: float, high: float) -> float:
        return float(f"{low * (high / low) ** dice.random():.3g}")

    num_envs = dice.choice((1, 5, 10))
    train_freq = dice.choice((10, 25, 50) if task == "drive" else (2, 5, 10, 10, 25))
    recipe: dict[str, Any] = {
        **TASKS[task].base,
        "algorithm": "ddpg" if dice.random() < 0.2 else "td3",
        "num_envs": num_envs,
        "layer_norm": dice.random() < 0.5,
        "batch_size": dice.choice((32, 64, 64, 128, 256)),
        "buffer_size": dice.choice((3_000, 50_000, 300_000)),
        "learning_starts": dice.choice((200, 1_000, 2_500)),
        "train_freq": train_freq,
        "gradient_steps": dice.choice((1, 1, 2)),
        "log_every_updates": dice.choice((1, 4, 20)),
        "gamma": dice.choice((0.0, 0.5, 0.9, 0.95, 0.98, 0.99, 0.99, 0.997, 0.999)),
        "tau": log_uniform(0.002, 0.1),
        "actor_lr": log_uniform(2e-5, 5e-3),
        "critic_lr": log_uniform(5e-5, 5e-3),
        "actor_cnn_lr": log_uniform(2e-5, 2e-3),
        "critic_cnn_lr": log_uniform(5e-5, 2e-3),
        "exploration_noise": dice.choice((0.05, 0.1, 0.2, 0.4)),
        "critic_warmup_updates": dice.choice((0, 0, 10, 100)),
        "preact_penalty": dice.choice((0.0, 0.02, 0.02, 0.2)),
        "normalize_actor_loss": dice.random() < 0.5,
    }
    rewards = dice.random()
    if rewards < 0.1:
        recipe["reward_normalization"] = True
    else:
        recipe["reward_scale"] = dice.choice((0.01, 0.1, 1.0, 1.0, 1.0, 10.0, 100.0))
        if rewards > 0.9:
            recipe["reward_clip"] = 5.0
    if dice.random() < 0.2:
        recipe |= {f"{module}_max_grad_norm": log_uniform(0.1, 10) for module in CLIP_LIMITS}
    if dice.random() < 0.15:
        recipe["critic_weight_decay"] = log_uniform(1e-5, 1e-2)
    if recipe["algorithm"] == "td3":
        recipe["policy_delay"] = dice.choice((1, 2, 2, 4))
    return recipe
