"""One stage under supervision: attempts, live stop and --resume, as pipeline.json and reports tell."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.commands.gate import judge_with
from flows.errors import TrainingBrokenError, UsageError
from flows.judging.rules import Asked, Rules, live_stop_of
from flows.pipeline import stage as stages
from flows.pipeline.request import RunRequest
from flows.records.pipeline_record import RunRecord
from flows.records.run_dir import PipelineDirectory
from flows.records.stored_result import GATE_FILE
from flows.records.trainer_files import TrainerStatus
from flows.settings.plan import StagePlan
from flows.training.interrupted import interrupted_run, unjudged_run
from flows.training.progress import SilentReporter
from gates.findings import Verdict
from gates.progress import StageState

Opened = Callable[..., tuple[RunRequest, PipelineDirectory]]
LIVE_CHECK = """
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
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


def newest(directory: PipelineDirectory) -> RunRecord:
    run = directory.record.last("one")
    assert run is not None
    return run


def test_a_lost_simulator_is_started_again_and_the_report_says_so(opened: Opened) -> None:
    request, directory = opened("train.act=lose once")
    stage = request.plan().stages[0]
    notes = Notes()
    folder = stages.train(stage, directory, notes)
    outcome = stages.judge(stage, folder, directory)
    assert outcome.verdict is Verdict.GO
    assert [a.end for a in newest(directory).attempts] == ["simulator lost", "finished"]
    assert any("The simulator was lost at step 7" in text for text in notes.said)
    report = outcome.report.read_text()
    assert "Attempts" in report
    assert "The simulator was lost at step 7: the simulator does not answer" in report


def test_a_simulator_that_is_always_lost_comes_to_an_end(opened: Opened) -> None:
    request, directory = opened("train.act=lose")
    with pytest.raises(TrainingBrokenError, match="came no further than the one before"):
        stages.train(request.plan().stages[0], directory, Notes())
    run = newest(directory)
    assert run.state is StageState.CRASHED
    assert [a.to_step for a in run.attempts] == [7, 7]


@pytest.mark.parametrize("act", ["break", "refuse"])
def test_a_bug_or_a_bad_configuration_is_not_tried_again(opened: Opened, act: str) -> None:
    request, directory = opened(f"train.act={act}")
    with pytest.raises(TrainingBrokenError):
        stages.train(request.plan().stages[0], directory, Notes())
    assert len(newest(directory).attempts) == 1


def test_a_lost_run_is_stopped_and_is_a_no_go(opened: Opened, files: Path) -> None:
    gate = files / "loss.yaml"
    gate.write_text(gate.read_text() + LIVE_CHECK)
    request, directory = opened("train.act=nan")
    stage = request.plan().stages[0]
    folder = stages.train(stage, directory, Notes())
    outcome = stages.judge(stage, folder, directory)
    assert outcome.verdict is Verdict.NO_GO
    assert outcome.deciding.startswith("stopped at step 400 by the live gate: ")
    run = newest(directory)
    assert run.live_stop is not None
    assert run.live_stop.check == "finite_values"
    assert [a.end for a in run.attempts] == ["stopped by the live gate"]
    for report in (outcome.report, directory.path / "report.md"):
        assert "by the live gate" in report.read_text()
    findings = json.loads((outcome.run / GATE_FILE).read_text())["findings"]
    assert findings[0]["check"] == "live_gate"
    assert interrupted_run(stage, directory) is None


class Interrupts(SilentReporter):
    """Plays Ctrl-C once the trainer waits."""

    def training(self, stage: str, steps: int):
        def tick(status: TrainerStatus) -> None:
            raise KeyboardInterrupt

        return contextlib.nullcontext(tick)


def interrupted(opened: Opened) -> tuple[RunRequest, PipelineDirectory, Path]:
    request, directory = opened("train.act=wait")
    with pytest.raises(KeyboardInterrupt):
        stages.train(request.plan().stages[0], directory, Interrupts())
    return request, directory, directory.folder_of("one", newest(directory))


def test_an_interrupted_run_is_resumed_in_its_own_folder(opened: Opened) -> None:
    request, directory, folder = interrupted(opened)
    stage = request.plan().stages[0]
    found = interrupted_run(stage, directory)
    assert found is not None
    # The stand-in waits again; asked to stop it ends as a resumed trainer would.
    with pytest.raises(KeyboardInterrupt):
        stages.resume(stage, found, directory, Interrupts())
    run = newest(directory)
    assert (run.run, run.state) == (folder.name, StageState.CANCELLED)
    assert [a.end for a in run.attempts] == ["stopped on request"] * 2
    assert run.training_s is not None
    assert found.training_s is not None
    assert run.training_s >= found.training_s


