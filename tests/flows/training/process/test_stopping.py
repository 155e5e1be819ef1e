from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path

import pytest

from flows.training.begun import BegunTraining
from flows.training.process import stopping
from flows.training.process.process import ChildProcess
from flows.training.process.stopping import StopRequested, StopSwitch, stopped_by
from flows.training.progress import Reporter, SilentReporter, Tick

IGNORES_SIGTERM = """
import pathlib, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path("ready").touch()
time.sleep(120)
"""


def test_without_a_switch_sleep_only_sleeps() -> None:
    started = time.monotonic()
    stopping.sleep(0.05)
    assert time.monotonic() - started >= 0.05
    assert not stopping.hurried()


@pytest.mark.parametrize("switched", [False, True])
def test_the_end_of_a_child_wakes_whoever_sleeps(tmp_path: Path, switched: bool) -> None:
    switch = StopSwitch(tmp_path / ".stop")
    with ChildProcess(["/bin/true"], cwd=tmp_path, log=tmp_path / "log") as child:
        if child.ended is None:
            pytest.skip("this system cannot wait for a process beside other things")
        with stopped_by(switch) if switched else contextlib.nullcontext():
            stopping.sleep(1000, child.ended)
        assert child.poll() == 0
        assert child.ended is None
    switch.stop()
    with ChildProcess(["/bin/sleep", "1000"], cwd=tmp_path, log=tmp_path / "log") as child:
        with pytest.raises(StopRequested), stopped_by(switch):
            stopping.sleep(1000, child.ended)
        child.stop()


def test_a_thread_wakes_up_and_unwinds_when_the_switch_is_turned(tmp_path: Path) -> None:
    switch = StopSwitch(tmp_path / ".stop")
    ended: list[BaseException] = []

    def work() -> None:
        try:
            stopping.sleep(100)
        except StopRequested as stop:
            ended.append(stop)

    with stopped_by(switch):
        thread = threading.Thread(target=copy_context().run, args=(work,))
        thread.start()
        switch.stop()
        thread.join(120)
    assert len(ended) == 1
    stopping.sleep(0)


def test_the_file_stops_other_processes(tmp_path: Path) -> None:
    here, elsewhere = StopSwitch(tmp_path / ".stop"), StopSwitch(tmp_path / ".stop")
    elsewhere.sleep(0)
    here.stop()
    with pytest.raises(StopRequested):
        elsewhere.sleep(100)
    here.reset()
    elsewhere.sleep(0)


def test_a_folder_that_is_gone_does_not_keep_threads_from_stopping(tmp_path: Path) -> None:
    switch = StopSwitch(tmp_path / "gone" / ".stop")
    switch.stop()
    with pytest.raises(StopRequested):
        switch.sleep(100)


def test_hurry_takes_the_grace_time_away(tmp_path: Path) -> None:
    import sys

    switch = StopSwitch(tmp_path / ".stop")
    with stopped_by(switch):
        child = ChildProcess(
            [sys.executable, "-c", IGNORES_SIGTERM],
            cwd=tmp_path,
            log=tmp_path / "log",
            grace_s=1_000,
        )
        while not (tmp_path / "ready").exists():
            assert child.poll() is None
            time.sleep(0.01)
        switch.hurry()
        assert child.stop() < 0


def test_a_request_that_a_destructor_swallowed_is_raised_by_the_next_sleep() -> None:
    class Dies:
        def __del__(self) -> None:
            raise StopRequested("SIGTERM")

    with stopping.no_request_lost():
        dies = Dies()
        del dies
        with pytest.raises(StopRequested, match="SIGTERM"):
            stopping.sleep(0.01)
        stopping.sleep(0.01)


def test_who_follows_a_begun_training_hears_a_request_that_was_lost() -> None:
    class Dies:
        def __del__(self) -> None:
            raise StopRequested("SIGTERM")

    class LosesARequest(SilentReporter):
        @contextlib.contextmanager
        def training(self, stage: str, steps: int) -> Iterator[Tick]:
            yield lambda status: None

        def say(self, text: str) -> None:
            dies = Dies()
            del dies

    def train(heard: Reporter) -> Path:
        heard.say("it trains")
        while True:
            stopping.sleep(0.05)

    training = BegunTraining("5k", 10, train, SilentReporter())
    with pytest.raises(StopRequested, match="SIGTERM"):
        training.follow(LosesARequest())
    assert training.followed
