"""Recipes that the bench trains: sound ones of several tasks, and the short one that faults are injected into."""

from __future__ import annotations

from typing import Any

GUARDS = {
    "preact_penalty": 0.02,
    "normalize_actor_loss": True,
    "critic_warmup_updates": 10,
}
DRIVE = {
    "num_envs": 10,
    "encoder": "small",
    "features_dim": 64,
    "hidden_sizes": [128, 128],
    "layer_norm": True,
    "batch_size": 128,
    "learning_starts": 1_000,
    "train_freq": 10,
    "log_every_updates": 4,
    "tau": 0.02,
    "actor_lr": 3.0e-4,
    "actor_cnn_lr": 3.0e-4,
    "critic_lr": 1.0e-3,
    "critic_cnn_lr": 3.0e-4,
    "exploration_noise": 0.2,
    "eval_every_steps": 1_000,
    "eval_episodes": 10,
    **GUARDS,
}
LOW_DIMENSIONAL = {
    "hidden_sizes": [64, 64],
    "learning_starts": 1_000,
    "log_every_updates": 10,
    "actor_lr": 1.0e-3,
    "critic_lr": 1.0e-3,
    "gamma": 0.98,
    "eval_every_steps": 1_000,
    "eval_episodes": 5,
}

Recipe = dict[str, Any]

FAULTY_TASK: Recipe = {"env": {"id": "drive", "camera_size": 32}, "train": DRIVE}

HEALTHY: dict[str, Recipe] = {
    "drive": FAULTY_TASK,
    "drive, few updates": {
        "env": {"id": "drive", "camera_size": 32},
        "train": DRIVE | {"train_freq": 50, "log_every_updates": 1},
    },
    "drive, rewards x100": {
        "env": {
            "id": "drive",
            "camera_size": 32,
            "reward": {
                "weights": {
                    "efficiency": 30.0,
                    "lane_keeping": 30.0,
                    "comfort": 10.0,
                    "safety": 100.0,
                    "progress": 30.0,
                }
            },
        },
        "train": DRIVE,
    },
    "drive, reward scale 0.1, clipped gradients": {
        "env": {"id": "drive", "camera_size": 32},
        "train": DRIVE
        | {"reward_scale": 0.1, "critic_cnn_max_grad_norm": 10.0, "critic_mlp_max_grad_norm": 10.0},
    },
    "drive, DDPG": {
        "env": {"id": "drive", "camera_size": 32},
        "train": DRIVE | {"algorithm": "ddpg"},
    },
    "pendulum (negative rewards only)": {
        "env": {"id": "gym:Pendulum-v1"},
        "train": LOW_DIMENSIONAL | {"hidden_sizes": [400, 300]},
    },
    "pendulum, two updates per four steps": {
        "env": {"id": "gym:Pendulum-v1"},
        "train": LOW_DIMENSIONAL | {"train_freq": 4, "gradient_steps": 2, "num_envs": 4},
    },
    "mountain car (sparse reward)": {
        "env": {"id": "gym:MountainCarContinuous-v0"},
        "train": LOW_DIMENSIONAL | {"train_freq": 2, "exploration_noise": 0.3},
    },
    "half cheetah (MuJoCo)": {
        "env": {"id": "gym:HalfCheetah-v5"},
        "train": LOW_DIMENSIONAL | {"train_freq": 2, "gamma": 0.99},
    },
}

QUICK = LOW_DIMENSIONAL | {
    "batch_size": 64,
    "num_envs": 4,
    "train_freq": 4,
    "log_every_updates": 4,
    "gamma": 0.99,
}
"""Seconds a run: 1,000 updates of small networks."""
QUICK_TASKS = {
    "pendulum": {"id": "gym:Pendulum-v1"},
    "point goal": {"id": "gym:tests.recipe_bench.point_goal:PointGoal-v0"},
}
"""One whose episodes all end by the time limit and whose rewards are all negative, one in which success ends them."""
EDGES: dict[str, dict[str, Any]] = {
    "plain": {},
    "gamma 0": {"gamma": 0.0},
    "gamma 0.5": {"gamma": 0.5},
    "gamma 0.9, tau 0.05": {"gamma": 0.9, "tau": 0.05},
    "gamma 0.999": {"gamma": 0.999},
    "tau 0.0005": {"tau": 5.0e-4},
    "tau 0.1": {"tau": 0.1},
    "rewards x0.001": {"reward_scale": 1.0e-3},
    "rewards x1000": {"reward_scale": 1.0e3},
    "normalised rewards": {"reward_normalization": True},
    "clipped rewards": {"reward_clip": 1.0},
    "DDPG": {"algorithm": "ddpg"},
    "DDPG, gamma 0.5": {"algorithm": "ddpg", "gamma": 0.5, "tau": 0.05},
    "LayerNorm": {"layer_norm": True},
    "LayerNorm, clipped gradients": {
        "layer_norm": True,
        "actor_mlp_max_grad_norm": 0.1,
        "critic_mlp_max_grad_norm": 0.1,
    },
    "gradients clipped to 0.001": {
        "actor_mlp_max_grad_norm": 1.0e-3,
        "critic_mlp_max_grad_norm": 1.0e-3,
    },
    "actor learning rate 1e-5": {"actor_lr": 1.0e-5},
    "critic learning rate 3e-5": {"critic_lr": 3.0e-5},
    "high learning rates": {"actor_lr": 4.0e-3, "critic_lr": 4.0e-3},
    "guards": GUARDS,
    "strong guards": GUARDS | {"preact_penalty": 0.2, "critic_warmup_updates": 300},
    "delay 4": {"policy_delay": 4},
    "one environment": {"num_envs": 1},
    "batch 16": {"batch_size": 16, "hidden_sizes": [16]},
    "small buffer": {"buffer_size": 500},
    "few updates": {"train_freq": 40, "log_every_updates": 1},
    "little exploration": {"exploration_noise": 0.01},
    "much exploration, then none": {
        "exploration_noise": 0.8,
        "exploration_noise_final": 0.0,
        "exploration_noise_decay_steps": 3_000,
    },
    "weight decay": {"critic_weight_decay": 1.0e-2},
    "no smoothing": {"target_policy_noise": 0.0},
    "wide smoothing": {"target_policy_noise": 1.0, "target_noise_clip": 1.0},
}
"""Sound recipes that come close to a level, or that a rule may take for a fault."""

HEALTHY |= {
    f"{task}: {edge}": {"env": env, "train": QUICK | changes}
    for task, env in QUICK_TASKS.items()
    for edge, changes in EDGES.items()
}
