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
from tests.gonogo.sb3.trainings import DDPG, SAC, TD3, learned, pendulum, small

STEPS = 600


@pytest.fixture(autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("algorithm", "settings"),
    [
        (TD3, {}),
        (DDPG, {}),
        (SAC, {}),
        pytest.param(TD3, {"envs": 3, "gradient_steps": -1}, marks=pytest.mark.slow),
        pytest.param(
            SAC, {"envs": 2, "train_freq": 4, "gradient_steps": 2}, marks=pytest.mark.slow
        ),
        pytest.param(
            TD3, {"train_freq": (1, "episode"), "gradient_steps": -1}, marks=pytest.mark.slow
        ),
        pytest.param(SAC, {"ent_coef": 0.2, "n_steps": 3}, marks=pytest.mark.slow),
        pytest.param(SAC, {"use_sde": True}, marks=pytest.mark.slow),
        pytest.param(
            TD3,
            {"policy_delay": 3, "learning_rate": lambda left: 1e-3 * left},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_same_is_learned(tmp_path: Path, algorithm: Any, settings: dict[str, Any]) -> None:
    alone = small(algorithm, **settings)
    alone.learn(STEPS)
    drawn = (np.random.rand(), torch.rand(1).item())
    watched = small(algorithm, **settings)
    watched.learn(
        STEPS, callback=Evidence(tmp_path / "run", eval_env=pendulum(), eval_every=400, every=2)
    )
    assert learned(watched) == learned(alone)
    assert (np.random.rand(), torch.rand(1).item()) == drawn
    assert not (tmp_path / "run" / "evidence-end.json").exists()


class Saver(BaseCallback):
    """Saves, loads and pickles all of a model at a step between updates."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.same: list[bool] = []

    def _on_step(self) -> bool:
        if self.num_timesteps % 150 == 0:
            model = self.model
            model.save(self.folder / "model.zip")
            loaded = type(model).load(self.folder / "model.zip")
            self.same.append(
                all(map(torch.equal, loaded.policy.parameters(), model.policy.parameters()))
            )
            model.save_replay_buffer(self.folder / "buffer.pkl")
            pickle.loads(pickle.dumps(model.policy))  # noqa: S301
        return True


@pytest.mark.parametrize("algorithm", [TD3, SAC])
def test_nothing_is_left_on_a_model_and_it_can_be_saved(tmp_path: Path, algorithm: Any) -> None:
    model, saver = small(algorithm), Saver(tmp_path)
    model.learn(600, callback=CallbackList([Evidence(tmp_path / "run", every=1), saver]))
    assert saver.same == [True] * 4
    assert "sample" not in vars(model.replay_buffer)
    assert "action_log_prob" not in vars(model.actor)
    for module in model.policy.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
    for network in (model.actor, model.critic):
        assert not network.optimizer._optimizer_step_pre_hooks
        assert not network.optimizer._optimizer_step_post_hooks
        assert all(not p._post_accumulate_grad_hooks for p in network.parameters())


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
