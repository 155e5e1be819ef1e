"""TD3 in one file, in the style of CleanRL.

Fujimoto, van Hoof, Meger 2018, Algorithm 1. It logs the tags of CleanRL's scripts and saves nothing:
after an interruption it starts from scratch. With `--evidence DIR` it also collects what a verdict needs:

    python cleanrl_td3.py --total-timesteps 5000 --log-dir logs --gamma 0.98 --evidence runs/mine
    gonogo gate runs/mine --stage 5k
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.utils.tensorboard import SummaryWriter

import gonogo


class QNetwork(nn.Module):
    """float32[batch, obs_dim], float32[batch, act_dim] -> float32[batch, 1]."""

    def __init__(self, obs_dim: int, act_dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(obs_dim + act_dim, 256)
        self.fc2 = nn.Linear(256, 256)
        self.fc3 = nn.Linear(256, 1)

    def forward(self, obs: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        """Return the value of an action."""
        x = F.relu(self.fc1(torch.cat([obs, action], dim=1)))
        return self.fc3(F.relu(self.fc2(x)))


class Actor(nn.Module):
    """float32[batch, obs_dim] -> float32[batch, act_dim] within the bounds of the action space."""

    def __init__(self, obs_dim: int, space: gym.spaces.Box) -> None:
        super().__init__()
        self.fc1 = nn.Linear(obs_dim, 256)
        self.fc2 = nn.Linear(256, 256)
        self.fc_mu = nn.Linear(256, space.shape[0])
        self.register_buffer("scale", torch.tensor((space.high - space.low) / 2))
        self.register_buffer("bias", torch.tensor((space.high + space.low) / 2))

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        """Return the action."""
        x = F.relu(self.fc2(F.relu(self.fc1(obs))))
        return torch.tanh(self.fc_mu(x)) * self.scale + self.bias


def parse_args() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--env-id", default="Pendulum-v1")
    parser.add_argument("--total-timesteps", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log-dir", type=Path, required=True)
    parser.add_argument("--evidence", type=Path, help="run directory for gonogo")
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--gamma", type=float, default=0.99)
    parser.add_argument("--tau", type=float, default=0.005)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--policy-noise", type=float, default=0.2)
    parser.add_argument("--noise-clip", type=float, default=0.5)
    parser.add_argument("--exploration-noise", type=float, default=0.1)
    parser.add_argument("--learning-starts", type=int, default=1000)
    parser.add_argument("--policy-frequency", type=int, default=2)
    return parser.parse_args()


def main() -> None:
    """Train for the given number of environment steps."""
    args = parse_args()
    random.seed(args.seed)
    np.random.seed(args.seed)
    torch.manual_seed(args.seed)
    writer = SummaryWriter(str(args.log_dir), flush_secs=1)
    env = gym.wrappers.RecordEpisodeStatistics(gym.make(args.env_id))
    env.action_space.seed(args.seed)
    space = env.action_space
    assert isinstance(space, gym.spaces.Box)
    obs_dim, act_dim = int(np.prod(env.observation_space.shape)), space.shape[0]

    actor, target_actor = Actor(obs_dim, space), Actor(obs_dim, space)
    qf1, qf2 = QNetwork(obs_dim, act_dim), QNetwork(obs_dim, act_dim)
    qf1_target, qf2_target = QNetwork(obs_dim, act_dim), QNetwork(obs_dim, act_dim)
    pairs = ((actor, target_actor), (qf1, qf1_target), (qf2, qf2_target))
    for net, target in pairs:
        target.load_state_dict(net.state_dict())
    q_parameters = [*qf1.parameters(), *qf2.parameters()]
    q_optimizer = torch.optim.Adam(q_parameters, lr=args.learning_rate)
    actor_optimizer = torch.optim.Adam(actor.parameters(), lr=args.learning_rate)

    watch = None
    if args.evidence:
        watch = gonogo.watch(
            args.evidence,
            actor=actor,
            critics=[qf1, qf2],
            actor_optimizer=actor_optimizer,
            critic_optimizer=q_optimizer,
            action_low=space.low,
            action_high=space.high,
            gamma=args.gamma,
            planned_steps=args.total_timesteps,
            config={"tau": args.tau, "batch_size": args.batch_size},
            seed=args.seed,
        )

    capacity = args.total_timesteps
    observations = np.zeros((capacity, obs_dim), np.float32)
    next_observations = np.zeros((capacity, obs_dim), np.float32)
    actions = np.zeros((capacity, act_dim), np.float32)
    rewards = np.zeros((capacity, 1), np.float32)
    terminations = np.zeros((capacity, 1), np.float32)

    start = time.time()
    obs, _ = env.reset(seed=args.seed)
    for global_step in range(1, args.total_timesteps + 1):
        if global_step <= args.learning_starts:
            action = space.sample()
        else:
            with torch.no_grad():
                action = actor(torch.as_tensor(obs, dtype=torch.float32)[None])[0].numpy()
            noise = np.random.normal(0.0, args.exploration_noise, act_dim) * actor.scale.numpy()
            action = np.clip(action + noise, space.low, space.high).astype(np.float32)
        next_obs, reward, terminated, truncated, info = env.step(action)
        index = global_step - 1
        observations[index], next_observations[index] = obs, next_obs
        actions[index], rewards[index], terminations[index] = action, reward, terminated
        obs = next_obs
        if terminated or truncated:
            length, earned = info["episode"]["l"], info["episode"]["r"]
            writer.add_scalar("charts/episodic_return", earned, global_step)
            writer.add_scalar("charts/episodic_length", length, global_step)
            if watch:
                watch.episode(global_step, length=length, reward=earned, terminated=terminated)
            obs, _ = env.reset()

        if global_step <= args.learning_starts:
            continue
        batch = torch.as_tensor(np.random.randint(0, global_step, args.batch_size))
        b_obs, b_next = (
            torch.as_tensor(observations)[batch],
            torch.as_tensor(next_observations)[batch],
        )
        b_action, b_reward = torch.as_tensor(actions)[batch], torch.as_tensor(rewards)[batch]
        b_terminated = torch.as_tensor(terminations)[batch]
        if watch:
            watch.batch(global_step, rewards=b_reward, terminated=b_terminated)
        with torch.no_grad():
            noise = (torch.randn_like(b_action) * args.policy_noise).clamp(
                -args.noise_clip, args.noise_clip
            ) * target_actor.scale
            low, high = torch.as_tensor(space.low), torch.as_tensor(space.high)
            next_action = (target_actor(b_next) + noise).clamp(low, high)
            next_q = torch.min(qf1_target(b_next, next_action), qf2_target(b_next, next_action))
            target = b_reward + args.gamma * (1.0 - b_terminated) * next_q
        q1, q2 = qf1(b_obs, b_action), qf2(b_obs, b_action)
        qf1_loss, qf2_loss = F.mse_loss(q1, target), F.mse_loss(q2, target)
        q_optimizer.zero_grad()
        (qf1_loss + qf2_loss).backward()
        q_optimizer.step()

        if global_step % args.policy_frequency == 0:
            actor_loss = -qf1(b_obs, actor(b_obs)).mean()
            actor_optimizer.zero_grad()
            actor_loss.backward()
            actor_optimizer.step()
            with torch.no_grad():
                for net, target_net in pairs:
                    for old, new in zip(target_net.parameters(), net.parameters(), strict=True):
                        old.lerp_(new, args.tau)

        if global_step % 100 == 0:
            writer.add_scalar("losses/qf1_values", q1.mean().item(), global_step)
            writer.add_scalar("losses/qf2_values", q2.mean().item(), global_step)
            writer.add_scalar("losses/qf1_loss", qf1_loss.item(), global_step)
            writer.add_scalar("losses/qf2_loss", qf2_loss.item(), global_step)
            writer.add_scalar("losses/qf_loss", (qf1_loss + qf2_loss).item() / 2.0, global_step)
            writer.add_scalar("losses/actor_loss", actor_loss.item(), global_step)
            speed = global_step / (time.time() - start)
            writer.add_scalar("charts/SPS", int(speed), global_step)
    if watch:
        watch.close()
    env.close()
    writer.close()


if __name__ == "__main__":
    main()
