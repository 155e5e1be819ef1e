"""Hyperparameters of a Stable-Baselines3 model by the names of docs/run-directory.md."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3 import A2C, DDPG, DQN, PPO, SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.type_aliases import TrainFrequencyUnit

_ALGORITHMS: tuple[type[Any], ...] = (A2C, DDPG, DQN, PPO, SAC, TD3)
_AS_THEY_ARE = (
    "gamma", "tau", "batch_size", "buffer_size", "learning_starts", "policy_delay", "target_policy_noise",
    "target_noise_clip", "n_steps", "ent_coef", "target_entropy", "n_epochs", "gae_lambda", "vf_coef", "max_grad_norm",
    "target_kl", "exploration_fraction", "exploration_final_eps", "target_update_interval", "use_sde",
)  # fmt: skip


def algorithm(model: BaseAlgorithm) -> str:
    """Return the name of the library's algorithm whose update a model makes; one of its own is none of those."""
    mine: Any = type(model)
    for kin in mine.__mro__:
        if kin in _ALGORITHMS and kin.train is mine.train:
            return str(kin.__name__).lower()
    name = "".join(filter(str.isalnum, mine.__name__)).lower()
    return f"own{name}" if issubclass(mine, _ALGORITHMS) else name


def hyperparameters(model: BaseAlgorithm) -> dict[str, Any]:
    """Return what is configured; a value that JSON cannot hold is left out."""
    found: dict[str, Any] = {"num_envs": model.n_envs}
    for name in _AS_THEY_ARE:
        value = getattr(model, name, None)
        if isinstance(value, (bool, int, str)) or (
            isinstance(value, float) and math.isfinite(value)
        ):
            found[name] = value
    found |= _learning_rates(model)
    if isinstance(model, OffPolicyAlgorithm):
        found |= _schedule(model) | _noise(model)
    normaliser = model.get_vec_normalize_env()
    if normaliser is not None and normaliser.norm_reward:
        found["reward_normalization"] = True
        found["reward_clip"] = float(normaliser.clip_reward)
    return found


def environment(model: BaseAlgorithm) -> dict[str, Any]:
    """Return what is known of the environment."""
    found: dict[str, Any] = {
        "observation_space": str(model.observation_space),
        "action_space": str(model.action_space),
    }
    if isinstance(model.action_space, spaces.Box):
        found["action_dim"] = int(np.prod(model.action_space.shape))
    # An environment in another process is not asked: it dies of an answer that cannot be pickled.
    here = getattr(getattr(model.env, "unwrapped", None), "envs", ())
    spec = getattr(getattr(here[0], "unwrapped", None), "spec", None) if here else None
    if spec is not None:
        found |= {"id": str(spec.id)}
    return found


def _learning_rates(model: BaseAlgorithm) -> dict[str, float]:
    """A schedule is known by the rate that it begins with."""
    rate = float(model.lr_schedule(1.0))
    names = ("actor_lr", "critic_lr") if isinstance(model, OffPolicyAlgorithm) else ("actor_lr",)
    return dict.fromkeys(names, rate) if math.isfinite(rate) else {}


def _schedule(model: OffPolicyAlgorithm) -> dict[str, Any]:
    """Rounds that are counted in episodes have no fixed number of steps."""
    frequency: Any = model.train_freq
    if frequency.unit is not TrainFrequencyUnit.STEP:
        return {"train_freq_episodes": int(frequency.frequency)}
    return {
        "train_freq": int(frequency.frequency) * model.n_envs,
        "gradient_steps": int(model.gradient_steps),
    }


def _noise(model: OffPolicyAlgorithm) -> dict[str, float]:
    noise = exploration_noise(model)
    return {} if noise is None else {"exploration_noise": noise}


def exploration_noise(model: OffPolicyAlgorithm) -> float | None:
    """Return the standard deviation of normal noise on actions: 0 without noise, None of another one, or of SAC."""
    if not hasattr(model, "target_policy_noise"):
        return None
    noise: Any = model.action_noise
    noise = getattr(noise, "base_noise", noise)
    if noise is None:
        return 0.0
    return float(np.mean(noise._sigma)) if isinstance(noise, NormalActionNoise) else None
