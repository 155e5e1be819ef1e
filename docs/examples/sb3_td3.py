"""Stable-Baselines3's TD3 on a Gymnasium task, as an example of a trainer by command.

It takes its settings from the command line, logs to TensorBoard and saves itself now and then. One line of it is
gonogo's: the callback `Evidence`, which also evaluates the untrained policy and later ones.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import gymnasium as gym
import numpy as np
from stable_baselines3 import TD3
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.logger import configure
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.noise import NormalActionNoise

from gonogo.sb3 import Evidence


class Save(BaseCallback):
    """Saves agent and replay buffer, each under a temporary name first, so that none is half there."""

    def __init__(self, folder: Path, every_steps: int) -> None:
        super().__init__()
        self._folder = folder
        self._every_steps = every_steps

    def _on_step(self) -> bool:
        if self.num_timesteps % self._every_steps == 0:
            self.model.save_replay_buffer(self._folder / "replay.new.pkl")
            self.model.save(self._folder / "agent.new.zip")
            (self._folder / "replay.new.pkl").replace(self._folder / "replay.pkl")
            (self._folder / "agent.new.zip").replace(self._folder / "agent.zip")
        return True


def main() -> None:
    """Train until the total number of environment steps is reached."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--env-id", default="Pendulum-v1")
    parser.add_argument("--total-timesteps", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log-dir", type=Path, required=True)
    parser.add_argument("--save-dir", type=Path, required=True)
    parser.add_argument("--save-every", type=int, default=1000)
    parser.add_argument("--eval-every", type=int, default=2500)
    parser.add_argument("--eval-episodes", type=int, default=10)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--gamma", type=float, default=0.99)
    parser.add_argument("--learning-starts", type=int, default=1000)
    parser.add_argument("--net-arch", type=int, nargs="+", default=[400, 300])
    parser.add_argument("--resume", type=Path, help="agent.zip of an earlier call")
    args = parser.parse_args()

    args.save_dir.mkdir(parents=True, exist_ok=True)
    env = Monitor(gym.make(args.env_id))
    if args.resume is None:
        actions = env.action_space.shape[0]
        model = TD3(
            "MlpPolicy",
            env,
            learning_rate=args.learning_rate,
            batch_size=args.batch_size,
            gamma=args.gamma,
            learning_starts=args.learning_starts,
            train_freq=1,
            action_noise=NormalActionNoise(np.zeros(actions), 0.1 * np.ones(actions)),
            policy_kwargs={"net_arch": args.net_arch},
            seed=args.seed,
        )
    else:
        model = TD3.load(args.resume, env=env)
        model.load_replay_buffer(args.resume.with_name("replay.pkl"))
    model.set_logger(configure(str(args.log_dir), ["tensorboard"]))
    evidence = Evidence(
        args.log_dir,
        eval_env=gym.make(args.env_id),
        eval_every=args.eval_every,
        eval_episodes=args.eval_episodes,
    )
    model.learn(
        args.total_timesteps - model.num_timesteps,
        callback=CallbackList([Save(args.save_dir, args.save_every), evidence]),
        log_interval=1,
        reset_num_timesteps=args.resume is None,
    )


if __name__ == "__main__":
    main()
