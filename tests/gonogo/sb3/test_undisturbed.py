"""A training with the callback learns, bit by bit, what it learns without.

Python's own generator is left out: threads that other tests started draw from it as well, and SB3 does not.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback, CallbackList

from gonogo.sb3 import Evidence
from tests.gonogo.sb3.trainings import (
    A2C,
    DDPG,
    DQN,
    PPO,
    SAC,
    TD3,
    Goals,
    HerReplayBuffer,
    Pictures,
    learned,
    normalised,
    of,
    pendulum,
    small,
)

STEPS = 400


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


PIXELS = {
    "env": lambda: of(Pictures),
    "policy": "CnnPolicy",
    "buffer_size": 1_000,
    "train_freq": 8,
    "policy_kwargs": {"net_arch": []},
}
GOALS = {
    "env": lambda: of(Goals),
    "policy": "MultiInputPolicy",
    "replay_buffer_class": HerReplayBuffer,
}


def _slow(*values: Any, name: str) -> Any:
    return pytest.param(*values, marks=pytest.mark.slow, id=name)


@pytest.mark.parametrize(
    ("algorithm", "settings"),
    [
        (TD3, {}),
        _slow(DDPG, {}, name="DDPG"),
        (SAC, {}),
        (PPO, {}),
        (A2C, {}),
        (DQN, {}),
        _slow(TD3, {"envs": 3, "gradient_steps": -1}, name="several environments"),
        _slow(SAC, {"envs": 2, "train_freq": 4, "gradient_steps": 2}, name="several updates"),
        _slow(TD3, {"train_freq": (1, "episode"), "gradient_steps": -1}, name="episodes"),
        _slow(SAC, {"ent_coef": 0.2, "n_steps": 3}, name="n-step returns"),
        _slow(SAC, {"target_update_interval": 3}, name="rare target updates"),
        _slow(SAC, {"use_sde": True}, name="noise by state"),
        _slow(TD3, {"learning_rate": lambda left: 1e-3 * left}, name="rates that fall"),
        _slow(TD3, {"policy_delay": 3}, name="delayed actor"),
        _slow(TD3, {"env": normalised}, name="VecNormalize"),
        _slow(PPO, {"env": normalised}, name="PPO with VecNormalize"),
        _slow(SAC, GOALS, name="HER, Dict"),
        _slow(TD3, PIXELS, name="TD3, CNN"),
        _slow(SAC, PIXELS, name="SAC, CNN"),
    ],
)
def test_the_same_is_learned(tmp_path: Path, algorithm: Any, settings: dict[str, Any]) -> None:
    _compare(tmp_path, algorithm, settings, STEPS)


@pytest.mark.slow
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("algorithm", [TD3, DDPG, SAC, PPO, A2C, DQN])
def test_the_same_is_learned_in_a_whole_stage(tmp_path: Path, algorithm: Any) -> None:
    _compare(tmp_path, algorithm, {}, 5_000)


def _compare(folder: Path, algorithm: Any, settings: dict[str, Any], steps: int) -> None:
    """Train alone and watched, and compare what was learned and what was drawn."""

    def model() -> Any:
        make = settings.get("env")
        return small(algorithm, **(settings if make is None else settings | {"env": make()}))

    evaluated = pendulum() if "env" not in settings and algorithm is not DQN else None
    alone = model()
    alone.learn(steps)
    drawn = (np.random.rand(), torch.rand(1).item())
    watched = model()
    evidence = Evidence(
        folder / "run", eval_env=evaluated, eval_every=300, eval_episodes=1, every=2
    )
    watched.learn(steps, callback=evidence)
    assert learned(watched) == learned(alone)
    assert (np.random.rand(), torch.rand(1).item()) == drawn
    assert not (folder / "run" / "evidence-end.json").exists()


class Saver(BaseCallback):
    """Saves, loads and pickles all of a model at a step between updates."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.same: list[bool] = []

    def _on_step(self) -> bool:
        if self.num_timesteps % 100 == 0:
            model = self.model
            model.save(self.folder / "model.zip")
            loaded = type(model).load(self.folder / "model.zip")
            self.same.append(
                all(map(torch.equal, loaded.policy.parameters(), model.policy.parameters()))
            )
            if hasattr(model, "save_replay_buffer"):
                model.save_replay_buffer(self.folder / "buffer.pkl")
            pickle.loads(pickle.dumps(model.policy))  # noqa: S301
        return True


@pytest.mark.parametrize("algorithm", [TD3, SAC, PPO, DQN])
def test_nothing_is_left_on_a_model_and_it_can_be_saved(tmp_path: Path, algorithm: Any) -> None:
    model, saver = small(algorithm), Saver(tmp_path)
    model.learn(STEPS, callback=CallbackList([Evidence(tmp_path / "run", every=1), saver]))
    assert len(saver.same) >= 4
    assert all(saver.same)
    assert "sample" not in vars(getattr(model, "replay_buffer", model))
    assert "action_log_prob" not in vars(getattr(model, "actor", model))
    for module in model.policy.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        optimizer = getattr(module, "optimizer", None)
        assert not (optimizer and optimizer._optimizer_step_pre_hooks)
        assert not (optimizer and optimizer._optimizer_step_post_hooks)
    assert all(not p._post_accumulate_grad_hooks for p in model.policy.parameters())


def test_a_buffer_that_is_pickled_amid_updates_samples_as_ever(tmp_path: Path) -> None:
    model = small(TD3)

    class InUpdates(BaseCallback):
        copied: Any = None

        def _on_step(self) -> bool:
            return True

        def _on_rollout_end(self) -> None:
            if self.num_timesteps == 300:
                assert "sample" in vars(self.model.replay_buffer)
                InUpdates.copied = pickle.loads(  # noqa: S301
                    pickle.dumps(self.model.replay_buffer)
                )

    model.learn(400, callback=CallbackList([Evidence(tmp_path / "run", every=1), InUpdates()]))
    assert InUpdates.copied.sample(4).rewards.shape == (4, 1)
