"""A trainer by command under supervision: how its attempts end, what is judged, what is left behind."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from flows.cli.every_command import app
from flows.errors import TrainingBrokenError
from flows.judging.next_commands import next_commands
from flows.pipeline import stage as stages
from flows.pipeline.request import RunRequest
from flows.records.pipeline_record import RunRecord
from flows.records.run_dir import PipelineDirectory
from flows.records.stored_result import GATE_FILE
from flows.records.trainer_files import TrainerStatus
from flows.settings.plan import StagePlan
from flows.training.interrupted import interrupted_run, nothing_to_resume, unjudged_run
from flows.training.progress import SilentReporter
from gates.events.reader import read_events
from gates.findings import Verdict
from gates.progress import StageState

ANY = Path(__file__).parents[2].joinpath("any_trainer.py")
ROOT = Path(__file__).resolve().parents[4]
MORE_CHECKS = """
  - id: all_steps
    title: All planned steps reached
    type: completeness
    group: integrity
    min_points: 1
    rationale: A test needs one about the end.
    source: this test
  - id: finite_values
    title: All values finite
    type: finite
    group: integrity
    live: true
    prefixes: [train/]
    min_points: 1
    rationale: A test needs one that is live.
    source: this test
"""


class Notes(SilentReporter):
    """Keeps what is said and shown; `interrupt_at` plays Ctrl-C at a step."""

    def __init__(self, interrupt_at: int | None = None) -> None:
        self.said: list[str] = []
        self.ticks: list[TrainerStatus] = []
        self._interrupt_at = interrupt_at

    def say(self, text: str) -> None:
        self.said.append(text)

    @contextlib.contextmanager
    def training(self, stage: str, steps: int) -> Iterator[Callable[[TrainerStatus], None]]:
        def tick(status: TrainerStatus) -> None:
            self.ticks.append(status)
            if self._interrupt_at is not None and status.step >= self._interrupt_at:
                raise KeyboardInterrupt

        yield tick


class Mine:
    """A pipeline of one stage of 400 steps with `any_trainer.py`."""

    def __init__(self, files: Path) -> None:
        self.files = files
        self.pids = files / "pids.json"
        self.directories: list[PipelineDirectory] = []
        (files / "loss.yaml").write_text((files / "loss.yaml").read_text() + MORE_CHECKS)

    def write(self, act: str = "finish", arguments: tuple[str, ...] = (), **trainer: Any) -> Path:
        section = {
            "command": [
                *("{python}", str(ANY), "--steps={steps}", "--seed={seed}", "--log-dir={events}"),
                *("--act={act}", "--loss={loss}", f"--pids={self.pids}", *arguments),
            ],
            "dialect": "cleanrl",
            "values": {"act": act, "loss": 1.0},
            **trainer,
        }
        path = self.files / "mine.yaml"
        path.write_text(yaml.safe_dump({"name": "mine", "trainer": section}))
        return path

    def request(self, **changes: Any) -> RunRequest:
        content = {
            "preset": str(self.files / "mine.yaml"),
            "stages": (str(self.files / "one.yaml"),),
            "out": self.files / "pipeline",
        }
        return RunRequest.model_validate({**content, **changes})

    def open(self, *overrides: str, resuming: bool = False) -> tuple[StagePlan, PipelineDirectory]:
        self.close()
        request = self.request(overrides=overrides)
        plan = request.plan()
        self.directories.append(request.open(plan, resuming=resuming))
        return plan.stages[0], self.directories[-1]

    def close(self) -> None:
        while self.directories:
            self.directories.pop().close()

    def started(self) -> list[int]:
        """Every process that the trainer started, itself included."""
        found = json.loads(self.pids.read_text())
        return [found["trainer"], *found["children"]]


@pytest.fixture
def mine(files: Path) -> Iterator[Mine]:
    found = Mine(files)
    yield found
    found.close()


def newest(directory: PipelineDirectory) -> RunRecord:
    run = directory.record.last("one")
    assert run is not None
    return run


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def all_gone(pids: list[int], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while alive := [pid for pid in pids if runs(pid)]:
        assert time.monotonic() < deadline, f"{alive} are left"
        time.sleep(0.05)


def read(path: Path) -> dict[str, Any]:
    found = json.loads(path.read_text())
    assert isinstance(found, dict)
    return found


def test_a_run_is_trained_judged_and_described(mine: Mine) -> None:
    mine.write()
    stage, directory = mine.open("trainer.values.loss=2.0")
    notes = Notes()
    run = stages.train(stage, directory, notes, note="mine")
    outcome = stages.judge(stage, run, directory)
    assert outcome.verdict is Verdict.GO, outcome.deciding
    told = read(run / "run.json")
    assert told["train"] == {"act": "finish", "loss": 2.0}
    assert told["trainer"]["dialect"] == "cleanrl"
    assert "--loss=2.0" in told["trainer"]["command"]
    assert told["planned_steps"] == 400
    assert [a["resumed_from_step"] for a in told["attempts"]] == [0]
    status = read(run / "status.json")
    assert (status["phase"], status["step"]) == ("finished", 400)
    # Episodes of 50, 100, 150 and 200 return, under CleanRL's names.
    assert (status["mean_episode_length"], status["mean_episode_return"]) == (50.0, 125.0)
    result = read(outcome.run / GATE_FILE)
    assert (result["dialect"], result["last_step"]) == ("cleanrl", 400)
    report = outcome.report.read_text()
    assert "--loss=2.0" in report.replace("&#45;", "-")
    assert "loss 2.0" in report
    attempt = newest(directory).attempts[0]
    assert (attempt.end, attempt.to_step) == ("finished", 400)
    # The same recipe is kept; another value, or another script, is trained anew.
    assert stages.reason_to_train(stage, directory) is None
    other, directory = mine.open("trainer.values.loss=3.0")
    assert "the recipe is not that of run-001" in str(stages.reason_to_train(other, directory))


def test_tags_of_ones_own_trainer_need_no_translation(mine: Mine) -> None:
    mine.write(arguments=("--tag=train/critic_loss",), dialect="own")
    stage, directory = mine.open()
    run = stages.train(stage, directory, Notes())
    outcome = stages.judge(stage, run, directory)
    assert outcome.verdict is Verdict.GO, outcome.deciding
    assert read(outcome.run / GATE_FILE)["dialect"] == "gonogo"


def test_a_wrong_dialect_is_no_go_and_says_which_fits(mine: Mine) -> None:
    mine.write(dialect="sb3")
    stage, directory = mine.open()
    run = stages.train(stage, directory, Notes())
    outcome = stages.judge(stage, run, directory)
    assert outcome.verdict is Verdict.NO_GO
    findings = {f["check"]: f for f in read(outcome.run / GATE_FILE)["findings"]}
    assert "the tags are those of cleanrl" in findings["declared_dialect"]["reason"]


def test_a_mapping_file_of_ones_own_stays_with_the_run(mine: Mine) -> None:
    tags = mine.files / "tags.yaml"
    tags.write_text(
        "name: house\ntitle: house\nsource: test\ntags: {x/loss: {to: train/critic_loss}}\n"
    )
    mine.write(arguments=("--tag=x/loss",), dialect="tags.yaml")
    stage, directory = mine.open()
    run = stages.train(stage, directory, Notes())
    tags.unlink()
    outcome = stages.judge(stage, run, directory)
    assert outcome.verdict is Verdict.GO, outcome.deciding
    assert read(outcome.run / GATE_FILE)["dialect"] == "house"


def test_a_run_that_diverges_is_stopped_live_and_nothing_is_left(mine: Mine) -> None:
    mine.write(act="nan")
    stage, directory = mine.open()
    notes = Notes()
    run = stages.train(stage, directory, notes)
    outcome = stages.judge(stage, run, directory)
    assert outcome.verdict is Verdict.NO_GO
    assert outcome.deciding.startswith("stopped at step 220 by the live gate: ")
    assert read(run / "status.json")["phase"] == "stopped"
    all_gone(mine.started())


def test_a_killed_trainer_starts_from_scratch_and_its_events_are_not_mixed(mine: Mine) -> None:
    mine.write(act="kill once")
    stage, directory = mine.open()
    notes = Notes()
    run = stages.train(stage, directory, notes)
    attempts = newest(directory).attempts
    assert [(a.end, a.from_step, a.to_step) for a in attempts] == [
        ("killed", 0, 220),
        ("finished", 0, 400),
    ]
    assert any("from scratch" in text for text in notes.said)
    assert list((run / "attempt-001" / "events").glob("*tfevents*"))
    steps = read_events(run).series["losses/qf_loss"].steps.tolist()
    assert steps == list(range(20, 401, 20))
    assert stages.judge(stage, run, directory).verdict is Verdict.GO


def test_a_trainer_that_can_resume_goes_on_and_repeated_steps_are_void(mine: Mine) -> None:
    mine.write(
        act="kill once",
        arguments=("--save={run}/checkpoints/last.txt",),
        checkpoints="{run}/checkpoints/*.txt",
        resume=["--resume={checkpoint}"],
    )
    stage, directory = mine.open()
    notes = Notes()
    run = stages.train(stage, directory, notes)
    attempts = newest(directory).attempts
    assert [(a.end, a.from_step, a.to_step) for a in attempts] == [
        ("killed", 0, 220),
        ("finished", 220, 400),
    ]
    assert any("from last.txt" in text for text in notes.said)
    assert not (run / "attempt-001").exists()
    log = read_events(run)
    # Killed at 220, the checkpoint was of 200: 220 is logged again and its first point is void.
    assert log.series["losses/qf_loss"].steps.tolist() == list(range(20, 401, 20))
    assert log.purged_points == 2
    assert [a["resumed_from_step"] for a in read(run / "run.json")["attempts"]] == [0, 220]
    assert stages.judge(stage, run, directory).verdict is Verdict.GO


def test_each_writer_s_repeated_steps_are_void(mine: Mine) -> None:
    mine.write(
        act="kill once",
        arguments=(
            *("--save={run}/checkpoints/last.txt", "--at=240"),
            *("--folder=train", "--episodes=rollout"),
        ),
        checkpoints="{run}/checkpoints/*.txt",
        resume=["--resume={checkpoint}"],
    )
    stage, directory = mine.open()
    run = stages.train(stage, directory, Notes())
    assert {path.parent.name for path in run.glob("events/*/*gonogo-purge")} == {"train", "rollout"}
    log = read_events(run)
    assert log.series["losses/qf_loss"].steps.tolist() == list(range(20, 401, 20))
    assert log.series["charts/episodic_return"].steps.tolist() == list(range(100, 401, 100))
    assert stages.judge(stage, run, directory).verdict is Verdict.GO


@pytest.mark.parametrize(
    ("codes", "ends"),
    [
        ({}, ["broken"]),
        ({75: "simulator_lost"}, ["simulator lost", "finished"]),
        ({75: "out_of_memory"}, ["out of memory", "finished"]),
        ({75: "finished"}, ["ended before its plan"]),
        ({75: "bad_configuration"}, ["bad configuration"]),
    ],
)
def test_exit_codes_mean_what_the_preset_says(
    mine: Mine, codes: dict[int, str], ends: list[str]
) -> None:
    mine.write(act="exit 75 once", exit_codes=codes)
    stage, directory = mine.open()
    try:
        run = stages.train(stage, directory, Notes())
    except TrainingBrokenError as error:
        assert "it has an end of its own" in str(error)  # noqa: PT017
    else:
        verdict = stages.judge(stage, run, directory).verdict
        # A code that means `finished` does not make up for steps that are missing.
        assert (verdict is Verdict.GO) == (len(ends) == 2)
    assert [a.end for a in newest(directory).attempts] == ends


def test_wrong_arguments_are_a_bad_configuration(mine: Mine) -> None:
    mine.write(arguments=("--no-such-option",))
    stage, directory = mine.open()
    with pytest.raises(
        TrainingBrokenError, match="unrecognized arguments: --no-such-option"
    ) as told:
        stages.train(stage, directory, Notes())
    assert told.value.exit_code == 2


def test_a_hang_is_noticed_by_silent_event_files_and_started_again(mine: Mine) -> None:
    mine.write(act="hang once", silent_s=2.0)
    one = mine.files / "one.yaml"
    one.write_text(one.read_text().replace("backoff_s: 0}", "backoff_s: 0}, stalls: {grace_s: 1}"))
    stage, directory = mine.open()
    run = stages.train(stage, directory, Notes())
    ends = [a.end for a in newest(directory).attempts]
    assert ends == ["hung", "finished"]
    stall = (run / "stall-001.txt").read_text()
    assert "hung in phase training at step 220" in stall
    assert "any_trainer.py" in stall
    assert "limit 2 s, trainer.silent_s of the preset" in stall
    assert stages.judge(stage, run, directory).verdict is Verdict.GO


def test_ctrl_c_ends_the_whole_tree_and_resume_starts_again(mine: Mine) -> None:
    mine.write(act="wait once")
    stage, directory = mine.open()
    with pytest.raises(KeyboardInterrupt):
        stages.train(stage, directory, Notes(interrupt_at=100))
    all_gone(mine.started())
    run = newest(directory)
    assert run.state is StageState.CANCELLED
    assert [a.end for a in run.attempts] == ["stopped on request"]
    found = interrupted_run(stage, directory)
    assert found is not None
    folder = stages.resume(stage, found, directory, Notes())
    assert [a.end for a in newest(directory).attempts] == ["stopped on request", "finished"]
    assert (folder / "attempt-001").is_dir()
    assert stages.judge(stage, folder, directory).verdict is Verdict.GO


def test_a_deaf_trainer_and_workers_in_their_own_session_are_killed(mine: Mine) -> None:
    mine.write(act="deaf")
    one = mine.files / "one.yaml"
    one.write_text(one.read_text().replace("supervision: {", "supervision: {grace_s: 0.5, "))
    stage, directory = mine.open()
    with pytest.raises(KeyboardInterrupt):
        stages.train(stage, directory, Notes(interrupt_at=100))
    all_gone(mine.started())


@pytest.mark.parametrize("act", ["crash", "exit 1", "exit 2", "exit 75", "hang"])
def test_a_plan_that_was_reached_is_finished_however_the_process_ends(mine: Mine, act: str) -> None:
    mine.write(act=act, arguments=("--at=400",), silent_s=2.0)
    stage, directory = mine.open()
    notes = Notes()
    run = stages.train(stage, directory, notes)
    assert [a.end for a in newest(directory).attempts] == ["finished"]
    assert "It reached step 400 of 400" in newest(directory).attempts[0].why
    assert any("is judged" in text for text in notes.said)
    outcome = stages.judge(stage, run, directory)
    assert outcome.verdict is Verdict.GO, outcome.deciding
    assert "It reached step 400 of 400" in outcome.report.read_text()


def test_a_hang_behind_the_plan_does_not_wait_for_the_whole_silence(mine: Mine) -> None:
    mine.write(act="hang", arguments=("--at=400",))
    one = mine.files / "one.yaml"
    stalls = "stalls: {ending_s: 2, grace_s: 1}"
    one.write_text(one.read_text().replace("backoff_s: 0}", f"backoff_s: 0}}, {stalls}"))
    stage, directory = mine.open()
    stages.train(stage, directory, Notes())
    (attempt,) = newest(directory).attempts
    assert attempt.end == "finished"
    assert "supervision.stalls.ending_s" in attempt.why


def test_who_stops_a_trainer_that_hangs_at_its_end_need_not_train_again(mine: Mine) -> None:
    mine.write(act="hang", arguments=("--at=400",))
    stage, directory = mine.open()
    with pytest.raises(KeyboardInterrupt):
        stages.train(stage, directory, Notes(interrupt_at=400))
    assert newest(directory).state is StageState.CANCELLED
    found = unjudged_run(stage, directory, also_tried=False)
    assert found is not None
    run = stages.resume(stage, found, directory, Notes())
    assert len(newest(directory).attempts) == 1
    assert stages.judge(stage, run, directory).verdict is Verdict.GO


def test_a_plan_that_was_reached_while_nobody_watched_is_not_trained_again(mine: Mine) -> None:
    mine.write(act="hang", arguments=("--at=400",))
    process = supervised_elsewhere(mine)
    run = mine.files / "pipeline" / "one" / "run-001"
    deadline = time.monotonic() + 60
    while not (run / "status.json").exists() or read(run / "status.json")["step"] < 400:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    all_gone(mine.started())
    stage, directory = mine.open(resuming=True)
    found = unjudged_run(stage, directory, also_tried=False)
    assert found is not None
    folder = stages.resume(stage, found, directory, Notes())
    assert read(folder / "status.json")["phase"] == "finished"
    assert newest(directory).attempts[0].end == "finished"
    assert "gonogo was killed" in newest(directory).attempts[0].why
    outcome = stages.judge(stage, folder, directory)
    assert outcome.verdict is Verdict.GO, outcome.deciding


def test_a_last_row_before_the_plan_is_the_end_where_all_would_be_trained_again(mine: Mine) -> None:
    mine.write(act="exit 1", arguments=("--at=380",))
    stage, directory = mine.open()
    run = stages.train(stage, directory, Notes())
    (attempt,) = newest(directory).attempts
    assert attempt.end == "finished"
    assert "step 380 of 400, with rows up to 20 steps apart" in attempt.why
    assert read(run / "status.json")["phase"] == "finished"


RESUMES: dict[str, Any] = {
    "checkpoints": "{run}/checkpoints/*.txt",
    "resume": ["--resume={checkpoint}"],
}


def test_an_end_without_an_error_before_the_plan_can_be_resumed(mine: Mine) -> None:
    mine.write(act="exit 0 once", arguments=("--save={run}/checkpoints/last.txt",), **RESUMES)
    stage, directory = mine.open()
    run = stages.train(stage, directory, Notes())
    outcome = stages.judge(stage, run, directory)
    assert outcome.verdict is Verdict.NO_GO
    (attempt,) = newest(directory).attempts
    assert (attempt.end, attempt.resumable) == ("ended before its plan", True)
    report = outcome.report.read_text().replace("&#45;", "-")
    assert f"gonogo stage one --out {mine.files / 'pipeline'} --resume" in report
    found = interrupted_run(stage, directory)
    assert found is not None
    folder = stages.resume(stage, found, directory, Notes())
    assert folder == run
    outcome = stages.judge(stage, folder, directory)
    assert outcome.verdict is Verdict.GO, outcome.deciding
    assert interrupted_run(stage, directory) is None


def test_without_a_checkpoint_resuming_is_neither_offered_nor_done(mine: Mine) -> None:
    mine.write(act="exit 0 once")
    stage, directory = mine.open()
    run = stages.train(stage, directory, Notes())
    report = stages.judge(stage, run, directory).report.read_text()
    assert "&#45;&#45;resume" not in report
    assert "--resume" not in report
    assert interrupted_run(stage, directory) is None
    assert "has no checkpoint that its trainer could go on from" in nothing_to_resume(
        stage, directory
    )


@pytest.mark.parametrize("content", ["", "PK\x03\x04 cut off", "no number"])
def test_older_checkpoints_are_tried_when_the_newest_cannot_be_loaded(
    mine: Mine, content: str
) -> None:
    mine.write(
        act="kill once",
        arguments=("--save={run}/checkpoints/STEP.txt",),
        **RESUMES,
    )
    stage, directory = mine.open()
    broken: list[Path] = []

    class Breaks(Notes):
        def say(self, text: str) -> None:
            super().say(text)
            if not broken and "Going on" in text:
                newest_one = directory.path / "one" / "run-001" / "checkpoints" / "200.txt"
                newest_one.write_text(content)
                broken.append(newest_one)

    notes = Breaks()
    run = stages.train(stage, directory, notes)
    attempts = newest(directory).attempts
    tried = ["broken"] if content == "no number" else []
    assert [a.end for a in attempts] == ["killed", *tried, "finished"]
    assert attempts[-1].from_step == 120
    assert stages.judge(stage, run, directory).verdict is Verdict.GO


@pytest.mark.parametrize("folder", ["TD3_{attempt}", "z/{attempt}/tb"])
def test_an_attempt_that_goes_on_in_a_new_folder_is_the_same_run(mine: Mine, folder: str) -> None:
    save = ("--save={run}/checkpoints/last.txt", f"--folder={folder}")
    mine.write(act="kill once", arguments=save, **RESUMES)
    stage, directory = mine.open()
    run = stages.train(stage, directory, Notes())
    attempts = newest(directory).attempts
    assert [(a.end, a.from_step, a.to_step) for a in attempts] == [
        ("killed", 0, 220),
        ("finished", 220, 400),
    ]
    log = read_events(run)
    assert log.series["losses/qf_loss"].steps.tolist() == list(range(20, 401, 20))
    outcome = stages.judge(stage, run, directory)
    assert outcome.verdict is Verdict.GO, outcome.deciding
    assert "One run in" in outcome.report.read_text()


def test_a_folder_with_brackets_keeps_its_checkpoints(mine: Mine) -> None:
    mine.write(act="kill once", arguments=("--save={run}/checkpoints/1.txt",), **RESUMES)
    request = mine.request(out=mine.files / "lr=[1e-3] *?")
    plan = request.plan()
    mine.directories.append(request.open(plan))
    notes = Notes()
    stages.train(plan.stages[0], mine.directories[-1], notes)
    assert any("from 1.txt" in text for text in notes.said)


def test_event_files_that_cannot_be_read_are_said_and_nobody_is_killed_for_it(mine: Mine) -> None:
    second = mine.files / "pipeline" / "one" / "run-001" / "events" / "b"
    code = (
        "import runpy, sys; from pathlib import Path; folder = Path(sys.argv.pop(1)); "
        "folder.mkdir(parents=True); "
        "(folder / 'events.out.tfevents.1700000000.x').write_bytes(b'')\n"
        f"runpy.run_path({str(ANY)!r}, run_name='__main__')"
    )
    mine.write(silent_s=60.0)
    path = mine.files / "mine.yaml"
    content = yaml.safe_load(path.read_text())
    command = content["trainer"]["command"]
    content["trainer"]["command"] = [
        *(command[0], "-c", code, str(second)),
        *(*command[2:], "--folder=a", "--act=wait"),
    ]
    path.write_text(yaml.safe_dump(content))
    stage, directory = mine.open()

    class Patient(Notes):
        def say(self, text: str) -> None:
            super().say(text)
            if "cannot be read" in text:
                raise KeyboardInterrupt

    notes = Patient()
    with pytest.raises(KeyboardInterrupt):
        stages.train(stage, directory, notes)
    assert "holds the event files of 2 runs" in notes.said[-1]
    assert "The training goes on" in notes.said[-1]


def begin_with(mine: Mine, code: str, *arguments: str, **trainer: Any) -> None:
    """Write a preset whose trainer does something with `run`, its run folder, before it trains."""
    before = f"import os, runpy, shutil, sys; from pathlib import Path; run = Path(sys.argv.pop(1)); {code}"
    train = f"runpy.run_path({str(ANY)!r}, run_name='__main__')"
    path = mine.write(**trainer)
    content = yaml.safe_load(path.read_text())
    python, _, *command = content["trainer"]["command"]
    content["trainer"]["command"] = [
        python,
        "-c",
        f"{before}\n{train}",
        "{run}",
        *command,
        *arguments,
    ]
    path.write_text(yaml.safe_dump(content))


@pytest.mark.parametrize(
    "code",
    [
        "shutil.rmtree(run)",
        "[(run / name).write_text('[]') for name in ('run.json', 'status.json', 'request.json')]",
    ],
    ids=["empties it", "writes its own records"],
)
def test_a_trainer_that_takes_the_runs_folder_for_its_own_is_judged(mine: Mine, code: str) -> None:
    begin_with(mine, code)
    stage, directory = mine.open()
    run = stages.train(stage, directory, Notes())
    assert read(run / "run.json")["attempts"][0]["attempt"] == 1
    assert read(run / "request.json")["planned_steps"] == 400
    assert (run / "run.json.trainer").exists() == ("run.json" in code)
    assert stages.judge(stage, run, directory).verdict is Verdict.GO


@pytest.mark.parametrize("resumes", [False, True])
@pytest.mark.parametrize("folder", ["", "tb"])
def test_event_files_beside_the_event_folder_are_found_and_not_mixed(
    mine: Mine, folder: str, resumes: bool
) -> None:
    arguments = ["--log-dir={run}", f"--folder={folder}", "--act=kill once"]
    save = ["--save={run}/checkpoints/last.txt"] if resumes else []
    begin_with(mine, "pass", *arguments, *save, **(RESUMES if resumes else {}))
    stage, directory = mine.open()
    run = stages.train(stage, directory, Notes())
    attempts = newest(directory).attempts
    assert [(a.end, a.from_step, a.to_step) for a in attempts] == [
        ("killed", 0, 220),
        ("finished", 220 if resumes else 0, 400),
    ]
    assert read_events(run).series["losses/qf_loss"].steps.tolist() == list(range(20, 401, 20))
    assert stages.judge(stage, run, directory).verdict is Verdict.GO


def test_a_folder_on_another_disk_is_followed(mine: Mine) -> None:
    far = mine.files / "scratch"
    begin_with(
        mine,
        f"os.makedirs({str(far)!r}, exist_ok=True); (run / 'events' / 'tb').symlink_to({str(far)!r})",
        *("--folder=tb", "--act=kill once"),
    )
    stage, directory = mine.open()
    run = stages.train(stage, directory, Notes())
    assert [a.to_step for a in newest(directory).attempts] == [220, 400]
    assert list((run / "attempt-001").glob("*tfevents*"))
    assert stages.judge(stage, run, directory).verdict is Verdict.GO


def test_a_trainer_that_logs_elsewhere_is_told_where_to(mine: Mine) -> None:
    begin_with(mine, "pass", f"--log-dir={mine.files / 'elsewhere'}")
    stage, directory = mine.open()
    with pytest.raises(
        TrainingBrokenError, match=r"no event file below .*run-001/events\. .*\{events\}"
    ):
        stages.train(stage, directory, Notes())


def test_a_runs_folder_that_is_moved_while_it_trains_is_said(mine: Mine) -> None:
    begin_with(
        mine, "run.rename(run.with_name('moved'))", f"--log-dir={mine.files / 'far'}", "--act=wait"
    )
    stage, directory = mine.open()

    class Patient(Notes):
        def say(self, text: str) -> None:
            super().say(text)
            if "cannot be read" in text:
                raise KeyboardInterrupt

    notes = Patient()
    with pytest.raises(KeyboardInterrupt):
        stages.train(stage, directory, notes)
    assert "moved or removed while the trainer ran" in notes.said[-1]


def test_a_mapping_file_that_is_moved_while_it_trains_costs_nothing(mine: Mine) -> None:
    tags = mine.files / "tags.yaml"
    tags.write_text(
        "name: mine\ntitle: mine\nsource: this test\n"
        "tags:\n  losses/qf_loss: {to: train/critic_loss}\n"
    )
    begin_with(mine, f"Path({str(tags)!r}).unlink(missing_ok=True)", "--act=kill once")
    path = mine.files / "mine.yaml"
    path.write_text(path.read_text().replace("dialect: cleanrl", "dialect: tags.yaml"))
    stage, directory = mine.open()
    stages.train(stage, directory, Notes())
    assert [a.end for a in newest(directory).attempts] == ["killed", "finished"]


def test_a_log_that_grows_is_a_sign_of_life_with_a_limit_of_its_own(mine: Mine) -> None:
    mine.write(act="hang once", arguments=("--talk",), silent_s=2.0)
    one = mine.files / "one.yaml"
    stalls = "stalls: {grace_s: 1, log_only_s: 6}"
    one.write_text(one.read_text().replace("backoff_s: 0}", f"backoff_s: 0}}, {stalls}"))
    stage, directory = mine.open()
    run = stages.train(stage, directory, Notes())
    assert [a.end for a in newest(directory).attempts] == ["hung", "finished"]
    stall = (run / "stall-001.txt").read_text()
    assert "only its log grows" in stall
    assert "limit 6 s, supervision.stalls.log_only_s" in stall


SUPERVISE = """
import sys
from pathlib import Path
from flows.pipeline import stage as stages
from flows.training.progress import SilentReporter
from flows.pipeline.request import RunRequest
request = RunRequest(
    preset=sys.argv[1], stages=(sys.argv[2],), out=Path(sys.argv[3])
)
plan = request.plan()
with request.open(plan) as directory:
    stages.train(plan.stages[0], directory, SilentReporter())
