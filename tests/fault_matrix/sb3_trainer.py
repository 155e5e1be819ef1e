"""Stable-Baselines3's TD3 as people run it, with one trouble; the arguments are those of `logging_trainer.py`."""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import TD3
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import NormalActionNoise

SAVE_EVERY = 300


class Watch(BaseCallback):
    """Saves now and then and on SIGTERM, and lets the trouble strike."""

    def __init__(self, options: argparse.Namespace, trouble: str) -> None:
        super().__init__()
        self.options, self.trouble = options, trouble
        self.stopped = False

    def _on_step(self) -> bool:
        if self.stopped or self.num_timesteps % SAVE_EVERY == 0:
            self.save()
        if self.stopped:
            sys.exit(0)  # as trainers do that take SIGTERM for a wish
        if self.trouble != "none" and self.num_timesteps == self.options.at:
            act(self.trouble, self.options, self.num_timesteps)
        return True

    def save(self) -> None:
        folder = self.options.checkpoints
        folder.mkdir(parents=True, exist_ok=True)
        self.model.save_replay_buffer(folder / f"replay-{self.num_timesteps}.pkl")
        self.model.save(folder / f"agent-{self.num_timesteps}.zip")


def act(trouble: str, options: argparse.Namespace, step: int) -> None:
    (options.events.parent / "struck.json").write_text(
        json.dumps({"at": time.time(), "step": step})
    )
    name, _, argument = trouble.partition(":")
    if name == "kill":
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.kill(os.getpid(), int(argument or signal.SIGKILL))
    elif name == "exit":
        os._exit(int(argument))
    elif name == "slow":
        time.sleep(float(argument or 1.0))
    elif name == "hang":
        time.sleep(600)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--events", type=Path, required=True)
    parser.add_argument("--checkpoints", type=Path, required=True)
    parser.add_argument("--trouble", default="none")
    parser.add_argument("--at", type=int, default=800)
    parser.add_argument("--resume", type=Path)
    parser.add_argument("--new-folder", action="store_true")
    options = parser.parse_args()
    struck = (options.events.parent / "struck.json").exists()
    watch = Watch(options, "none" if struck else options.trouble)

    def stop(*_: object) -> None:
        watch.stopped = True

    signal.signal(signal.SIGTERM, stop)
    torch.set_num_threads(1)
    env = gym.make("Pendulum-v1", max_episode_steps=50)
    if options.resume is None:
        model = TD3(
            "MlpPolicy",
            env,
            learning_starts=200,
            batch_size=32,
            policy_kwargs={"net_arch": [32, 32]},
            action_noise=NormalActionNoise(np.zeros(1), 0.1 * np.ones(1)),
            tensorboard_log=str(options.events),
            seed=0,
        )
    else:
        model = TD3.load(options.resume, env=env, tensorboard_log=str(options.events))
        replay = options.resume.name.replace("agent", "replay").replace(".zip", ".pkl")
        model.load_replay_buffer(options.resume.with_name(replay))
    name = f"TD3_{time.time_ns()}" if options.new_folder else "TD3"
    model.learn(
        options.steps - model.num_timesteps,
        callback=watch,
        log_interval=2,
        tb_log_name=name,
        reset_num_timesteps=options.resume is None,
    )
    if watch.trouble != "none" and options.at > options.steps:
        act(watch.trouble, options, options.steps)


if __name__ == "__main__":
    main()
