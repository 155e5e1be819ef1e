"""Trains the preset drive-84 with Stable-Baselines3: `python -m benchmarks.peers.sb3_stage STEPS THREADS FOLDER`.

The same environment, networks and schedule, with an evaluation before, in the middle and at the end, a log and a
saved model with its replay buffer.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import yaml
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.logger import configure
from stable_baselines3.common.monitor import Monitor

from benchmarks.peers.sb3 import agent
from trainer.envs.drive.config import DriveConfig
from trainer.envs.drive.env import DriveEnv

PRESET = Path(__file__).resolve().parents[2] / "config" / "presets" / "drive-84.yaml"


def main(steps: int, threads: int, folder: Path) -> None:
    torch.set_num_threads(threads)
    recipe = yaml.safe_load(PRESET.read_text(encoding="utf-8"))
    env_config, train = DriveConfig(**recipe["env"]), recipe["train"]
    env, eval_env = Monitor(DriveEnv(env_config)), Monitor(DriveEnv(env_config))
    model = agent(
        env,
        buffer_size=steps,
        batch_size=train["batch_size"],
        learning_starts=train["learning_starts"],
        train_freq=train["train_freq"],
        gradient_steps=train["gradient_steps"],
        tau=train["tau"],
    )
    model.set_logger(configure(str(folder), ["tensorboard"]))
    evaluate_policy(model, eval_env, n_eval_episodes=1)
    for _ in range(2):
        model.learn(steps // 2, reset_num_timesteps=False)
        evaluate_policy(model, eval_env, n_eval_episodes=1)
    model.save(folder / "model")
    model.save_replay_buffer(folder / "replay")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
