"""The examples of docs/any-trainer.md really run: trained through 5k, supervised and judged."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
GO, CONDITIONAL, NO_GO = 0, 4, 3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def trained(
    gonogo: Callable[..., subprocess.CompletedProcess[str]], out: Path, name: str, *options: str
) -> tuple[subprocess.CompletedProcess[str], Path]:
    preset = str(EXAMPLES / f"{name}.yaml")
    done = gonogo("run", "--preset", preset, "--stages", "5k", "--out", str(out), *options)
    return done, out / "5k" / "run-001"


def test_an_example_with_evidence_is_go(gonogo, tmp_path):
    pytest.importorskip("stable_baselines3", reason="needs Stable-Baselines3 ([dev])")
    done, run = trained(gonogo, tmp_path / "out", "sb3-td3")
    assert done.returncode == GO, done.stdout + done.stderr
    result = json.loads((run / "gate.json").read_text())
    assert result["diagnoses"] == []
    assert result["last_step"] == 5_000
    gating = [f for f in result["findings"] if f["required"] and not f["dry_run"]]
    assert {f["outcome"] for f in gating} == {"PASS"}


@pytest.mark.parametrize("script", ["sb3_sac", "sb3_drive"])
def test_a_script_that_judges_itself_is_go(tmp_path, script):
    pytest.importorskip("stable_baselines3", reason="needs Stable-Baselines3 ([dev])")
    command = [sys.executable, str(EXAMPLES / f"{script}.py"), str(tmp_path / "run")]
    done = subprocess.run(command, cwd=EXAMPLES.parents[1], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "GO  5k: all" in done.stdout
    assert json.loads((tmp_path / "run" / "gate.json").read_text())["verdict"] == "GO"


@pytest.mark.parametrize(
    ("script", "options"),
    [
        ("watched_td3", "--out {run}"),
        ("cleanrl_td3", "--evidence {run} --log-dir {run}-log --total-timesteps 5000 --gamma 0.98"),
    ],
)
def test_a_loop_of_one_s_own_is_go(gonogo, tmp_path, script, options):
    run = tmp_path / "run"
    command = [sys.executable, str(EXAMPLES / f"{script}.py"), *options.format(run=run).split()]
    done = subprocess.run(command, cwd=EXAMPLES.parents[1], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    judged = gonogo("gate", str(run), "--stage", "5k")
    assert judged.returncode == GO, judged.stdout + judged.stderr


def test_a_sound_example_is_conditional_because_of_what_it_does_not_log(gonogo, tmp_path):
    done, run = trained(gonogo, tmp_path / "out", "cleanrl-td3")
    assert done.returncode == CONDITIONAL, done.stdout + done.stderr
    result = json.loads((run / "gate.json").read_text())
    assert result["dialect"] == "cleanrl"
    assert result["last_step"] == 5_000
    assert result["diagnoses"] == []
    outcomes = {f["check"]: f["outcome"] for f in result["findings"] if not f["dry_run"]}
    assert "FAIL" not in outcomes.values()
    assert [c for c, outcome in outcomes.items() if outcome == "WARN"] == ["tags_logged"]
    status = json.loads((run / "status.json").read_text())
    assert (status["phase"], status["step"]) == ("finished", 5_000)


def test_a_script_whose_losses_overflow_is_stopped_while_it_trains(gonogo, tmp_path):
    done, run = trained(
        gonogo, tmp_path / "out", "cleanrl-td3", "--set", "trainer.values.learning_rate=1.0e+20"
    )
    assert done.returncode == NO_GO, done.stdout + done.stderr
    assert "by the live gate" in done.stdout
    assert json.loads((run / "status.json").read_text())["phase"] == "stopped"
    record = json.loads((tmp_path / "out" / "pipeline.json").read_text())
    stop = record["stages"]["5k"]["runs"][0]["live_stop"]
    assert stop["step"] < 2_500
