"""The callback judges while the model trains and at the end, as `gonogo gate` does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import gonogo
from gates.runs.config_files import config_dir
from gonogo.evidence.live import LiveGate
from gonogo.sb3 import Evidence
from tests.gonogo.sb3.trainings import TD3, learned, small

WITHOUT_A_PAUSE = """
supervision:
  live:
    every_s: 0.01
    most_share: 1
"""
"""On a busy machine the share of a processor allows too few judgements in so short a training."""


@pytest.mark.slow
def test_a_run_that_is_lost_ends_and_is_judged_the_same_afterwards(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = small(TD3)
    with torch.no_grad():  # saturated from the beginning: no gradient is left
        for actor in (model.actor, model.actor_target):
            actor.mu[-2].weight.mul_(1e5)
    stage = tmp_path / "watched.yaml"
    stage.write_text(config_dir().joinpath("stages/5k.yaml").read_text() + WITHOUT_A_PAUSE)
    model.learn(5_000, callback=Evidence(tmp_path / "run", every=2, stage=str(stage), stop=True))
    assert 200 < model.num_timesteps < 5_000
    said = capsys.readouterr().out
    assert f"Training ends at step {model.num_timesteps:,}, the run is lost" in said
    assert "NO_GO  5k: " in said
    stored = json.loads((tmp_path / "run" / "gate.json").read_text())
    assert (tmp_path / "run" / "report.md").exists()
    again = gonogo.judge(tmp_path / "run")
    assert (again.verdict.value, again.deciding) == (stored["verdict"], stored["deciding"])
    assert "dead_actor" in [d.cause for d in again.diagnoses]


@pytest.mark.slow
def test_live_judging_changes_nothing_of_what_is_learned(tmp_path: Path) -> None:
    alone = small(TD3)
    alone.learn(600)
    judged = small(TD3)
    judged.learn(600, callback=Evidence(tmp_path / "run", every=2, stage="5k", stop=True))
    assert learned(judged) == learned(alone)
    assert json.loads((tmp_path / "run" / "status.json").read_text())["phase"] == "finished"


def test_a_judgement_that_breaks_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError("no memory")

    monkeypatch.setattr(LiveGate, "lost", broken)
    with pytest.warns(RuntimeWarning, match="does not judge this run, which trains on.*no memory"):
        small(TD3).learn(300, callback=Evidence(tmp_path / "run", stage="5k", stop=True))
    assert not (tmp_path / "run" / "evidence-end.json").exists()


def test_a_stage_is_checked_before_training(tmp_path: Path) -> None:
    with pytest.raises(gonogo.ConfigError, match="7k"):
        Evidence(tmp_path, stage="7k")
    with pytest.raises(ValueError, match="needs a stage"):
        Evidence(tmp_path, stop=True)
