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
