"""Rolling a run back, and what memory and disk must hold."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from flows.commands.rollback import roll_back
from flows.errors import UsageError
from flows.pipeline import stage as stages
from flows.pipeline.request import RunRequest
from flows.records.run_dir import PipelineDirectory
from flows.settings.plan import StagePlan
from flows.settings.supervision import ResourceSettings
from flows.settings.trainers.trainer_check import Needs, Storage
from flows.training.health import needs as resource_needs
from flows.training.health.needs import refuse_what_cannot_fit
from flows.training.health.resources import ResourceWatch, cut_log, resource_summary
from flows.training.interrupted import interrupted_run
from flows.training.progress import SilentReporter

Opened = Callable[..., tuple[RunRequest, PipelineDirectory]]


@pytest.fixture
def run(opened: Opened) -> Path:
    """A judged run with checkpoints of steps 100, 200 and 300 that share replay segments."""
    request, directory = opened()
    stage = request.plan().stages[0]
    folder = stages.train(stage, directory, SilentReporter())
    stages.judge(stage, folder, directory)
    checkpoints = folder / "checkpoints"
    checkpoints.mkdir()
    for step in (100, 200, 300):
        names = [
            f"step-{step:09d}.ckpt",
            *(f"replay-{s:09d}.npz" for s in range(100, step + 1, 100)),
        ]
        for name in names:
            (checkpoints / name).write_bytes(b"x" * step)
        manifest = {"format": 1, "step": step, "files": {name: {} for name in names}}
        (checkpoints / f"step-{step:09d}.json").write_text(json.dumps(manifest))
    directory.close()
    return folder


def there(run: Path) -> set[str]:
    return {path.name for path in (run / "checkpoints").iterdir()}


def test_without_yes_nothing_is_removed(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = there(run)
    assert roll_back(run, to="100", yes=False) == 0
    assert there(run) == before
    said = capsys.readouterr().out
    assert said.count("Would remove") == 6
    assert "Add --yes" in said


def test_what_comes_after_is_removed_and_the_run_goes_on_from_there(
    run: Path, opened: Opened, capsys: pytest.CaptureFixture[str]
) -> None:
    assert roll_back(run, to="200", yes=True) == 0
    assert there(run) == {
        "step-000000100.json",
        "step-000000100.ckpt",
        "replay-000000100.npz",
        "step-000000200.json",
        "step-000000200.ckpt",
        "replay-000000200.npz",
    }
    said = capsys.readouterr().out
    for name in ("step-000000300.json", "step-000000300.ckpt", "replay-000000300.npz"):
        assert f"{name} (" in said
    request, directory = opened()
    found = interrupted_run(request.plan().stages[0], directory)
    assert found is not None
    assert found.attempts[-1].why == "Rolled back to step 200."
    assert stages.reason_to_train(request.plan().stages[0], directory) == "run-001 ended cancelled"


def test_a_checkpoint_that_is_not_there_is_named(run: Path) -> None:
    with pytest.raises(UsageError, match="there are checkpoints of: 100, 200, 300"):
        roll_back(run, to="150", yes=True)


def best_at(run: Path, step: int) -> None:
    (run / "checkpoints" / "best.ckpt").write_bytes(b"weights")
    (run / "checkpoints" / "best.json").write_text(json.dumps({"format": 1, "step": step}))


def test_the_best_evaluation_can_be_gone_back_to(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    best_at(run, 200)
    assert roll_back(run, to="best", yes=True) == 0
    assert "The best evaluation was at step 200." in capsys.readouterr().out
    assert "step-000000300.ckpt" not in there(run)
    assert {"step-000000200.ckpt", "best.ckpt", "best.json"} <= there(run)


def test_the_best_evaluation_of_what_is_discarded_goes_too(run: Path) -> None:
    best_at(run, 300)
    assert roll_back(run, to="200", yes=True) == 0
    assert not {"best.ckpt", "best.json"} & there(run)


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("best", "does not say which evaluation was best"),
        ("0", "--to 0: must be the step of a checkpoint, or best"),
        ("last", "--to last: must be the step of a checkpoint, or best"),
    ],
)
def test_where_to_go_back_to_must_be_known(run: Path, to: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        roll_back(run, to=to, yes=True)


def test_a_best_evaluation_without_its_checkpoint_is_named(run: Path) -> None:
    best_at(run, 250)
    with pytest.raises(UsageError, match="no checkpoint of step 250; there are"):
        roll_back(run, to="best", yes=True)


def test_a_run_in_use_is_left_alone(run: Path, opened: Opened) -> None:
    opened()
    before = there(run)
    with pytest.raises(UsageError, match="is in use by process"):
        roll_back(run, to="100", yes=True)
    assert there(run) == before


def test_a_run_without_a_pipeline_is_refused_while_its_trainer_lives(
    run: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "alone" / "stage" / "run"
    shutil.copytree(run, alone)
    wait = [sys.executable, "-c", "print(flush=True); import time; time.sleep(60)", str(alone)]
    with subprocess.Popen(wait, stdout=subprocess.PIPE) as trainer:
        # Its command line can be read once it runs, which is a little after its start.
        assert trainer.stdout is not None
        trainer.stdout.readline()
        status = json.loads((alone / "status.json").read_text())
        status |= {"phase": "training", "pid": trainer.pid}
        (alone / "status.json").write_text(json.dumps(status))
        try:
            with pytest.raises(UsageError, match="is running"):
                roll_back(alone, to="100", yes=True)
        finally:
            trainer.kill()
    assert roll_back(alone, to="100", yes=True) == 0
    assert "step-000000200.json" not in there(alone)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no run folder"):
        roll_back(tmp_path, to="1", yes=True)


@pytest.fixture
def stage(opened: Opened) -> StagePlan:
    request, _ = opened()
    plan = request.plan().stages[0]
    storage = Storage(
        memory_mib=7_600.0,
        disk_mib=8_200.0,
        process_mib=700.0,
        transitions=1_000_000,
        bytes_each=7_286,
        checkpoints=8,
    )
    return replace(plan, steps=1_000_000, needs=Needs(storage=storage))


def test_a_trainer_that_stores_nobody_knows_what_is_not_refused(
    stage: StagePlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource_needs, "memory_available_mib", lambda: 1.0)
    refuse_what_cannot_fit(replace(stage, needs=Needs()), tmp_path)


def test_a_stage_that_cannot_fit_is_refused_with_the_numbers(
    stage: StagePlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource_needs, "memory_available_mib", lambda: 4096.0)
    with pytest.raises(UsageError, match=r"1,000,000 transitions .* 4\.0 GiB are available"):
        refuse_what_cannot_fit(stage, tmp_path)
    monkeypatch.setattr(resource_needs, "memory_available_mib", lambda: None)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2**30))
    with pytest.raises(UsageError, match=r"1\.0 GiB are free"):
        refuse_what_cannot_fit(stage, tmp_path)
    refuse_what_cannot_fit(stage, tmp_path, there_mib=20_000.0 - 1024)


def test_resources_are_sampled_and_summed_up(tmp_path: Path) -> None:
    now = [0.0]
    watch = ResourceWatch(tmp_path, ResourceSettings(every_s=10), clock=lambda: now[0])
    for now[0] in (0.0, 5.0, 11.0):
        watch.sample_when_due(os.getpgrp())
    lines = [json.loads(line) for line in (tmp_path / "resources.jsonl").read_text().splitlines()]
    assert len(lines) == 2
    assert all(line["rss_mib"] > 1 and line["disk_free_mib"] > 0 for line in lines)
    with (tmp_path / "resources.jsonl").open("a") as file:
        file.write('{"rss_mib": 1e6}\n{"half')
    assert "memory of the run at most 1,000,000 MiB" in resource_summary(tmp_path)
    assert resource_summary(tmp_path / "nowhere") == ""


def test_a_log_that_grew_too_long_keeps_its_ends(tmp_path: Path) -> None:
    log = tmp_path / "trainer.log"
    writer = log.open("ab")
    writer.write(b"first\n" + b"x" * 100_000 + b"\nlast\n")
    writer.flush()
    assert not cut_log(log, 200_000)
    assert cut_log(log, 10_000)
    writer.write(b"after\n")
    writer.close()
    text = log.read_text()
    assert text.startswith("first\n")
    assert text.endswith("\nlast\nafter\n")
    assert "[gonogo cut " in text
    assert len(text) < 10_000
