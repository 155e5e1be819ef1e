"""What is printed as a command to copy is accepted as it stands, and does what is said beside it."""

from __future__ import annotations

import re
import shlex
import shutil
from itertools import product
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.every_command import app
from flows.judging.next_commands import next_commands
from flows.judging.pipeline_report import save_pipeline_report
from flows.pipeline.request import RunRequest
from flows.records.run_dir import PipelineDirectory
from gates.diagnosis.causes import CAUSES
from gates.findings import Verdict
from gates.progress import StageState
from reports.text.set_arguments import set_argument

STORED = Path(__file__).resolve().parents[2] / "fixtures" / "runs-0.1"
NAMES = ("plain", "lr=[1e-3] (b)", "it's `x` $y; {z} *?", "-rf")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[RunRequest]:
    """What `gonogo run` and `gonogo stage` were asked for; nothing is trained."""
    found: list[RunRequest] = []
    monkeypatch.setattr(
        "flows.commands.run.run", lambda request, **_: found.append(request.completed()) or 0
    )
    monkeypatch.setattr("flows.commands.decide.decide", lambda path, **_: not path.is_dir())
    return found


def accepted(command: str) -> None:
    program, *arguments = shlex.split(command)
    assert program == "gonogo"
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, f"{command}: {result.output}"


@pytest.mark.parametrize("name", NAMES)
def test_what_follows_a_verdict(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: list[RunRequest]
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(STORED / "single", tmp_path / name)
    with PipelineDirectory.reopen(tmp_path / name) as directory:
        stage = next(iter(directory.record.stages))
        run = directory.record.last(stage)
        assert run is not None
        for verdict, resumable in product(Verdict, (False, True)):
            for command in next_commands(
                directory, stage, run.run, verdict=verdict, decision=None, resumable=resumable
            ):
                accepted(command.text)
    assert {request.out.resolve() for request in asked} == {(tmp_path / name).resolve()}
    assert {request.preset for request in asked} == {directory.record.preset_source}


@pytest.mark.parametrize(
    ("end", "says"),
    [("broken", "from its newest checkpoint"), ("finished", "which is trained already")],
)
def test_what_follows_a_crash(tmp_path: Path, end: str, says: str, asked: list[RunRequest]) -> None:
    shutil.copytree(STORED / "single", tmp_path / "p")
    with PipelineDirectory.reopen(tmp_path / "p") as directory:
        stage = next(iter(directory.record.stages))
        run = directory.record.last(stage)
        assert run is not None
        (directory.folder_of(stage, run) / "gate.json").unlink()
        last = run.attempts[-1].model_copy(update={"end": end})
        crashed = run.model_copy(update={"state": StageState.CRASHED, "attempts": (last,)})
        record = directory.record.stages[stage].model_copy(update={"runs": (crashed,)})
        directory.record = directory.record.model_copy(update={"stages": {stage: record}})
        report = save_pipeline_report(directory).read_text()
    commands = re.findall(r"^gonogo .*", report, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        accepted(command)
    assert says in report
    assert [request.existing for request in asked] == ["resume", "retrain"]


@pytest.mark.parametrize("preset", ["drive", "pendulum"])
def test_the_settings_that_a_cause_names_are_settings(preset: str) -> None:
    changed = {key: value for cause in CAUSES.values() for key, value in cause.config.items()}
    assert changed
    overrides = tuple(set_argument(key, value) for key, value in changed.items())
    RunRequest(preset=preset, stages=("5k",), overrides=overrides).plan()
