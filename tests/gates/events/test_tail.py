from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary

from gates.errors import InputError
from gates.events.framing import frame
from gates.events.reader import read_events
from gates.events.tail import EventTail, join
from gates.series import EventLog

VERSION = frame(Event(wall_time=1.0, file_version="brain.Event:2").SerializeToString())
FIRST = "events.out.tfevents.1700000000.h.1.0"
SECOND = "events.out.tfevents.1700000100.h.2.0"


def record(step: int, value: float = 1.0, tag: str = "a") -> bytes:
    summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
    return frame(Event(wall_time=2.0, step=step, summary=summary).SerializeToString())


def start(step: int) -> bytes:
    log = SessionLog(status=SessionLog.START)
    return frame(Event(wall_time=2.0, step=step, session_log=log).SerializeToString())


def append(path: Path, *parts: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(b"".join(parts))


def read_steps(log: EventLog, tag: str = "a") -> list[int]:
    return log.series[tag].steps.tolist() if tag in log.series else []


def test_each_poll_returns_only_what_is_new(tmp_path: Path) -> None:
    tail = EventTail(tmp_path)
    append(tmp_path / FIRST, VERSION, record(1), record(2))
    assert read_steps(tail.poll()) == [1, 2]
    assert tail.poll().series == {}
    append(tmp_path / FIRST, record(3))
    assert read_steps(tail.poll()) == [3]


def test_a_run_that_has_not_begun_is_empty(tmp_path: Path) -> None:
    tail = EventTail(tmp_path / "run")
    assert tail.poll() == EventLog(series={}, files=())
    (tmp_path / "run" / "events").mkdir(parents=True)
    assert tail.poll().files == ()
    append(tmp_path / "run" / "events" / FIRST, VERSION, record(1))
    assert read_steps(tail.poll()) == [1]


def test_half_a_record_is_read_when_it_is_whole(tmp_path: Path) -> None:
    tail = EventTail(tmp_path)
    whole = record(2)
    append(tmp_path / FIRST, VERSION, record(1), whole[:30])
    log = tail.poll()
    assert read_steps(log) == [1]
    assert [damage.kind for damage in log.damage] == ["torn_tail"]
    append(tmp_path / FIRST, whole[30:])
    log = tail.poll()
    assert read_steps(log) == [2]
    assert log.damage == ()


def test_a_tail_that_is_cut_back_and_written_again_is_no_replacement(tmp_path: Path) -> None:
    tail, path = EventTail(tmp_path), tmp_path / FIRST
    append(path, VERSION, record(1))
    whole = path.stat().st_size
    append(path, record(2)[:25])
    assert read_steps(tail.poll()) == [1]
    os.truncate(path, whole)
    assert tail.poll().damage == ()
    append(path, record(7))
    log = tail.poll()
    assert read_steps(log) == [7]
    assert not log.restarted


def test_damage_is_not_read_twice(tmp_path: Path) -> None:
    tail = EventTail(tmp_path)
    bad = record(2)
    append(tmp_path / FIRST, VERSION, record(1), bad[:-1] + bytes([bad[-1] ^ 1]))
    first = tail.poll()
    assert [damage.kind for damage in first.damage] == ["bad_crc"]
    append(tmp_path / FIRST, record(3))
    second = tail.poll()
    assert read_steps(second) == [3]
    assert [damage.kind for damage in second.damage] == ["bad_crc"]
    assert join([first, second]).damage == second.damage


def test_a_resumed_attempt_voids_points_of_earlier_polls(tmp_path: Path) -> None:
    tail = EventTail(tmp_path)
    append(tmp_path / FIRST, VERSION, *(record(step) for step in range(10)))
    first = tail.poll()
    append(tmp_path / SECOND, VERSION, start(4), record(4, 50.0))
    second = tail.poll()
    assert second.void_from_step == 4
    assert read_steps(second) == [4]
    joined = join([first, second])
    assert read_steps(joined) == [0, 1, 2, 3, 4]
    assert joined.purged_points == read_events(tmp_path).purged_points == 6


def test_an_old_attempt_that_still_writes_cannot_bring_back_void_steps(tmp_path: Path) -> None:
    tail = EventTail(tmp_path)
    append(tmp_path / FIRST, VERSION, record(1))
    append(tmp_path / SECOND, VERSION, start(4), record(4, 50.0))
    tail.poll()
    append(tmp_path / FIRST, record(3), record(4), record(5))
    log = tail.poll()
    assert read_steps(log) == [3]
    assert log.purged_points == 2


def replace(path: Path) -> None:
    path.unlink()
    append(path, VERSION, record(8), record(9), record(10), record(11))


def rewrite(path: Path) -> None:
    path.write_bytes(VERSION + record(8) + record(9) + record(10) + record(11))


def cut(path: Path) -> None:
    path.write_bytes(VERSION)
    append(path.parent / SECOND, VERSION, *(record(step) for step in (8, 9, 10, 11)))


def remove(path: Path) -> None:
    path.unlink()
    append(path.parent / SECOND, VERSION, *(record(step) for step in (8, 9, 10, 11)))


@pytest.mark.parametrize("change", [replace, rewrite, cut, remove])
def test_a_file_that_did_not_only_grow_starts_the_reading_anew(tmp_path: Path, change) -> None:
    tail, path = EventTail(tmp_path), tmp_path / FIRST
    append(path, VERSION, record(1), record(2), record(3))
    first = tail.poll()
    change(path)
    second = tail.poll()
    assert second.restarted
    assert read_steps(second) == [8, 9, 10, 11]
    joined = join([first, second])
    assert read_steps(joined) == [8, 9, 10, 11]
    assert not joined.restarted
    assert not tail.poll().restarted


def test_a_file_that_belongs_before_others_starts_the_reading_anew(tmp_path: Path) -> None:
    tail = EventTail(tmp_path)
    append(tmp_path / SECOND, VERSION, start(5), record(5))
    first = tail.poll()
    append(tmp_path / FIRST, VERSION, record(4), record(6))
    second = tail.poll()
    assert second.restarted
    assert read_steps(join([first, second])) == [4, 5] == read_steps(read_events(tmp_path))


def test_a_second_run_that_appears_below_is_refused_at_once(tmp_path: Path) -> None:
    append(tmp_path / "one" / FIRST, VERSION, record(1))
    tail = EventTail(tmp_path)
    assert read_steps(tail.poll()) == [1]
    append(tmp_path / "two" / FIRST, VERSION, record(2))
    for again in (tail, EventTail(tmp_path)):
        with pytest.raises(InputError, match="2 runs"):
            again.poll()


def test_a_poll_reads_new_bytes_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, tail = tmp_path / FIRST, EventTail(tmp_path)
    append(path, VERSION, *(record(step) for step in range(20_000)))
    tail.poll()
    added = b"".join(record(step) for step in range(100))
    append(path, added)
    taken = []
    original = os.read

    def counting(descriptor: int, count: int) -> bytes:
        block = original(descriptor, count)
        taken.append(len(block))
        return block

    monkeypatch.setattr(os, "read", counting)
    assert len(tail.poll().series["a"]) == 100
    assert sum(taken) == len(added)


def test_hash_and_size_are_those_of_the_bytes_read(tmp_path: Path) -> None:
    path, tail = tmp_path / FIRST, EventTail(tmp_path)
    append(path, VERSION, record(1), record(2)[:20])
    tail.poll()
    append(path, record(2)[20:], record(3), record(4)[:7])
    (file,) = tail.poll().files
    (whole,) = read_events(tmp_path).files
    assert file == whole
    assert (file.records, file.size_bytes) == (4, path.stat().st_size)


def test_joining_nothing_is_an_empty_log() -> None:
    assert join([]) == EventLog(series={}, files=())


def test_joined_series_keep_their_order(tmp_path: Path) -> None:
    tail, logs = EventTail(tmp_path), []
    for step in (5, 5, 3, 9):
        append(tmp_path / FIRST, *([VERSION] if not logs else []), record(step, step / 2))
        logs.append(tail.poll())
    series = join(logs).series["a"]
    assert series.steps.tolist() == [5, 5, 3, 9]
    np.testing.assert_array_equal(series.values, [2.5, 2.5, 1.5, 4.5])
