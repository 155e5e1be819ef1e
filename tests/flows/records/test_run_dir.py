from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.errors import OutputError, UsageError
from flows.pipeline.request import RunRequest
from flows.records.run_dir import PipelineDirectory, read_record
from gates.progress import StageState

MakeRequest = Callable[..., RunRequest]
Opened = Callable[..., tuple[RunRequest, PipelineDirectory]]


def test_each_training_gets_a_new_run_folder(opened: Opened, files: Path) -> None:
    request, directory = opened()
    stage = request.plan().stages[0]
    first = directory.new_run(stage, recipe="r")
    second = directory.new_run(stage, recipe="r", note="slower")
    assert [first.name, second.name] == ["run-001", "run-002"]
    assert json.loads((first / "request.json").read_text()) == stage.request
    record = read_record(files / "pipeline")
    assert record is not None
    assert [run.run for run in record.stages["one"].runs] == ["run-001", "run-002"]
    assert record.last("one") is not None
    assert record.stages["one"].runs[1].note == "slower"


def test_a_run_folder_that_pipeline_json_does_not_know_is_not_used_again(opened: Opened) -> None:
    request, directory = opened()
    (directory.path / "one" / "run-007").mkdir(parents=True)
    assert directory.new_run(request.plan().stages[0], recipe="r").name == "run-008"


def test_two_pipelines_never_work_in_one_directory(
    opened: Opened, make_request: MakeRequest
) -> None:
    _, directory = opened()
    request = make_request()
    with pytest.raises(UsageError, match=f"is in use by process {os.getpid()}"):
        request.open(request.plan())
    directory.close()
    request.open(request.plan()).close()


def test_the_lock_holds_while_a_child_of_ours_has_it(
    opened: Opened, make_request: MakeRequest
) -> None:
    _, directory = opened()
    child = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(directory.lock,)
    )
    directory.close()
    request = make_request()
    with pytest.raises(UsageError, match="is in use"):
        request.open(request.plan())
    child.communicate(b"\n")
    request.open(request.plan()).close()


@pytest.mark.parametrize("change", [{"seeds": (1,)}, {"preset": "other"}])
def test_a_pipeline_of_another_preset_or_seed_is_refused(
    opened: Opened, make_request: MakeRequest, files: Path, change: dict[str, object]
) -> None:
    opened()[1].close()
    if "preset" in change:
        text = (files / "fake.yaml").read_text().replace("name: fake", "name: other")
        (files / "other.yaml").write_text(text)
        change = {"preset": str(files / "other.yaml")}
    request = make_request(**change)
    with pytest.raises(UsageError, match="holds a pipeline of preset fake, seed 0"):
        request.open(request.plan())


def test_a_folder_with_other_things_is_refused_and_left_alone(
    make_request: MakeRequest, files: Path
) -> None:
    out = files / "photos"
    out.mkdir()
    (out / "holiday.jpg").write_bytes(b"")
    request = make_request(out=out)
    with pytest.raises(UsageError, match=r"is not empty and holds no pipeline\.json"):
        request.open(request.plan())
    assert [path.name for path in out.iterdir()] == ["holiday.jpg"]


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 2}'])
def test_a_damaged_pipeline_json_is_refused(
    make_request: MakeRequest, files: Path, text: str
) -> None:
    out = files / "pipeline"
    out.mkdir()
    (out / "pipeline.json").write_text(text)
    request = make_request()
    with pytest.raises(UsageError, match=r"is not a valid pipeline\.json"):
        request.open(request.plan())
    assert (out / "pipeline.json").read_text() == text


def test_an_output_folder_that_cannot_be_made_is_one_sentence(
    make_request: MakeRequest, files: Path
) -> None:
    (files / "file").write_text("")
    request = make_request(out=files / "file" / "out")
    with pytest.raises((OutputError, UsageError), match=r"Not a directory|is not a folder"):
        request.open(request.plan())


def test_a_run_that_nobody_runs_any_more_is_a_crash(opened: Opened) -> None:
    request, directory = opened()
    directory.new_run(request.plan().stages[0], recipe="r")
    _, again = opened()
    run = again.record.last("one")
    assert run is not None
    assert run.state is StageState.CRASHED
    assert run.message == "gonogo ended while this run was going on."


def test_one_stage_alone_does_not_change_what_the_pipeline_consists_of(
    opened: Opened, files: Path
) -> None:
    both = opened()[1].record.stages_asked
    _, directory = opened(stages=(str(files / "two.yaml"),), single_stage=True, existing="retrain")
    assert (
        directory.record.stages_asked
        == both
        == tuple(str(files / f"{name}.yaml") for name in ("one", "two"))
    )
