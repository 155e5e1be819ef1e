"""PPO, A2C and DQN: what they say of themselves is logged, the gradient before clipping too, and a sound run is GO."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import gonogo
from gonogo.sb3 import Evidence
from tests.gonogo.sb3.trainings import A2C, DQN, PPO, small

SAID = {
    PPO: {"train/approx_kl", "train/clip_fraction", "train/explained_variance", "train/value_loss"},
    A2C: {"train/entropy_loss", "train/explained_variance", "train/policy_loss"},
    DQN: {"train/loss"},
}


@pytest.mark.parametrize("algorithm", SAID)
def test_a_sound_run_is_logged_and_go(tmp_path: Path, algorithm: Any) -> None:
    model = small(algorithm)
    model.learn(1_500, callback=Evidence(tmp_path / "run", every=10))
    logged = gonogo.read_events(tmp_path / "run").groupby("tag")["value"]
    assert {tag for tag, _ in logged} >= SAID[algorithm] | {"train/episode_reward"}
    norms = logged.get_group("gradients/norm")
    assert len(norms) == len(logged.get_group("agent/total_updates")) >= 5
    assert (norms > 0).all()
    result = gonogo.judge(tmp_path / "run", stage="5k", planned_steps=model.num_timesteps)
    assert result.verdict.value == "GO", result.deciding


def test_the_gradient_is_the_one_before_clipping(tmp_path: Path) -> None:
    for clip in (0.5, 1e-3):
        small(A2C, max_grad_norm=clip).learn(5, callback=Evidence(tmp_path / str(clip)))
    first, second = (
        gonogo.read_events(tmp_path / str(clip)).query("tag == 'gradients/norm'")["value"].item()
        for clip in (0.5, 1e-3)
    )
    assert first == second > 1e-3


def test_updates_are_optimiser_steps(tmp_path: Path) -> None:
    small(PPO, n_epochs=3).learn(128, callback=Evidence(tmp_path / "run", every=1))
    updates = gonogo.read_events(tmp_path / "run").query("tag == 'agent/total_updates'")["value"]
    assert [*updates] == [6.0, 12.0]