def test_another_configuration_is_not_mixed_into_an_interrupted_run(opened: Opened) -> None:
    interrupted(opened)
    request, directory = opened("train.act=wait", "train.loss=2.0")
    with pytest.raises(UsageError, match=r"began with another configuration \(.*train\.loss\)"):
        interrupted_run(request.plan().stages[0], directory)


def test_a_run_that_was_trained_but_not_judged_only_needs_its_gate(opened: Opened) -> None:
    request, directory = opened()
    stage = request.plan().stages[0]
    folder = stages.train(stage, directory, Notes())
    request, directory = opened()
    found = interrupted_run(stage, directory)
    assert found is not None
    notes = Notes()
    assert stages.resume(stage, found, directory, notes) == folder
    assert "is judged now, not trained again" in notes.said[0]
    assert stages.judge(stage, folder, directory).verdict is Verdict.GO
    assert interrupted_run(stage, directory) is None


def left_running(directory: PipelineDirectory, stage: StagePlan) -> None:
    """Let the newest run look as if gonogo had been killed before it saw its trainer end."""
    run = newest(directory)
    going_on = run.attempts[0].model_copy(update={"end": "", "ended_at": None})
    update = {"state": StageState.RUNNING, "attempts": (going_on,)}
    directory.save_entry(stage, run.model_copy(update=update))


@pytest.mark.parametrize(
    ("phase", "said_at", "end"),
    [
        ("finished", "2999-01-01T00:00:00.000+00:00", "finished"),
        ("diverged", "2999-01-01T00:00:00.000+00:00", "diverged"),
        ("stopped", "2999-01-01T00:00:00.000+00:00", "gonogo was killed"),
        # Of an attempt before a rollback.
        ("finished", "2001-01-01T00:00:00.000+00:00", "gonogo was killed"),
        ("finished", "", "gonogo was killed"),
    ],
)
def test_a_trainer_that_finished_unseen_is_believed(
    opened: Opened, phase: str, said_at: str, end: str
) -> None:
    request, directory = opened()
    stage = request.plan().stages[0]
    folder = stages.train(stage, directory, Notes())
    left_running(directory, stage)
    status = json.loads((folder / "status.json").read_text())
    changed = status | {"phase": phase, "updated_at": said_at}
    (folder / "status.json").write_text(json.dumps(changed))
    _, directory = opened()
    assert newest(directory).attempts[0].end == end
    found = unjudged_run(stage, directory, also_tried=False)
    assert (found is not None) == (end in ("finished", "diverged"))


def test_only_a_run_of_the_same_recipe_is_judged_in_place_of_trained(opened: Opened) -> None:
    request, directory = opened()
    stage = request.plan().stages[0]
    stages.train(stage, directory, Notes())
    _, directory = opened("train.loss=2.0")
    changed = request.model_copy(update={"overrides": ("train.loss=2.0",)}).plan().stages[0]
    assert unjudged_run(changed, directory, also_tried=True) is None
    assert unjudged_run(stage, directory, also_tried=True) is not None
    run = newest(directory)
    directory.save_entry(stage, run.model_copy(update={"ended_at": "2026-01-01T00:00:00+00:00"}))
    # The gate broke once: `gonogo run` tries it again, `gonogo stage` trains.
    assert unjudged_run(stage, directory, also_tried=True) is not None
    assert unjudged_run(stage, directory, also_tried=False) is None


def test_a_run_that_was_stopped_live_is_a_no_go_also_when_it_is_judged_later(
    opened: Opened, files: Path
) -> None:
    gate = files / "loss.yaml"
    gate.write_text(gate.read_text() + LIVE_CHECK)
    request, directory = opened("train.act=nan")
    stage = request.plan().stages[0]
    folder = stages.train(stage, directory, Notes())
    # Without the check that stopped it, the events alone say nothing against the run.
    gate.write_text(gate.read_text().replace(LIVE_CHECK, ""))
    options = Asked(gate=gate, cross_check=False)
    again = judge_with(folder, options, out=files / "again").judgement
    assert again.result.verdict is Verdict.NO_GO
    report = (files / "again" / "report.md").read_text()
    assert "Stopped at step 400 of 400, saved about 0 s, by the live gate: " in report
    # Judged as a run that was meant to be shorter, it reached what was planned.
    assert live_stop_of(folder, Rules(stage="one", gate="", planned_steps=300)) is None
    assert live_stop_of(folder, Rules(stage="two", gate="", planned_steps=400)) is None


def test_an_attempt_that_nobody_watched_to_its_end_is_told_apart(opened: Opened) -> None:
    request, directory, _ = interrupted(opened)
    stage = request.plan().stages[0]
    left_running(directory, stage)
    _, again = opened("train.act=wait")
    assert newest(again).attempts[0].end == "gonogo was killed"
    assert newest(again).state is StageState.CRASHED
