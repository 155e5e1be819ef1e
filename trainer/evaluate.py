"""Evaluates a policy without noise on episodes with fixed seeds, so that evaluations can be compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import gymnasium
import numpy as np
from numpy.typing import NDArray

Policy = Callable[[Mapping[str, NDArray[np.generic]]], NDArray[np.float32]]


def evaluate(
    env: gymnasium.vector.VectorEnv,
    policy: Policy,
    *,
    seed: int,
    gamma: float,
    reward_factor: float,
    alive: Callable[[], None] = lambda: None,
) -> dict[str, float]:
    """Run one episode in each of the environments and return the `eval/*` tags.

    Args:
        env: One sub-environment per episode; reset here.
        policy: Maps observations to actions in [-1, 1].
        seed: The same for every evaluation of a run.
        gamma: Discount of `eval/discounted_return`.
        reward_factor: Factor on rewards in `eval/discounted_return`, as the critic sees them.
        alive: Called once per step.
    """
    episodes = env.num_envs
    total, discounted = np.zeros(episodes), np.zeros(episodes)
    length = np.zeros(episodes, dtype=np.int64)
    running = np.ones(episodes, dtype=bool)
    truncations = np.zeros(episodes, dtype=bool)
    obs, _ = env.reset(seed=seed)
    while running.any():
        obs, reward, terminated, truncated, _ = env.step(policy(obs))
        total += np.where(running, reward, 0.0)
        discounted += np.where(running, reward * gamma**length, 0.0)
        length += running
        truncations |= running & truncated & ~terminated
        running &= ~(terminated | truncated)
        alive()
    return {
        "eval/mean_reward": float(total.mean()),
        "eval/std_reward": float(total.std()),
        "eval/mean_episode_length": float(length.mean()),
        "eval/time_limit_share": float(truncations.mean()),
        "eval/discounted_return": float(discounted.mean() * reward_factor),
        "eval/episodes": float(episodes),
    }
