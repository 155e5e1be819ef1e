"""What the callback writes, and what the gate makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from stable_baselines3.common.logger import configure

import gonogo
from gonogo.sb3 import Evidence
from tests.gonogo.sb3.trainings import SAC, TD3, pendulum, small


def test_what_a_verdict_needs_is_logged(tmp_path: Path) -> None:
    model = small(TD3, gamma=0.98, policy_delay=2)
    model.learn(800, callback=Evidence(tmp_path / "run", eval_env=pendulum(), every=4))
    table = gonogo.read_events(tmp_path / "run")
    points = table.groupby("tag")["value"]
    assert (points.get_group("debug/effective_discount") - 0.98).abs().max() < 1e-6
    assert points.get_group("train/episode_length").tolist() == [200.0] * 4
    assert points.get_group("train/episode_terminated").tolist() == [0.0] * 4
    evaluated = table[table["tag"] == "eval/mean_reward"]
    assert evaluated["step"].tolist() == [0, 800]
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["algorithm"] == "td3"
    assert run["planned_steps"] == 800
    expected = {"gamma": 0.98, "learning_starts": 200, "train_freq": 1, "exploration_noise": 0.1}
    assert run["train"].items() >= expected.items()
    status = json.loads((tmp_path / "run" / "status.json").read_text())
    assert (status["phase"], status["step"]) == ("finished", 800)


def test_losses_are_those_that_were_trained(tmp_path: Path) -> None:
    """Stable-Baselines3's own losses, of the same single update, say the same."""
    for algorithm in (TD3, SAC):
        model = small(algorithm, train_freq=50, gradient_steps=2 if algorithm is TD3 else 1)
        folder = tmp_path / algorithm.__name__
        model.set_logger(configure(None, []))
        seen: list[tuple[float, float]] = []
        train = model.train

        def noted(*args, _train=train, _model=model, _seen=seen, **kwargs):
            _train(*args, **kwargs)
            values = _model.logger.name_to_value
            _seen.append((values["train/actor_loss"], values["train/critic_loss"]))

        model.train = noted
        model.learn(600, callback=Evidence(folder / "run", every=1))
        logged = gonogo.read_events(folder / "run").groupby("tag")["value"]
        actor = logged.get_group("train/actor_loss").tolist()
        assert actor == pytest.approx([a for a, _ in seen], rel=1e-4, abs=1e-5)
        networks = ("actor", "critic") if algorithm is TD3 else ("critic",)
        for network in networks:
            assert logged.get_group(f"units/{network}_dormant").between(0.0, 1.0).all()
            assert logged.get_group(f"features/{network}_rank").min() >= 1.0
        assert logged.get_group("critics/disagreement").min() > 0.0
        if algorithm is SAC:  # of TD3 the own value is a mean over two updates
            critic = logged.get_group("train/critic_loss").tolist()
            assert critic == pytest.approx([c for _, c in seen], rel=1e-3)


def test_its_folder_and_that_of_stable_baselines3_are_one_run(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    model = small(TD3)
    model.set_logger(configure(str(folder), ["tensorboard"]))
    model.learn(800, callback=Evidence(folder), log_interval=1)
    result = gonogo.judge(folder, stage="5k")
    findings = {f.check: f for f in result.findings}
    assert findings["steps_rise"].outcome is gonogo.Outcome.PASS
    assert findings["episode_steps"].outcome is gonogo.Outcome.PASS
    assert findings["independent_reader"].outcome is gonogo.Outcome.PASS
    assert findings["run_finished"].outcome is gonogo.Outcome.PASS
    assert {"rollout/ep_rew_mean", "debug/target_q_mean"} <= set(gonogo.read_events(folder)["tag"])


def test_a_second_training_takes_a_folder_beside_the_first(tmp_path: Path) -> None:
    for name in ("run", "run-2", "run-3"):
        evidence = Evidence(tmp_path / "run")
        small(TD3).learn(250, callback=evidence)
        assert evidence.directory == tmp_path / name
        assert (tmp_path / name / "run.json").exists()


@pytest.mark.slow
def test_a_training_that_goes_on_stays_one_run(tmp_path: Path) -> None:
    model, evidence = small(TD3), Evidence(tmp_path / "run", every=4, stage="5k")
    model.learn(400, callback=evidence)
    model.learn(400, callback=evidence, reset_num_timesteps=False)
    result = gonogo.judge(tmp_path / "run", stage="5k")
    assert (result.planned_steps, result.last_step) == (800, 800)
    assert {f.check: f for f in result.findings}["steps_rise"].outcome is gonogo.Outcome.PASS


@pytest.mark.parametrize("wrong", [{"every": 0}, {"eval_every": -1}, {"eval_episodes": 0}])
def test_a_wrong_number_is_refused_before_training(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be a whole number above 0"):
        Evidence(tmp_path, **wrong)