"""


def supervised_elsewhere(mine: Mine) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", SUPERVISE, str(mine.files / "mine.yaml")),
            *(str(mine.files / "one.yaml"), str(mine.files / "pipeline")),
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    deadline = time.monotonic() + 120
    while not mine.pids.exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def test_nothing_outlives_a_supervisor_that_is_killed(mine: Mine) -> None:
    mine.write(act="wait once")
    process = supervised_elsewhere(mine)
    pids = mine.started()
    try:
        assert all(map(runs, pids))
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    all_gone(pids)
    # The guard of what was killed holds the directory for a moment longer.
    stage, directory = mine.open(resuming=True)
    found = interrupted_run(stage, directory)
    assert found is not None
    folder = stages.resume(stage, found, directory, Notes())
    assert [a.end for a in newest(directory).attempts] == ["gonogo was killed", "finished"]
    assert stages.judge(stage, folder, directory).verdict is Verdict.GO


FAKE_DOCKER = f"""#!{sys.executable} -S
'''Stands in for a container client: the container is a process that outlives it.'''
import os, signal, subprocess, sys, time
from pathlib import Path
state = Path(__file__).with_name("containers")
state.mkdir(exist_ok=True)
if sys.argv[1:3] == ["rm", "--force"]:
    with (state / "removed").open("a") as file:
        file.write(sys.argv[3] + chr(10))
    os.kill(int((state / sys.argv[3]).read_text()), signal.SIGKILL)
    sys.exit(0)
