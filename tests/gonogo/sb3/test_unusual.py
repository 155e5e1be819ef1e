"""Unusual uses of Stable-Baselines3: nothing breaks, nothing waits for ever, and names mean what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import SubprocVecEnv
from stable_baselines3.td3.policies import Actor

import gonogo
from gonogo.sb3 import Evidence, evaluation, ledger
from gonogo.sb3.configuration import algorithm
from tests.gonogo.sb3.trainings import DDPG, SAC, TD3, Pictures, of, pendulum, small


def logged(folder: Path) -> dict[str, list[float]]:
    table = gonogo.read_events(folder)
    return {str(tag): list(values) for tag, values in table.groupby("tag")["value"]}


class Unpicklable(gymnasium.Wrapper[Any, Any, Any, Any]):
    """Its description cannot leave the process that it lives in."""

    @property
    def spec(self) -> Any:
        return lambda: None


def test_an_environment_in_another_process_is_asked_nothing_that_it_could_die_of(
    tmp_path: Path,
) -> None:
    env = SubprocVecEnv([lambda: Unpicklable(pendulum())] * 2)
    try:
        small(TD3, env=env).learn(300, callback=Evidence(tmp_path / "run"))
    finally:
        env.close()
    assert json.loads((tmp_path / "run" / "status.json").read_text())["phase"] == "finished"
    assert "id" not in json.loads((tmp_path / "run" / "run.json").read_text())["env"]


def test_a_training_never_waits_for_an_episode_without_an_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluation, "LONGEST_EPISODE", 300)
    endless = gymnasium.make("Pendulum-v1", max_episode_steps=1_000_000)
    with pytest.warns(RuntimeWarning, match="an episode of eval_env goes on after 300 steps"):
        model = small(TD3).learn(250, callback=Evidence(tmp_path / "run", eval_env=endless))
    assert model.num_timesteps == 250


def test_entropy_that_costs_nothing_has_no_weight(tmp_path: Path) -> None:
    small(SAC, ent_coef=0.0).learn(400, callback=Evidence(tmp_path / "run", every=2))
    found = logged(tmp_path / "run")
    assert "policy/entropy_weight" not in found
    assert set(found["train/ent_coef"]) == {0.0}
    assert all(np.isfinite(values).all() for values in found.values())


class Renamed(DDPG):
    """Learns as DDPG does."""


class TD3_BC(TD3):  # noqa: N801
    """Has a loss of its own."""

    def train(self, gradient_steps: int, batch_size: int = 100) -> None:
        super().train(gradient_steps, batch_size)


def test_a_subclass_is_judged_by_the_update_that_it_makes(tmp_path: Path) -> None:
    assert algorithm(small(Renamed)) == "ddpg"
    model = small(TD3_BC)
    model.learn(400, callback=Evidence(tmp_path / "run", every=2))
    assert json.loads((tmp_path / "run" / "run.json").read_text())["algorithm"] == "owntd3bc"
    result = gonogo.judge(tmp_path / "run", stage="5k", planned_steps=400)
    finding = next(f for f in result.findings if f.check == "algorithm_known")
    assert finding.outcome is gonogo.Outcome.WARN
    assert finding.required


def test_a_nan_that_the_buffer_kept_as_it_was_is_no_wrong_observation() -> None:
    given = np.array([[1.0, np.nan], [1.0, np.nan], [np.nan, 2.0]], dtype=np.float32)
    stored = np.array([[1.0, np.nan], [1.0, 2.0], [np.nan, 2.0]], dtype=np.float32)
    assert ledger._differ(stored, given).tolist() == [False, True, False]


class Halved(Actor):
    """Its actions are not the outputs of its last layer."""

    def forward(self, obs: Any) -> torch.Tensor:
        return 0.5 * super().forward(obs)


def test_networks_of_other_formulas_are_not_computed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = small(TD3)
    for actor in (model.actor, model.actor_target):
        actor.__class__ = Halved
    model.learn(400, callback=Evidence(tmp_path / "run", every=2))
    found = logged(tmp_path / "run")
    assert not [tag for tag in found if tag.startswith(("bellman/", "targets/", "sees/"))]
    assert {"debug/target_q_mean", "replay/reward_error", "policy/action_abs"} <= found.keys()
    assert not (tmp_path / "run" / "evidence-end.json").exists()


def test_an_actor_that_is_its_own_target_follows_nobody(tmp_path: Path) -> None:
    model = small(TD3)
    model.actor_target = model.actor
    model.learn(400, callback=Evidence(tmp_path / "run", every=2))
    found = logged(tmp_path / "run")
    assert "targets/actor_lag" not in found
    assert np.allclose(found["targets/critic_tau"], 0.005, rtol=1e-3)
    assert max(found["bellman/target_error"]) < 1e-3


class Driving(Pictures):
    """The same task, seen by a picture and by a number."""

    observation_space = spaces.Dict(
        {
            "front": Pictures.observation_space,
            "place": spaces.Box(-1.0, 1.0, (1,), np.float32),
        }
    )

    def _picture(self) -> Any:
        place = np.array([self._place / 18.0 - 1.0], dtype=np.float32)
        return {"front": super()._picture(), "place": place}


@pytest.mark.slow
@pytest.mark.parametrize("algorithm_class", [TD3, SAC])
def test_pictures_and_numbers_in_one_observation_are_told_apart(
    tmp_path: Path, algorithm_class: Any
) -> None:
    model = small(
        algorithm_class,
        env=of(Driving),
        policy="MultiInputPolicy",
        buffer_size=1_000,
        train_freq=8,
        policy_kwargs={"net_arch": []},
    )
    add = model.replay_buffer.add

    def shifted(obs: Any, *rest: Any) -> None:
        if model.num_timesteps > 400:
            obs = {**obs, "place": obs["place"] + 1.0}
        add(obs, *rest)

    model.replay_buffer.add = shifted
    model.learn(600, callback=Evidence(tmp_path / "run", every=2))
    found = logged(tmp_path / "run")
    assert found["replay/obs_error"][0] == 0.0
    assert found["replay/obs_error"][-1] > 0.01
    assert set(found["replay/next_obs_error"]) == {0.0}
    assert {"sees/q_camera", "sees/q_vector", "replay/camera_std", "env/vector_change"} <= set(
        found
    )
    assert max(found["bellman/target_error"]) < 1e-3
