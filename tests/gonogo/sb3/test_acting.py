"""Noise on the actions of TD3 and DDPG, taken down while the environment is stepped."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.noise import NormalActionNoise, OrnsteinUhlenbeckActionNoise

import gonogo
from gonogo.sb3 import Evidence
from tests.gonogo.sb3.trainings import DDPG, SAC, TD3, normalised, small

STEPS = 900


def normal(mean: float = 0.0) -> NormalActionNoise:
    return NormalActionNoise(np.full(1, mean), np.full(1, 0.1))


def logged(folder: Path, tag: str) -> list[float]:
    table = gonogo.read_events(folder)
    return list(table[table["tag"] == tag]["value"])


def trained(folder: Path, algorithm: Any = TD3, *others: BaseCallback, **settings: Any) -> Any:
    model = small(algorithm, train_freq=4, **settings)
    model.learn(STEPS, callback=CallbackList([*others, Evidence(folder, every=4)]))
    assert not (folder / "evidence-end.json").exists()
    return model


@pytest.mark.parametrize(
    ("algorithm", "settings"),
    [(TD3, {}), (DDPG, {}), (TD3, {"env": lambda: normalised(3)})],
    ids=["TD3", "DDPG", "three normalised environments"],
)
def test_normal_noise_is_as_large_as_configured_and_on_both_sides(
    tmp_path: Path, algorithm: Any, settings: dict[str, Any]
) -> None:
    trained(tmp_path / "run", algorithm, **{key: make() for key, make in settings.items()})
    size = logged(tmp_path / "run", "env/exploration")
    assert 0.05 < np.median(size) < 0.09
    sides = logged(tmp_path / "run", "env/exploration_side")
    assert sides
    assert abs(np.median(sides)) < 0.25


def test_noise_with_a_mean_is_on_one_side(tmp_path: Path) -> None:
    trained(tmp_path / "run", action_noise=normal(-0.1))
    assert np.median(logged(tmp_path / "run", "env/exploration_side")) < -0.5


def test_slow_noise_is_not_judged(tmp_path: Path) -> None:
    noise = OrnsteinUhlenbeckActionNoise(np.zeros(1), np.full(1, 0.3))
    trained(tmp_path / "run", action_noise=noise)
    assert logged(tmp_path / "run", "env/exploration")
    for tag in ("env/exploration_side", "agent/exploration_noise"):
        assert logged(tmp_path / "run", tag) == []


def test_a_policy_that_is_random_itself_has_no_noise_on_its_actions(tmp_path: Path) -> None:
    trained(tmp_path / "run", SAC)
    assert logged(tmp_path / "run", "env/exploration") == []


class Meddler(BaseCallback):
    """Asks the policy of other observations, and copies it, in every step."""

    copied: Any = None

    def _on_step(self) -> bool:
        self.model.predict(np.zeros((1, 3), dtype=np.float32), deterministic=True)
        if self.num_timesteps == 300:
            self.copied = copy.deepcopy(self.model.policy)
        return True


def test_others_may_ask_and_copy_the_policy(tmp_path: Path) -> None:
    meddler = Meddler()
    model = trained(tmp_path / "run", TD3, meddler)
    assert 0.05 < np.median(logged(tmp_path / "run", "env/exploration")) < 0.09
    for policy in (model.policy, meddler.copied):
        assert "predict" not in vars(policy) or policy.predict.__self__ is policy
    seen = np.ones((1, 3), dtype=np.float32)
    before = meddler.copied.predict(seen)[0]
    assert (before != model.predict(seen)[0]).any()