assert sys.argv[1] == "run", sys.argv
cidfile = Path(sys.argv[sys.argv.index("--cidfile") + 1])
assert not cidfile.exists()
command = sys.argv[sys.argv.index("image") + 1:]
container = os.urandom(32).hex()
# As the real one does: the container belongs to the daemon, not to the client.
reader, writer = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen(command)
        (state / container).write_text(str(child.pid))
        os.write(writer, b"x")
        code = child.wait()
        (state / f"{{container}}.code").write_text(str(code))
    os._exit(0)
os.read(reader, 1)
cidfile.write_text(container)
if "--deaf" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
while not (state / f"{{container}}.code").exists():
    time.sleep(0.05)
sys.exit(int((state / f"{{container}}.code").read_text()) % 256)
"""


def write_container_preset(mine: Mine, *options: str, act: str) -> None:
    docker = mine.files / "docker"
    docker.write_text(FAKE_DOCKER)
    docker.chmod(0o755)
    mine.write(act=act)
    path = mine.files / "mine.yaml"
    content = yaml.safe_load(path.read_text())
    before = ["./docker", "run", "--rm", *options, "image"]
    content["trainer"]["command"] = [*before, *content["trainer"]["command"]]
    path.write_text(yaml.safe_dump(content))


def test_a_container_that_ends_by_itself_is_left_alone(mine: Mine) -> None:
    write_container_preset(mine, act="finish")
    stage, directory = mine.open()
    run = stages.train(stage, directory, Notes())
    assert stages.judge(stage, run, directory).verdict is Verdict.GO
    assert not (mine.files / "containers" / "removed").exists()
    assert not list(run.glob("*.cid"))


def test_a_container_whose_client_was_killed_is_removed_by_its_id(mine: Mine) -> None:
    write_container_preset(mine, "--deaf", act="nan")
    one = mine.files / "one.yaml"
    one.write_text(one.read_text().replace("supervision: {", "supervision: {grace_s: 0.5, "))
    stage, directory = mine.open()
    run = stages.train(stage, directory, Notes())
    removed = (mine.files / "containers" / "removed").read_text().split()
    assert len(removed) == 1
    assert len(removed[0]) == 64
    assert not list(run.glob("*.cid"))
    all_gone(mine.started()[:1])


def test_the_commands_of_a_report_are_accepted_as_they_are_printed(
    mine: Mine, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine.write(act="exit 0 once", arguments=("--save={run}/checkpoints/last.txt",), **RESUMES)
    stage, directory = mine.open()
    run = stages.train(stage, directory, Notes())
    stages.judge(stage, run, directory)
    commands = next_commands(
        directory, "one", run.name, verdict=Verdict.NO_GO, decision=None, resumable=True
    )
    assert [c.text.split()[:3] for c in commands] == [["gonogo", "stage", "one"]] * 2
    asked: list[RunRequest] = []
    monkeypatch.setattr(
        "flows.commands.run.run", lambda request, **_: asked.append(request.completed()) or 0
    )
    for command in commands:
        arguments = shlex.split(command.text.replace("KEY=VALUE", "trainer.values.loss=2.0"))[1:]
        assert CliRunner().invoke(app, arguments).exit_code == 0
    plans = [request.plan() for request in asked]
    # The stage is a file of the user's own, which the pipeline knows by its name.
    assert [plan.stages[0].source for plan in plans] == [mine.files / "one.yaml"] * 2
    assert [request.existing for request in asked] == ["resume", "retrain"]
