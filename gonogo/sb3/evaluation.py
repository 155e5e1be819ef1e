"""Episodes of the policy without noise, in an environment of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium
import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    VecEnv,
    VecNormalize,
    sync_envs_normalization,
    unwrap_vec_normalize,
)

from gonogo.evidence.generators import untouched_generators

LONGEST_EPISODE = 100_000
"""Steps after which an episode counts as one that never ends."""


class Evaluation:
    """Evaluates a model now and then."""

    def __init__(self, env: gymnasium.Env[Any, Any] | VecEnv, episodes: int) -> None:
        """Take the environment, which nobody else may use, and how many episodes make one evaluation."""
        self._env: VecEnv = env if isinstance(env, VecEnv) else DummyVecEnv([lambda: env])
        self._episodes = episodes

    def tags(self, model: BaseAlgorithm, reward_scale: float) -> dict[str, float]:
        """Play the episodes and return the tags of one evaluation.

        Args:
            model: Its policy is asked without noise and stays as it was.
            reward_scale: Factor between the environment's reward and the critic's.

        Raises:
            ValueError: An episode does not end, for which the training must not wait.
        """
        with untouched_generators(), _same_mode(model):
            returns, discounted, lengths, cut = self._play(model)
        return {
            "eval/mean_reward": float(np.mean(returns)),
            "eval/std_reward": float(np.std(returns)),
            "eval/mean_episode_length": float(np.mean(lengths)),
            "eval/time_limit_share": float(np.mean(cut)),
            "eval/discounted_return": float(np.mean(discounted)) * reward_scale,
            "eval/episodes": float(len(returns)),
        }

    def _play(self, model: BaseAlgorithm) -> tuple[list[float], list[float], list[int], list[bool]]:
        env, normaliser = self._env, model.get_vec_normalize_env()
        own_normaliser = unwrap_vec_normalize(env)
        if normaliser is not None and own_normaliser is not None:
            own_normaliser.training = False
            sync_envs_normalization(normaliser, env)
        gamma = float(getattr(model, "gamma", 1.0))
        count = env.num_envs
        # Each environment plays the same number of episodes: short ones must not crowd out long ones.
        left = np.full(count, -(-self._episodes // count))
        total, weighted = np.zeros(count), np.zeros(count)
        lengths = np.zeros(count, dtype=np.int64)
        returns: list[float] = []
        discounted: list[float] = []
        steps: list[int] = []
        cut: list[bool] = []
        obs: Any = env.reset()
        while (left > 0).any():
            if normaliser is not None and own_normaliser is None:
                obs = normaliser.normalize_obs(obs)
            action, _ = model.predict(obs, deterministic=True)
            obs, rewards, dones, infos = env.step(action)
            if own_normaliser is not None:
                rewards = own_normaliser.get_original_reward()
            total += rewards
            weighted += rewards * gamma**lengths
            lengths += 1
            if lengths.max() > LONGEST_EPISODE:
                raise ValueError(
                    f"an episode of eval_env goes on after {LONGEST_EPISODE:,} steps; give it a time limit"
                )
            for i in np.flatnonzero(dones):
                if left[i] > 0:
                    returns.append(float(total[i]))
                    discounted.append(float(weighted[i]))
                    steps.append(int(lengths[i]))
                    cut.append(bool(infos[i].get("TimeLimit.truncated", False)))
                    left[i] -= 1
                total[i] = weighted[i] = lengths[i] = 0
        return returns, discounted, steps, cut


@contextmanager
def _same_mode(model: BaseAlgorithm) -> Iterator[None]:
    """Put every module of the policy back into the mode that it was in."""
    modes = [(module, module.training) for module in model.policy.modules()]
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def reward_factor(normaliser: VecNormalize | None) -> float:
    """Return the factor between the environment's reward and the critic's."""
    if normaliser is None or not normaliser.norm_reward:
        return 1.0
    return float(1.0 / np.sqrt(normaliser.ret_rms.var + normaliser.epsilon))
