from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flows.commands.terminal import error_lines
from flows.errors import TrainingBrokenError
from flows.pipeline.request import RunRequest
from flows.records.run_dir import PipelineDirectory
from flows.records.trainer_files import TrainerStatus
from flows.training.progress import SilentReporter, Tick
from flows.training.stage_training import train_stage
from gates.progress import StageState

Opened = Callable[..., tuple[RunRequest, PipelineDirectory]]


def train(opened: Opened, act: str) -> tuple[Path, PipelineDirectory]:
    request, directory = opened(f"train.act={act}")
    stage = request.plan().stages[0]
    run = directory.new_run(stage, recipe="r")
    train_stage(stage, run, directory, SilentReporter(), grace_s=0.5)
    return run, directory


@pytest.mark.parametrize("act", ["finish", "diverge"])
def test_a_trainer_that_ended_or_diverged_is_left_to_the_gate(opened: Opened, act: str) -> None:
    run, directory = train(opened, act)
    assert list((run / "events").iterdir())
    assert (run / "trainer.log").read_text() == "the fake trainer starts\n"
    record = directory.record.last("one")
    assert record is not None
    assert record.state is StageState.RUNNING
    assert record.training_s is not None


@pytest.mark.parametrize(
    ("act", "sentence", "exit_code"),
    [
        ("break", "The trainer broke at step 7: ValueError: it broke. Its log: ", 1),
        ("lose", "The simulator was lost at step 7: the simulator does not answer.", 1),
        ("kill", "The trainer was killed by SIGKILL at step 7.", 1),
        ("refuse", "The trainer refused its configuration: planned_steps: too few.", 2),
    ],
)
def test_a_trainer_that_broke_is_no_verdict_but_an_error(
    opened: Opened, files: Path, act: str, sentence: str, exit_code: int
) -> None:
    with pytest.raises(TrainingBrokenError) as caught:
        train(opened, act)
    assert str(caught.value).startswith(sentence)
    assert caught.value.exit_code == exit_code
    assert not any("Traceback" in line or "  File" in line for line in caught.value.log_tail)
    assert "the fake trainer starts" in caught.value.log_tail
    assert (act == "break") == any("Traceback" in line for line in caught.value.full_tail)
    plain = error_lines(caught.value, debug=False)
    assert not any("Traceback" in line for line in plain)
    assert len(error_lines(caught.value, debug=True)) >= len(plain)
    record = json.loads((files / "pipeline" / "pipeline.json").read_text())
    (run,) = record["stages"]["one"]["runs"]
    assert run["state"] == "crashed"
    assert run["message"].startswith(sentence)


class Interrupts(SilentReporter):
    """Plays Ctrl-C once the trainer gave its first heartbeat."""

    @contextmanager
    def training(self, stage: str, steps: int) -> Iterator[Tick]:
        def tick(status: TrainerStatus) -> None:
            raise KeyboardInterrupt

        yield tick


@pytest.mark.parametrize("act", ["wait", "ignore"])
def test_an_interrupt_leaves_no_process_and_says_so(opened: Opened, act: str) -> None:
    request, directory = opened(f"train.act={act}")
    stage = request.plan().stages[0]
    run = directory.new_run(stage, recipe="r")
    with pytest.raises(KeyboardInterrupt):
        train_stage(stage, run, directory, Interrupts(), grace_s=0.5)
    pids = json.loads((run / "pids.json").read_text()).values()
    deadline = time.monotonic() + 120
    while any(map(_runs, pids)):
        assert time.monotonic() < deadline, "a process outlived its trainer"
        time.sleep(0.02)
    phase = json.loads((run / "status.json").read_text())["phase"]
    assert phase == ("stopped" if act == "wait" else "training")
    record = directory.record.last("one")
    assert record is not None
    assert record.state is StageState.CANCELLED


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
