"""The whole product in seconds: real command, real trainer, real gate, real Prefect server."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

Gonogo = Callable[..., "subprocess.CompletedProcess[str]"]
BAD_RECIPE = (
    "--set=train.actor_lr=0.05",
    "--set=train.preact_penalty=0",
    "--set=train.normalize_actor_loss=false",
    "--set=train.train_freq=1",
)


def options(small: Path, out: Path) -> tuple[str, ...]:
    stages = f"{small / 'first.yaml'},{small / 'second.yaml'}"
    return ("--preset", str(small / "small.yaml"), "--stages", stages, "--out", str(out))


@pytest.mark.slow
def test_go_leads_from_stage_to_stage_and_is_kept(
    gonogo: Gonogo, small: Path, tmp_path: Path
) -> None:
    out = tmp_path / "pipeline"
    done = gonogo("run", *options(small, out))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[-1].startswith("GO  second: ")
    assert any(line.startswith("first: GO: ") for line in lines)
    for stage, steps in (("first", 600), ("second", 800)):
        run = out / stage / "run-001"
        gate = json.loads((run / "gate.json").read_text())
        assert (gate["verdict"], gate["stage"], gate["last_step"]) == ("GO", stage, steps)
        assert f"GO at {stage}" in (run / "report.md").read_text()
        assert list((run / "plots").glob("*.png"))
        assert list((run / "checkpoints").iterdir())
    pipeline = (out / "report.md").read_text()
    assert "first/run-001/report.md" in pipeline
    assert "second/run-001/report.md" in pipeline

    before = sorted(path for path in out.rglob("run-*") if path.is_dir())
    again = gonogo("run", "--out", str(out))
    assert again.returncode == 0, again.stdout + again.stderr
    assert "first: run-001 of the same recipe is kept, not trained again" in again.stdout
    assert before == sorted(path for path in out.rglob("run-*") if path.is_dir())

    run = out / "first" / "run-001"
    first_gate = (run / "gate.json").read_bytes()
    judged = gonogo("gate", str(run), "--json")
    assert judged.returncode == 0, judged.stderr
    assert json.loads(judged.stdout)["verdict"] == "GO"
    assert (run / "gate.json").read_bytes() == first_gate, "the first judgement stays"
    assert (run / "rejudged-001" / "gate.json").read_text() == judged.stdout
    shown = gonogo("report", str(run), "--format", "html")
    assert shown.returncode == 0, shown.stderr
    assert Path(shown.stdout.strip()).read_text().lstrip().lower().startswith("<!doctype html>")


@pytest.mark.slow
def test_no_go_ends_the_pipeline_until_the_recipe_is_mended(
    gonogo: Gonogo, small: Path, tmp_path: Path
) -> None:
    out = tmp_path / "pipeline"
    done = gonogo("run", *options(small, out), *BAD_RECIPE)
    assert done.returncode == 3, done.stdout + done.stderr
    assert re.match(r"NO_GO  first: share of saturated actions is .*", last(done))
    assert not (out / "second").exists(), "the next stage must never start"
    first_run = {p: p.read_bytes() for p in (out / "first").rglob("*") if p.is_file()}

    mended = gonogo(
        "stage",
        str(small / "first.yaml"),
        "--out",
        str(out),
        "--set=train.actor_lr=1e-4",
        "--set=train.preact_penalty=0.02",
        "--note=a lower rate; saturation should stay below 0.9",
    )
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert last(mended).startswith("GO  first: ")
    report = (out / "first" / "run-002" / "report.md").read_text()
    assert "train.actor_lr" in report
    assert "saturation should stay below 0.9" in report
    assert first_run == {p: p.read_bytes() for p in first_run}, "the first run stays as it was"
    assert not (out / "second").exists(), "one stage alone"


@pytest.mark.slow
def test_ctrl_c_stops_the_trainer_and_leaves_nothing_behind(
    environment: dict[str, str], small: Path, tmp_path: Path
) -> None:
    out = tmp_path / "pipeline"
    (small / "first.yaml").write_text(
        (small / "first.yaml").read_text().replace("steps: 600", "steps: 400_000", 1)
    )
    # A process group of its own, as a shell gives it: Ctrl-C reaches everybody in it.
    process = subprocess.Popen(
        [sys.executable, "-m", "gonogo", "run", *options(small, out)],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=accept_ctrl_c,
    )
    status = out / "first" / "run-001" / "status.json"
    try:
        deadline = time.monotonic() + 600
        while not (status.exists() and json.loads(status.read_text())["step"] > 0):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        output, errors = process.communicate(timeout=600)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    assert process.returncode == 1
    assert errors == "Stopped by Ctrl-C. What was trained and judged so far is kept.\n", output
    state = json.loads(status.read_text())
    assert state["phase"] == "stopped"
    assert list((out / "first" / "run-001" / "checkpoints").iterdir())
    assert not Path(f"/proc/{state['pid']}").exists()
    record = json.loads((out / "pipeline.json").read_text())
    assert record["stages"]["first"]["runs"][0]["state"] == "cancelled"
    assert not processes_that_mention(str(tmp_path)), "no process may be left"


def accept_ctrl_c() -> None:
    """Undo what a shell does to jobs that it starts in the background: they ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def last(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout.splitlines()[-1]


def processes_that_mention(text: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes() + (path / "environ").read_bytes()
        except OSError:
            continue
        if text.encode() in words and path.name != str(os.getpid()):
            found.append((path / "cmdline").read_bytes().decode(errors="replace"))
    return found
