from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

from gates.events.framing import frame
from gates.events.reader import read_events
from gates.second_reader import process as module
from gates.second_reader.compare import CrossCheck, cross_check
from gates.second_reader.process import SecondReader, second_reader
from gates.second_reader.tbparse_reader import ReadingBrokeError
from gates.series import EventLog

VERSION = frame(Event(wall_time=1.0, file_version="brain.Event:2").SerializeToString())
FIRST, SECOND = (f"events.out.tfevents.1700000{number}00.h.1.0" for number in (0, 1))


def record(step: int, **values: float) -> bytes:
    summary = Summary(value=[Summary.Value(tag=t, simple_value=v) for t, v in values.items()])
    return frame(Event(wall_time=2.0, step=step, summary=summary).SerializeToString())


def tensor(step: int, value: float) -> bytes:
    proto = TensorProto(dtype=1, tensor_shape=TensorShapeProto(), float_val=[value])
    summary = Summary(value=[Summary.Value(tag="t", tensor=proto)])
    return frame(Event(wall_time=2.0, step=step, summary=summary).SerializeToString())


def start(step: int) -> bytes:
    log = SessionLog(status=SessionLog.START)
    return frame(Event(wall_time=2.0, step=step, session_log=log).SerializeToString())


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    """Everything at once: special values, tensors, a second attempt, damage in it."""
    special = [float("nan"), 1.0, 1.0, -float("inf"), -0.0, 0.0]
    first = [*(record(3, a=v) for v in special), *(tensor(s, s / 2) for s in range(9))]
    (tmp_path / FIRST).write_bytes(VERSION + b"".join(first))
    bad = record(6, a=2.0, ü=3.0)
    second = [start(5), record(5, a=1.5), bad[:-1] + b"\0", record(7, a=3.0)]
    (tmp_path / SECOND).write_bytes(VERSION + b"".join(second))
    return read_events(tmp_path)


def beside(log: EventLog, directory: Path) -> CrossCheck:
    with SecondReader() as reader:
        return cross_check(log, directory, reader.read)


def test_a_process_finds_what_is_found_here(
    tmp_path: Path, log: EventLog, capfd: pytest.CaptureFixture[str]
) -> None:
    here = cross_check(log, tmp_path)
    assert beside(log, tmp_path) == here
    assert len(here.differences) >= 3
    assert not here.agrees
    wrong = structs.replace(log.series["a"], values=np.zeros(len(log.series["a"])))
    changed = structs.replace(log, series={**log.series, "a": wrong})
    assert beside(changed, tmp_path) == cross_check(changed, tmp_path)
    assert not beside(changed, tmp_path).explained_by_damage
    assert capfd.readouterr() == ("", "")


def test_a_file_that_has_changed_is_no_agreement(tmp_path: Path, log: EventLog) -> None:
    (tmp_path / FIRST).write_bytes(VERSION + record(1, a=2.0))
    check = beside(log, tmp_path)
    assert check == cross_check(log, tmp_path)
    assert "ValueError: " in check.differences[0]
    assert "has changed" in check.differences[0]


def test_a_process_that_dies_is_no_agreement(tmp_path: Path, log: EventLog) -> None:
    with SecondReader() as reader:
        os.kill(reader.pid, signal.SIGKILL)
        check = cross_check(log, tmp_path, reader.read)
    assert (check.agrees, check.explained_by_damage) == (False, False)
    assert "its process ended with -9" in check.differences[0]


def test_what_a_broken_process_said_last_is_told(
    tmp_path: Path, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PROGRAM", "import gates.no_such_module")
    with SecondReader() as reader, pytest.raises(ReadingBrokeError, match="no_such_module"):
        reader.read(())


def test_nothing_is_imported_from_the_folder_that_we_work_in(
    tmp_path: Path, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    for name in ("tbparse", "json", "queue", "numpy"):
        (tmp_path / "work" / f"{name}.py").write_text("raise SystemExit('not this one')")
    here = cross_check(log, tmp_path)
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    assert beside(log, tmp_path) == here


def test_without_a_process_it_is_read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError("no more processes")

    monkeypatch.setattr(subprocess, "Popen", refused)
    with second_reader() as reader:
        assert reader is None
    monkeypatch.undo()
    with second_reader(wanted=False) as reader:
        assert reader is None


def test_it_ends_with_its_block_whatever_it_is_doing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), SecondReader() as reader:
        raise KeyboardInterrupt
    assert not alive(reader.pid)


def test_it_works_in_another_thread(tmp_path: Path, log: EventLog) -> None:
    checks: list[CrossCheck] = []
    thread = threading.Thread(target=lambda: checks.append(beside(log, tmp_path)))
    thread.start()
    thread.join()
    assert checks == [cross_check(log, tmp_path)]


@pytest.mark.parametrize("moment", ["loading", "loaded"])
def test_it_does_not_outlive_whoever_started_it(moment: str) -> None:
    program = (
        "import time; from gates.second_reader.process import SecondReader; r = SecondReader(); "
        "print(r.pid, flush=True); time.sleep(60)"
    )
    root = Path(module.__file__).parents[2]
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=root)
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert alive(child)
        if moment == "loaded":
            time.sleep(1.5)
            assert alive(child)
        parent.kill()
    until = time.monotonic() + 120
    while alive(child) and time.monotonic() < until:
        time.sleep(0.02)
    assert not alive(child)


def alive(pid: int) -> bool:
    """Tell whether a process runs; one that nobody has waited for yet does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
