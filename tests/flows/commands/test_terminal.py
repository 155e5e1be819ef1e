"""What is said to somebody who is no longer there: the work goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from flows.commands import terminal
from flows.records.trainer_files import TrainerStatus
from flows.training.progress import LiveReporter

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def closed_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A terminal whose window was closed: writing to it is an input/output error."""
    master, slave = os.openpty()
    stream = open(slave, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    monkeypatch.setattr(sys, "stdout", stream)
    assert isinstance(terminal.reporter(), LiveReporter)
    os.close(master)
    yield
    with suppress(OSError):
        stream.close()


@pytest.mark.usefixtures("closed_terminal")
def test_a_closed_terminal_ends_no_training() -> None:
    status = TrainerStatus(phase="training", step=5, planned_steps=10, steps_per_s=1.0, message="")
    shown = LiveReporter(terminal._screen())
    with shown.training("5k", 10) as tick:
        tick(status)
        shown.say("a line")
    terminal.say("another line")


def test_a_full_disk_below_the_log_drops_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    with open("/dev/full", "w", encoding="utf-8") as stream:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdout", stream)
        terminal.say("a line")
        terminal.say("another line")


def test_a_current_folder_that_was_removed_is_one_sentence(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "gonogo", "history"],
        cwd=gone,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=gone.rmdir,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "gonogo: the current folder was removed; change to another one\n"


@pytest.mark.parametrize("closed", [(1,), (0, 1, 2)])
def test_standard_streams_may_be_closed(tmp_path: Path, closed: tuple[int, ...]) -> None:
    """As of a service that closes what it does not need."""
    done = subprocess.run(
        [sys.executable, "-m", "gonogo", "tags", str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: [os.close(number) for number in closed],
        check=False,
    )
    assert done.returncode == 2
