"""The cockpit with a real server: what a click on its pages does, asked through its API."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flows.cockpit.served import (
    BAD_RECIPE,
    ApiError,
    Cockpit,
    processes_of,
    trainers_of,
    wait_for,
    write_small_recipe,
)

# Several trainings each: on a busy machine they take their time.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]


def newest_pipeline(cockpit: Cockpit) -> Path:
    return max(cockpit.runs.glob("*/pipeline.json"), key=lambda p: p.stat().st_mtime).parent


def runs_of(pipeline: Path, stage: str) -> list[str]:
    return sorted(path.name for path in (pipeline / stage).glob("run-*"))


def test_four_deployments_are_served_and_nothing_is_reported(cockpit: Cockpit) -> None:
    assert set(cockpit.deployments()) == {
        "staged-validation",
        "single-stage",
        "gate-only",
        "backtest",
    }
    assert "Telemetry is off, and the pages may ask no other host." in cockpit.said()
    settings = cockpit.ask("/admin/settings")
    assert settings["server"]["analytics_enabled"] is False
    assert cockpit.address.startswith("http://127.0.0.1:")


def test_a_value_that_the_form_refuses_starts_nothing(cockpit: Cockpit) -> None:
    for wrong in (
        {"preset": "drvie"},
        {"seeds": [-1]},
        {"stages": ["6k"]},
        {"overrides": ["lr=3"]},
    ):
        with pytest.raises(ApiError) as refused:
            cockpit.start("staged-validation", **wrong)
        assert refused.value.code == 409
        assert next(iter(wrong)) in refused.value.text


def test_a_wrong_request_ends_in_one_sentence(cockpit: Cockpit) -> None:
    first = cockpit.start("staged-validation", preset="small", overrides=["train.actor_lrr=3"])
    second = cockpit.start("single-stage", out="nowhere", stage="first")
    third = cockpit.start("gate-only", directory="nowhere")
    for flow_run, sentence in (
        (first, "train.actor_lrr: unknown key; did you mean train.actor_lr?"),
        (second, "nowhere is no pipeline directory."),
        (third, "nowhere: no such folder."),
    ):
        state = cockpit.wait_for_end(flow_run)["state"]
        assert (state["type"], state["name"]) == ("FAILED", "Refused")
        assert sentence in state["message"]
        assert "\n" not in state["message"]


def test_go_no_go_fix_and_go_again(cockpit: Cockpit) -> None:
    begun = cockpit.start("staged-validation", preset="small", stages=["first", "second"])
    run = cockpit.wait_for_end(begun)
    assert (run["state"]["name"], run["name"]) == ("GO", "small seed 0: first GO, second GO")
    assert {"preset: small", "verdict: GO"} <= set(run["tags"])
    pages = cockpit.artifacts(begun)
    report = pages["small-seed0-first"]
    assert "GO at first" in report["data"]
    assert "data:image/" in report["data"]
    assert len(report["data"]) < 300_000
    assert pages["small-seed0-first-checks"]["type"] == "table"

    sound = newest_pipeline(cockpit)
    failed = cockpit.start(
        "single-stage", out=sound.name, stage="second", overrides=BAD_RECIPE, note="worse"
    )
    assert cockpit.wait_for_end(failed)["state"]["name"] == "NO_GO"
    fixed = cockpit.start(
        "single-stage",
        stage="second",
        overrides=["train.actor_lr=1.0e-4", "train.preact_penalty=0.02"],
        note="the old rate again",
        expect="saturation stays below 0.9",
    )
    assert cockpit.wait_for_end(fixed)["state"]["name"] == "GO"
    assert runs_of(sound, "first") == ["run-001"]
    assert runs_of(sound, "second") == ["run-001", "run-002", "run-003"]
    report = (sound / "second" / "run-003" / "report.md").read_text()
    for text in ("the old rate again", "saturation stays below 0.9", "run-002", "train.actor_lr"):
        assert text in report

    judged = cockpit.start("gate-only", directory=f"{sound.name}/second/run-002")
    assert cockpit.wait_for_end(judged)["state"]["name"] == "NO_GO"
    again = cockpit.wait_for_end(cockpit.start("backtest", directories=[sound.name]))
    assert again["state"]["name"] == "UNCHANGED"


def test_several_seeds_are_trained_and_judged_together(cockpit: Cockpit) -> None:
    twice = cockpit.start("staged-validation", preset="small", stages=["first"], seeds=[0, 0])
    refused = cockpit.wait_for_end(twice)["state"]
    assert refused["name"] == "Refused", refused
    assert "seed 0 is named twice" in refused["message"]
    begun = cockpit.start(
        "staged-validation", preset="small", stages=["first", "second"], seeds=[0, 3]
    )
    run = cockpit.wait_for_end(begun)
    assert (run["state"]["name"], run["name"]) == (
        "GO",
        "small seeds 0,3: first GO, second GO",
    ), run["state"]
    report = cockpit.artifacts(begun)["small-seeds-second"]["data"]
    assert "2 of 2 seeds passed" in report
    assert "data:image/" in report
    (group,) = cockpit.runs.glob("small-seeds0_3-*")
    assert runs_of(group / "seed-3", "second") == ["run-001"]

    long = {"preset": "small", "stages": ["long"], "seeds": [0, 3]}
    cancelled = cockpit.start("staged-validation", **long)
    for seed in (0, 3):
        wait_for(lambda s=seed: f"small-seed{s}-long-progress" in cockpit.artifacts(cancelled))
    assert len(trainers_of(cockpit.runs)) >= 2
    cockpit.cancel(cancelled)
    assert cockpit.wait_for_end(cancelled)["state"]["name"] == "Cancelled"
    assert trainers_of(cockpit.runs) == []
    for group in cockpit.runs.glob(f"small-seeds0_3-*-{cancelled[:4]}"):
        for status in group.glob("seed-*/long/run-001/status.json"):
            assert json.loads(status.read_text())["phase"] == "stopped"


def test_a_joint_conditional_is_approved_on_the_command_line(cockpit: Cockpit) -> None:
    begun = cockpit.start(
        "staged-validation", preset="small", stages=["doubtful", "first"], seeds=[0, 3]
    )
    wait_for(lambda: cockpit.state(begun) == "PAUSED")
    waits = "small seeds 0,3: doubtful CONDITIONAL, waits for a decision"
    assert cockpit.run(begun)["name"] == waits
    (group,) = cockpit.runs.glob(f"small-seeds0_3-*-{begun[:4]}")
    approve = ["approve", str(group), "--name", "Ada", "--reason", "short runs differ"]
    done = subprocess.run(
        [sys.executable, "-m", "gonogo", *approve], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert f"Resumed flow run {begun}." in done.stdout
    run = cockpit.wait_for_end(begun)
    assert run["state"]["name"] == "GO", run["state"]
    assert run["name"] == "small seeds 0,3: doubtful CONDITIONAL, approved, first GO"
    for seed in (0, 3):
        assert runs_of(group / f"seed-{seed}", "doubtful") == ["run-001"], "trained once"
    (joint,) = json.loads((group / "group.json").read_text())["stages"]["doubtful"]["joints"]
    assert (joint["decision"]["by"], joint["decision"]["way"]) == ("Ada", "command line")
    assert joint["waits"] is None


def test_retry_trains_only_what_failed(cockpit: Cockpit) -> None:
    stages = ["first", "second"]
    begun = cockpit.start("staged-validation", preset="small", stages=stages, note="try")
    wait_for(lambda: cockpit.artifacts(begun).get("small-seed0-second-progress"))
    cockpit.cancel(begun)
    assert cockpit.wait_for_end(begun)["state"]["name"] == "Cancelled"
    pipeline = newest_pipeline(cockpit)
    cockpit.retry(begun)
    wait_for(lambda: cockpit.state(begun) in ("COMPLETED", "FAILED"))
    assert cockpit.run(begun)["state"]["name"] == "GO"
    assert runs_of(pipeline, "first") == ["run-001"], "a GO is not trained again"
    assert runs_of(pipeline, "second") == ["run-001"], "what was cut off goes on"


def test_cancel_saves_a_checkpoint_and_ends_the_trainer(cockpit: Cockpit) -> None:
    begun = cockpit.start("staged-validation", preset="small", stages=["long"])
    wait_for(lambda: cockpit.artifacts(begun).get("small-seed0-long-progress"))
    pipeline = newest_pipeline(cockpit)
    assert trainers_of(pipeline)
    cockpit.cancel(begun)
    assert cockpit.wait_for_end(begun)["state"]["name"] == "Cancelled"
    assert trainers_of(pipeline) == []
    run = pipeline / "long" / "run-001"
    step = json.loads((run / "status.json").read_text())["step"]
    assert json.loads((run / "status.json").read_text())["phase"] == "stopped"
    assert list((run / "checkpoints").glob(f"step-{step:09d}.ckpt"))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_stopping_leaves_nothing_running(how: signal.Signals, tmp_path: Path) -> None:
    options = write_small_recipe(tmp_path / "recipe")
    with Cockpit(tmp_path / "work", *options) as cockpit:
        second = subprocess.run(
            [sys.executable, "-m", "gonogo", "serve"],
            cwd=cockpit.folder,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert second.returncode == 2
        assert "gonogo serve runs already" in second.stderr
        begun = cockpit.start("staged-validation", preset="small", stages=["long"])
        wait_for(lambda: cockpit.artifacts(begun).get("small-seed0-long-progress"))
        run = newest_pipeline(cockpit) / "long" / "run-001"
        assert cockpit.end(how) == 0
        assert processes_of(cockpit) == []
        assert json.loads((run / "status.json").read_text())["phase"] == "stopped"

    with Cockpit(tmp_path / "work", *options) as cockpit:
        state = cockpit.run(begun)["state"]
        assert state["type"] in ("CRASHED", "CANCELLED"), "no run stays Running"


def test_serves_to_a_server_of_ones_own(cockpit: Cockpit, tmp_path: Path) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "gonogo", "serve"],
        cwd=tmp_path,
        env={**os.environ, "PREFECT_API_URL": f"{cockpit.address}/api"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert refused.returncode == 2
    assert "is already served: staged-validation" in refused.stderr
    assert not (tmp_path / "runs" / ".prefect" / "server.log").exists()
