"""The first training begins before Prefect is there, and is never lost."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import flows.commands.run as command
from flows.errors import ServerError, TrainingBrokenError
from flows.pipeline import begin
from flows.pipeline.begin import beginning, head_start, treatment
from flows.pipeline.request import RunRequest
from flows.records.run_dir import read_record
from flows.records.trainer_files import TrainerStatus, read_status
from flows.training.process.process import ChildProcess
from flows.training.progress import Tick
from gates.progress import StageState

MakeRequest = Callable[..., RunRequest]
LONG_S = 120.0


class Told:
    """A reporter that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.beats: list[TrainerStatus] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    @contextmanager
    def training(self, stage: str, steps: int) -> Iterator[Tick]:
        yield self.beats.append


def run_of(request: RunRequest) -> Path:
    return request.out / "one" / "run-001"


def state_of(request: RunRequest) -> StageState:
    record = read_record(request.out)
    assert record is not None
    run = record.last("one")
    assert run is not None
    return run.state


def wait_for_heartbeat(run: Path) -> None:
    deadline = time.monotonic() + LONG_S
    while read_status(run) is None:
        assert time.monotonic() < deadline, "the trainer never started"
        time.sleep(0.02)


def test_what_a_training_needs_to_begin_is_not_prefect() -> None:
    heavy = ("prefect", "torch", "matplotlib", "pandas", "tbparse", "tensorboard")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, gonogo, flows.commands.run\n"
            f"print([name for name in {heavy} if name in sys.modules])",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_it_trains_before_any_server_answers_and_stops_when_none_does(
    make_request: MakeRequest,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    request = make_request("train.act=wait")

    @contextlib.contextmanager
    def never_answers() -> Iterator[str]:
        wait_for_heartbeat(run_of(request))
        raise ServerError("Prefect's server does not start. Its log: server.log")
        yield ""

    monkeypatch.setattr(command, "prefect_server", never_answers)
    monkeypatch.setattr(command, "prepare_environment", lambda *_, **__: None)
    monkeypatch.setattr(command, "raise_on_stop_signals", lambda: None)
    with pytest.raises(ServerError, match="does not start"):
        command.run(request, show_prefect=False)
    said = capsys.readouterr().out
    assert "one: training 400 steps" in said
    assert "the training was stopped and saved itself" in said
    assert f"gonogo run --out {request.out} --resume\n" in said
    assert state_of(request) is StageState.CANCELLED
    status = read_status(run_of(request))
    assert status is not None
    assert status.phase == "stopped"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_whatever_ends_the_wait_ends_the_training(
    make_request: MakeRequest, stop: type[BaseException]
) -> None:
    request = make_request("train.act=wait")

    def begin() -> None:
        with head_start(request, request.plans(), Told()) as ahead:
            assert ahead is not None
            wait_for_heartbeat(run_of(request))
            raise stop

    with pytest.raises(stop):
        begin()
    assert state_of(request) is StageState.CANCELLED
    request.open(request.plan()).close()  # nobody holds the directory


def test_who_follows_late_hears_everything(
    make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = make_request()
    terminal, page = Told(), Told()
    poll = ChildProcess.poll

    def after_the_last_heartbeat(child: ChildProcess) -> int | None:
        heard = terminal.beats and terminal.beats[-1].step == 400
        return poll(child) if heard else None

    monkeypatch.setattr(ChildProcess, "poll", after_the_last_heartbeat)
    with head_start(request, request.plans(), terminal) as ahead:
        assert ahead is not None
        folder = ahead.training.follow(page)
        assert folder == run_of(request)
    assert page.lines == terminal.lines
    assert page.lines[0].startswith("one: training 400 steps in ")
    assert page.beats[-1].step == 400


def test_a_training_that_breaks_is_reported_to_who_follows(make_request: MakeRequest) -> None:
    request = make_request("train.act=break")
    with head_start(request, request.plans(), Told()) as ahead:
        assert ahead is not None
        with pytest.raises(TrainingBrokenError, match="it broke"):
            ahead.training.follow(Told())
    assert state_of(request) is StageState.CRASHED


def test_the_flow_decides_about_several_seeds_and_about_overrides(
    make_request: MakeRequest,
) -> None:
    seeds = make_request(seeds=(0, 1))
    with head_start(seeds, seeds.plans(), Told()) as ahead:
        assert ahead is None
    override = make_request(override_no_go="one", name="somebody", reason="known")
    with head_start(override, override.plans(), Told()) as ahead:
        assert ahead is None


@pytest.fixture
def interrupted(make_request: MakeRequest) -> RunRequest:
    """What a training was asked for that Ctrl-C ended."""
    request = make_request("train.act=wait")
    with (
        contextlib.suppress(KeyboardInterrupt),
        head_start(request, request.plans(), Told()) as ahead,
    ):
        assert ahead is not None
        wait_for_heartbeat(run_of(request))
        raise KeyboardInterrupt
    return request


def begun_by(request: RunRequest) -> str:
    """Return the run that a request goes on with; empty when it trains anew."""
    plan = request.plan()
    with request.open(plan) as directory:
        # What the interrupted training began lies before, also where all happens within a second.
        existing = treatment(plan.stages[0], directory, request, since="9999-12-31")
        begins = beginning(plan.stages[0], directory, request, existing=existing)
    return begins.begun.run if begins.begun is not None else ""


def test_an_interrupted_training_goes_on_without_being_told(interrupted: RunRequest) -> None:
    assert interrupted.existing == "keep"
    assert begun_by(interrupted) == "run-001"


def test_an_interrupted_training_of_another_recipe_is_left_alone(
    interrupted: RunRequest, make_request: MakeRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert begun_by(make_request("train.act=wait", "train.loss=2.0")) == ""
    assert begun_by(interrupted.model_copy(update={"existing": "retrain"})) == ""
    monkeypatch.setattr(begin, "recipe_hash", lambda _: "of changed code")
    assert begun_by(interrupted) == ""
    assert begun_by(interrupted.model_copy(update={"existing": "resume"})) == "run-001"
