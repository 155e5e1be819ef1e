"""Events of a few kinds, over and over, as trainers write them: they are read as tables and split over blocks."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary

import gates.events.file
from gates.events.framing import frame
from gates.events.reader import read_events
from gates.events.tag_table import TAG_LIMIT
from gates.series import EventLog

NAME = "events.out.tfevents.1700000000.h.1.0"
VERSION = Event(wall_time=1.0, file_version="brain.Event:2")
EVENTS = 1_500


@pytest.fixture(params=[2_048, 512 * 1024], autouse=True)
def block_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(gates.events.file, "_BLOCK_BYTES", request.param)
    return int(request.param)


def event(step: int, *values: tuple[str, float], wall_time: float | None = None) -> Event:
    summary = Summary(value=[Summary.Value(tag=tag, simple_value=v) for tag, v in values])
    return Event(
        wall_time=step + 0.5 if wall_time is None else wall_time, step=step, summary=summary
    )


def framed(*events: Event) -> list[bytes]:
    return [frame(e.SerializeToString()) for e in (VERSION, *events)]


def read(folder: Path, records: list[bytes]) -> EventLog:
    (folder / NAME).write_bytes(b"".join(records))
    return read_events(folder)


def assert_tensorboard_agrees(log: EventLog, folder: Path) -> None:
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    accumulator.Reload()
    tags = [tag for tag in accumulator.Tags()["scalars"] if accumulator.Scalars(tag)]
    assert set(log.series) == set(tags)
    for tag in tags:
        events, series = accumulator.Scalars(tag), log.series[tag]
        assert series.steps.tolist() == [e.step for e in events]
        assert series.wall_times.tolist() == [e.wall_time for e in events]
        np.testing.assert_array_equal(series.values, [e.value for e in events])


def updates(rng: np.random.Generator) -> list[Event]:
    """Return updates of four tags with an episode now and then, some tags being in both and some alone."""
    events = []
    for step in range(EVENTS):
        a, b, c, d = rng.normal(size=4).tolist()
        events.append(event(step * 3, ("a", a), ("b", b), ("c", c), ("d", d)))
        if rng.random() < 0.2:
            events.append(event(step * 3 + 1, ("return", a), ("b", d)))
        if rng.random() < 0.1:
            events.append(event(step * 3 + 1, ("c", -a)))
    return events


def test_kinds_that_share_tags_are_read_in_the_order_of_the_file(tmp_path: Path) -> None:
    log = read(tmp_path, framed(*updates(np.random.default_rng(0))))
    assert len(log.series["a"]) == EVENTS
    assert len({len(log.series[tag]) for tag in ("a", "b", "c", "return")}) == 4
    assert_tensorboard_agrees(log, tmp_path)


def test_one_scalar_an_event_with_a_tag_that_comes_and_goes(tmp_path: Path) -> None:
    events = []
    for step in range(EVENTS):
        events += [event(step, (tag, step + 0.25)) for tag in ("a", "bb", "ccc")]
        events += [event(step, ("now/and/then", float(step)))] * (step % 50 == 7)
    log = read(tmp_path, framed(*events))
    assert len(log.series["now/and/then"]) == EVENTS // 50
    assert_tensorboard_agrees(log, tmp_path)


def test_a_tag_twice_in_each_event_keeps_both_values_in_order(tmp_path: Path) -> None:
    events = [event(s, ("a", s + 0.25), ("b", -s), ("a", s + 0.75)) for s in range(EVENTS)]
    series = read(tmp_path, framed(*events)).series
    assert series["a"].steps.tolist() == [s for s in range(EVENTS) for _ in range(2)]
    assert series["a"].values.tolist() == [s + v for s in range(EVENTS) for v in (0.25, 0.75)]
    assert series["b"].values.tolist() == [-s for s in range(EVENTS)]


def test_a_damaged_record_among_many_of_its_kind_is_reported_and_left_out(tmp_path: Path) -> None:
    records = framed(*(event(s, ("a", s), ("b", -s)) for s in range(EVENTS)))
    place = sum(map(len, records[:1_001]))
    damaged = bytearray(b"".join(records))
    damaged[place + len(records[1_001]) - 6] ^= 1
    log = read(tmp_path, [bytes(damaged)])
    assert [(d.kind, d.offset) for d in log.damage] == [("bad_crc", place)]
    for series in log.series.values():
        assert series.steps.tolist() == [s for s in range(EVENTS) if s != 1_000]
    assert log.files[0].records == EVENTS  # the version, and all but one


@pytest.mark.parametrize("place", ["length", "between"])
def test_reading_goes_on_behind_a_place_that_was_lost(tmp_path: Path, place: str) -> None:
    records = framed(*(event(s, ("a", s), ("b", -s)) for s in range(EVENTS)))
    if place == "length":
        records[1_001] = b"\xff" + records[1_001][1:]
    else:
        records.insert(1_001, b"garbage")
    log = read(tmp_path, records)
    (damage,) = log.damage
    assert damage.kind == "bad_length"
    lost = {1_000} if place == "length" else set()
    assert log.series["b"].values.tolist() == [-s for s in range(EVENTS) if s not in lost]


def test_an_event_of_another_kind_within_many_is_read_alone(tmp_path: Path) -> None:
    events = [event(s, ("a", s), ("b", -s)) for s in range(EVENTS)]
    text = Summary.Value(tag="b", image=Summary.Image(height=1))
    events[700] = Event(
        wall_time=700.5,
        step=700,
        summary=Summary(value=[Summary.Value(tag="a", simple_value=0.5), text]),
    )
    events[900] = event(900, ("a", 1.0), ("c", 2.0))  # as long as the others
    events[1_100] = event(-1, ("a", 1.0), ("b", 2.0))
    log = read(tmp_path, framed(*events))
    assert log.skipped_tags == {"b": "it is an image"}
    assert log.series["a"].values[700] == 0.5
    assert log.series["c"].steps.tolist() == [900]
    assert log.series["b"].steps[1_098] == -1
    assert_tensorboard_agrees(log, tmp_path)


def test_sets_of_tags_that_hardly_ever_repeat(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    long = "a name that makes the value longer than 127 bytes " * 3
    events = []
    for step in range(EVENTS):
        kept = [(f"tag{k:02d}", step + k / 16) for k in range(11) if rng.random() < 0.6]
        kept += [(long, 0.5)] * (step % 40 == 0) + [("tag00", -1.0)] * (step % 30 == 0)
        events.append(event(step, *kept))
    log = read(tmp_path, framed(*events))
    assert len(log.series[long]) == len(range(0, EVENTS, 40))
    assert_tensorboard_agrees(log, tmp_path)


def test_a_session_start_within_many_events_voids_rows(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    first, again = updates(rng), updates(rng)
    start = Event(wall_time=1.0, step=2_000, session_log=SessionLog(status=SessionLog.START))
    log = read(tmp_path, framed(*first, start, *(e for e in again if e.step >= 2_000)))
    assert log.purged_points > 0
    assert_tensorboard_agrees(log, tmp_path)


def test_tags_beyond_the_limit_are_left_out_of_their_rows(tmp_path: Path) -> None:
    many = [event(0, *((f"t{k}", 0.0) for k in range(TAG_LIMIT - 1)))]
    rows = [event(s, ("last", s), ("too many", 1.0)) for s in range(1, EVENTS)]
    log = read(tmp_path, framed(*many, *rows))
    assert "too many" in log.skipped_tags
    assert log.series["last"].values.tolist() == list(range(1, EVENTS))


def test_series_cannot_be_written_to(tmp_path: Path) -> None:
    series = read(tmp_path, framed(*updates(np.random.default_rng(0)))).series["a"]
    for array in (series.steps, series.values, series.wall_times):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_bytes_are_hashed_whole(tmp_path: Path, block_bytes: int) -> None:
    log = read(tmp_path, framed(*updates(np.random.default_rng(2))))
    content = (tmp_path / NAME).read_bytes()
    assert len(content) > block_bytes or block_bytes > 2_048
    assert log.files[0].sha256 == hashlib.sha256(content).hexdigest()
