from __future__ import annotations

import logging
import struct
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

from gates.events import tag_table as event_tags
from gates.events.framing import frame
from gates.events.reader import read_events
from gates.second_reader.compare import cross_check
from gates.series import EventLog

SHARED_RUNS = Path(__file__).resolve().parents[4] / "shared" / "runs"
VERSION = frame(Event(wall_time=1.0, file_version="brain.Event:2").SerializeToString())
NAME = "events.out.tfevents.1700000000.h.1.0"
LATER = "events.out.tfevents.1700000100.h.1.0"


def record(step: int, **values: float) -> bytes:
    summary = Summary(value=[Summary.Value(tag=t, simple_value=v) for t, v in values.items()])
    return frame(Event(wall_time=2.0, step=step, summary=summary).SerializeToString())


def tensor(step: int, tag: str, value: float) -> bytes:
    proto = TensorProto(dtype=1, tensor_shape=TensorShapeProto(), float_val=[value])
    summary = Summary(value=[Summary.Value(tag=tag, tensor=proto)])
    return frame(Event(wall_time=2.0, step=step, summary=summary).SerializeToString())


def start(step: int) -> bytes:
    log = SessionLog(status=SessionLog.START)
    return frame(Event(wall_time=2.0, step=step, session_log=log).SerializeToString())


def write(folder: Path, *parts: bytes, name: str = NAME) -> Path:
    path = folder / name
    path.write_bytes(b"".join(parts))
    return path


def with_values(log: EventLog, tag: str, values: list[float]) -> EventLog:
    changed = structs.replace(log.series[tag], values=np.array(values))
    return structs.replace(log, series={**log.series, tag: changed})


@pytest.mark.skipif(
    not SHARED_RUNS.is_dir(), reason="the labelled runs are not beside this checkout"
)
def test_tbparse_agrees_on_every_labelled_run() -> None:
    folders = sorted({*SHARED_RUNS.glob("real/*"), *SHARED_RUNS.glob("synthetic/*")})
    assert len(folders) >= 11
    for folder in folders:
        log = read_events(folder)
        check = cross_check(log, folder)
        assert check.agrees
        assert check.differences == ()
        assert check.compared_tags == len(log.series)
        assert check.compared_points == sum(map(len, log.series.values()))
        assert check.reader.startswith("tbparse ")


def test_special_values_and_equal_steps_agree(tmp_path: Path) -> None:
    values = [float("nan"), 1.0, 1.0, -float("inf"), -0.0, 0.0]
    write(tmp_path, VERSION, *(record(3, a=v) for v in values), record(1, b=2.0))
    check = cross_check(read_events(tmp_path), tmp_path)
    assert (check.agrees, check.compared_tags, check.compared_points) == (True, 2, 7)


@pytest.mark.parametrize(
    "values", [[1.0, 2.0, 3.5], [1.0, 2.0, float("nan")], [1.0, 2.0, np.nextafter(3.0, 4.0)]]
)
def test_one_wrong_value_is_a_contradiction(tmp_path: Path, values: list[float]) -> None:
    write(tmp_path, VERSION, *(record(s, a=float(s)) for s in (1, 2, 3)))
    log = with_values(read_events(tmp_path), "a", values)
    check = cross_check(log, tmp_path)
    assert not check.agrees
    assert not check.explained_by_damage
    assert "'a': step 3 is" in check.differences[0]


def test_missing_and_invented_points_and_tags_are_contradictions(tmp_path: Path) -> None:
    write(tmp_path, VERSION, *(record(s, a=float(s), b=1.0) for s in (1, 2, 3)))
    log = read_events(tmp_path)
    a, b = log.series["a"], log.series["b"]
    shorter = structs.replace(
        a, steps=a.steps[:2], values=a.values[:2], wall_times=a.wall_times[:2]
    )
    twice = structs.replace(
        a, **{k: np.tile(getattr(a, k), 2) for k in ("steps", "values", "wall_times")}
    )
    moved = structs.replace(a, steps=a.steps + 1)
    for series in ({"a": shorter, "b": b}, {"a": twice, "b": b}, {"a": moved, "b": b}, {"a": a}):
        assert not cross_check(structs.replace(log, series=series), tmp_path).agrees
    check = cross_check(structs.replace(log, series={**log.series, "c": b}), tmp_path)
    assert not check.agrees
    assert check.differences == ("'c': 3 points here, 0 with tbparse",)


def test_points_behind_damage_are_explained_by_it(tmp_path: Path) -> None:
    bad = record(2, a=2.0)
    write(tmp_path, VERSION, record(1, a=1.0), bad[:-1] + b"\0", record(3, a=3.0, b=1.0))
    check = cross_check(read_events(tmp_path), tmp_path)
    assert not check.agrees
    assert check.explained_by_damage
    assert all("stops at damage" in difference for difference in check.differences)
    assert len(check.differences) == 2


