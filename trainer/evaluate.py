"""Evaluates a policy without noise on episodes with fixed seeds, so that evaluations can be compared."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import gymnasium
import numpy as np
from numpy.typing import NDArray

Policy = Callable[[Mapping[str, NDArray[np.generic]]], NDArray[np.float32]]


def evaluate(
    env: gymnasium.vector.VectorEnv,
    policy: Policy,
    *,
    episodes: int,
    seed: int,
    gamma: float,
    reward_factor: float,
    alive: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Run episodes and return the `eval/*` tags.

    With fewer environments than episodes, they are run in rounds.

    Args:
        env: The environments, reset here.
        policy: Maps observations to actions in [-1, 1].
        episodes: How many.
        seed: The same for every evaluation of a run.
        gamma: Discount of `eval/discounted_return`.
        reward_factor: Factor on rewards in `eval/discounted_return`, as the critic sees them.
        alive: Called once per step.
    """
    rounds = math.ceil(episodes / env.num_envs)
    results = [
        _one_round(env, policy, (seed + number) % 2**31, gamma, alive) for number in range(rounds)
    ]
    total, discounted, length, truncations = (
        np.concatenate(part)[:episodes] for part in zip(*results, strict=True)
    )
    return {
        "eval/mean_reward": float(total.mean()),
        "eval/std_reward": float(total.std()),
        "eval/mean_episode_length": float(length.mean()),
        "eval/time_limit_share": float(truncations.mean()),
        "eval/discounted_return": float(discounted.mean() * reward_factor),
        "eval/episodes": float(episodes),
    }


def _one_round(
    env: gymnasium.vector.VectorEnv,
    policy: Policy,
    seed: int,
    gamma: float,
    alive: Callable[[], None],
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """Run one episode in each environment: returns, discounted returns, lengths, time limits."""
    total, discounted = np.zeros(env.num_envs), np.zeros(env.num_envs)
    length = np.zeros(env.num_envs, dtype=np.int64)
    running = np.ones(env.num_envs, dtype=bool)
    truncations = np.zeros(env.num_envs, dtype=bool)
    obs, _ = env.reset(seed=seed)
    while running.any():
        obs, reward, terminated, truncated, _ = env.step(policy(obs))
        total += np.where(running, reward, 0.0)
        discounted += np.where(running, reward * gamma**length, 0.0)
        length += running
        truncations |= running & truncated & ~terminated
        running &= ~(terminated | truncated)
        alive()
    return total, discounted, length, truncations