def test_damage_does_not_excuse_another_difference(tmp_path: Path) -> None:
    bad = record(2, a=2.0)
    write(tmp_path, VERSION, record(1, a=1.0, b=1.0), bad[:-1] + b"\0", record(3, a=3.0))
    log = with_values(read_events(tmp_path), "b", [7.0])
    check = cross_check(log, tmp_path)
    assert not check.agrees
    assert not check.explained_by_damage


def test_a_torn_tail_and_a_file_that_is_none_do_not_disagree(tmp_path: Path) -> None:
    write(tmp_path, VERSION, record(1, a=1.0), record(2, a=2.0)[:20])
    write(tmp_path, b"some text in a file that is no event file", name="tfevents.txt")
    assert cross_check(read_events(tmp_path), tmp_path).agrees


def test_points_that_a_resumed_attempt_voids_are_explained(tmp_path: Path) -> None:
    write(tmp_path, VERSION, *(record(s, a=float(s)) for s in range(10)))
    write(tmp_path, VERSION, start(4), *(record(s, a=s + 0.5) for s in range(4, 8)), name=LATER)
    check = cross_check(read_events(tmp_path), tmp_path)
    assert check.agrees
    assert "6 points" in check.differences[0]
    assert "session start at step 4" in check.differences[0]


def test_a_purge_that_was_not_applied_is_a_contradiction(tmp_path: Path) -> None:
    write(tmp_path, VERSION, *(record(s, a=float(s)) for s in range(10)))
    whole = read_events(tmp_path).series
    write(tmp_path, VERSION, start(4), record(4, b=1.0), name=LATER)
    log = read_events(tmp_path)
    assert cross_check(log, tmp_path).agrees
    assert not cross_check(structs.replace(log, series={**log.series, **whole}), tmp_path).agrees


def test_tensor_scalars_are_compared_with_the_tensors(tmp_path: Path) -> None:
    write(tmp_path, VERSION, *(tensor(s, "t", s / 2) for s in range(5)), record(1, a=1.0))
    log = read_events(tmp_path)
    check = cross_check(log, tmp_path)
    assert check.agrees
    assert check.compared_points == 6
    assert not cross_check(with_values(log, "t", [0.0] * 5), tmp_path).agrees


def test_a_file_that_has_grown_is_compared_as_it_was_judged(tmp_path: Path) -> None:
    path = write(tmp_path, VERSION, record(1, a=1.0))
    log = read_events(tmp_path)
    path.write_bytes(path.read_bytes() + record(2, a=2.0))
    assert cross_check(log, tmp_path).agrees


def test_a_file_that_has_changed_is_no_agreement(tmp_path: Path) -> None:
    path = write(tmp_path, VERSION, record(1, a=1.0))
    log = read_events(tmp_path)
    path.write_bytes(VERSION + record(1, a=2.0))
    check = cross_check(log, tmp_path)
    assert not check.agrees
    assert "has changed" in check.differences[0]
    path.unlink()
    assert not cross_check(log, tmp_path).agrees


def test_sub_runs_do_not_disturb(tmp_path: Path) -> None:
    write(tmp_path, VERSION, record(1, a=1.0))
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub", VERSION, record(1, a=9.0))
    assert cross_check(read_events(tmp_path), tmp_path).agrees


def test_tags_that_a_limit_left_out_are_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_tags, "TAG_LIMIT", 50)
    write(tmp_path, VERSION, *(record(1, **{f"t{k}": 1.0}) for k in range(80)))
    check = cross_check(read_events(tmp_path), tmp_path)
    assert check.agrees
    assert len(check.differences) == 21
    assert "10 more" in check.differences[-1]


def test_a_tag_that_protobuf_rejects_is_no_crash(tmp_path: Path) -> None:
    event = Event(
        wall_time=1.0, summary=Summary(value=[Summary.Value(tag="abc", simple_value=1.0)])
    )
    write(tmp_path, VERSION, frame(event.SerializeToString().replace(b"abc", b"a\xffc")))
    check = cross_check(read_events(tmp_path), tmp_path)
    assert not check.agrees
    assert "DecodeError" in check.differences[0]


def test_what_tbparse_raises_is_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tbparse = pytest.importorskip("tbparse")

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no\nsuch thing")

    monkeypatch.setattr(tbparse, "SummaryReader", fail)
    write(tmp_path, VERSION, record(1, a=1.0))
    check = cross_check(read_events(tmp_path), tmp_path)
    assert not check.agrees
    assert "RuntimeError: no such thing" in check.differences[0]


def test_it_is_silent(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(
        tmp_path,
        VERSION,
        *(record(s, a=1.0) for s in range(5)),
        start(2),
        record(2, a=struct.unpack("<f", b"\1\0\0\0")[0]),
    )
    before = logging.getLogger("tensorboard").level
    assert cross_check(read_events(tmp_path), tmp_path).agrees
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("tensorboard").level == before
