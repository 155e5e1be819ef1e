from __future__ import annotations

import contextlib
import tempfile
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary

from gates.errors import InputError
from gates.events import decoder as event_columns
from gates.events import file as event_file
from gates.events import framing as event_records
from gates.events import kinds as event_keys
from gates.events.framing import frame
from gates.events.reader import read_events
from gates.events.tail import EventTail, join
from gates.series import EventLog

VERSION, LATER_VERSION = (
    frame(Event(wall_time=begin, file_version="brain.Event:2").SerializeToString())
    for begin in (1.0, 1.5)
)
FIRST, SECOND = (f"events.out.tfevents.{1700000000 + k}.h.1.{k}" for k in (0, 100))

tags = st.sampled_from(["a", "b", "loss/actor", "loss/critic", "größe"])
values = st.floats(width=32, allow_nan=True)
steps = st.one_of(st.integers(0, 40), st.integers(0, 2**40), st.integers(-3, 3))
wall_times = st.floats(0.0, 2.0**31)


@st.composite
def scalar_events(draw: st.DrawFn) -> Event:
    pairs = draw(st.lists(st.tuples(tags, values), min_size=1, max_size=4))
    summary = Summary(value=[Summary.Value(tag=t, simple_value=v) for t, v in pairs])
    return Event(wall_time=draw(wall_times), step=draw(steps), summary=summary)


starts = st.builds(
    lambda step: Event(wall_time=2.0, step=step, session_log=SessionLog(status=SessionLog.START)),
    st.integers(0, 40),
)
files = st.lists(st.one_of(*[scalar_events()] * 9, starts), max_size=30).map(
    lambda events: [VERSION, *(frame(event.SerializeToString()) for event in events)]
)
later_files = files.map(lambda records: [LATER_VERSION, *records[1:]])
"""Files of a second writer, which begins at another time: no two begin with the same bytes."""


def points(log: EventLog) -> Counter[tuple[str, int, bytes, float]]:
    return Counter(
        (tag, step, np.float64(value).tobytes() if value == value else b"nan", wall)
        for tag, series in log.series.items()
        for step, value, wall in zip(
            series.steps.tolist(), series.values.tolist(), series.wall_times.tolist(), strict=True
        )
    )


def in_order(log: EventLog) -> bool:
    """Whether the files stand in the order of their times, as they do unless the clock was set back."""
    names = [file.path.name for file in log.files]
    return names == sorted(names)


def same(one: EventLog, other: EventLog) -> None:
    assert set(one.series) == set(other.series)
    for tag, series in one.series.items():
        np.testing.assert_array_equal(series.steps, other.series[tag].steps)
        np.testing.assert_array_equal(series.values, other.series[tag].values)
        np.testing.assert_array_equal(series.wall_times, other.series[tag].wall_times)
    assert one.purged_points == other.purged_points
    assert one.damage == other.damage
    assert one.files == other.files
    assert one.skipped_tags == other.skipped_tags


@settings(max_examples=150, deadline=None)
@given(first=files, second=later_files)
def test_reading_agrees_with_tensorboard(first: list[bytes], second: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / FIRST).write_bytes(b"".join(first))
        (Path(folder) / SECOND).write_bytes(b"".join(second))
        log = read_events(Path(folder))
        accumulator = EventAccumulator(folder, size_guidance={"scalars": 0})
        accumulator.Reload()
    assume(in_order(log))
    assert log.damage == ()
    known = [tag for tag in accumulator.Tags()["scalars"] if accumulator.Scalars(tag)]
    assert set(log.series) == set(known)
    for tag in known:
        events = accumulator.Scalars(tag)
        assert log.series[tag].steps.tolist() == [event.step for event in events]
        assert log.series[tag].wall_times.tolist() == [event.wall_time for event in events]
        np.testing.assert_array_equal(log.series[tag].values, [event.value for event in events])


@settings(max_examples=200, deadline=None)
@given(file=files, data=st.data())
def test_flipped_bits_are_reported_and_never_invent_a_point(
    file: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(file)
    broken = bytearray(whole)
    places = data.draw(st.lists(st.integers(0, len(whole) * 8 - 1), min_size=1, max_size=4))
    for place in set(places):
        broken[place // 8] ^= 1 << place % 8
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FIRST
        path.write_bytes(whole)
        sound = EventTail(Path(folder)).poll()
        path.write_bytes(broken)
        log = EventTail(Path(folder)).poll()
    assert log.damage
    if sound.purged_points == 0:  # a lost session start leaves points that it would have voided
        assert points(log) <= points(sound)


def read_with(folder: Path, **limits: int) -> EventLog:
    """Read with other limits between the ways in which a record can be read."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in (
            (event_file, "_BLOCK_BYTES"),
            (event_records, "_MANY"),
            (event_keys, "_FEW"),
            (event_columns, "_FIRST_ALONE"),
            (event_columns, "_LAYOUTS_PER_LENGTH"),
        ):
            patch.setattr(module, name, limits[name])
        return EventTail(folder).poll()


@settings(max_examples=200, deadline=None)
@given(file=files, times=st.integers(1, 20), data=st.data())
def test_every_way_of_reading_finds_the_same(
    file: list[bytes], times: int, data: st.DataObject
) -> None:
    content = bytearray(b"".join([*file[:1], *file[1:] * times]))
    for place in data.draw(st.lists(st.integers(0, len(content) * 8 - 1), max_size=3)):
        content[place // 8] ^= 1 << place % 8
    quick = {
        "_MANY": 1,
        "_FEW": 0,
        "_BLOCK_BYTES": data.draw(st.sampled_from([300, 3_000])),
        "_FIRST_ALONE": data.draw(st.sampled_from([1, 64])),
        "_LAYOUTS_PER_LENGTH": data.draw(st.sampled_from([1, 16])),
    }
    plain = dict.fromkeys(quick, 1 << 30) | {"_LAYOUTS_PER_LENGTH": 0}
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / FIRST).write_bytes(content)
        same(read_with(Path(folder), **quick), read_with(Path(folder), **plain))


@settings(max_examples=200, deadline=None)
@given(file=files, data=st.data())
def test_cut_files_give_the_points_of_their_whole_records(
    file: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(file)
    cut = data.draw(st.integers(0, len(whole)))
    boundaries = {sum(map(len, file[:k])) for k in range(1, len(file) + 1)}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FIRST
        kept = max((b for b in boundaries if b <= cut), default=0)
        path.write_bytes(whole[:kept])
        sound = EventTail(Path(folder)).poll()
        path.write_bytes(whole[:cut])
        log = EventTail(Path(folder)).poll()
    assert points(log) == points(sound)
    assert [damage.kind for damage in log.damage] == ([] if cut in boundaries else ["torn_tail"])


@settings(max_examples=150, deadline=None)
@given(garbage=st.binary(max_size=400), file=files, at=st.integers(0, 30))
def test_foreign_bytes_between_records_are_reported(
    garbage: bytes, file: list[bytes], at: int
) -> None:
    at = min(at, len(file) - 1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / FIRST
        path.write_bytes(b"".join(file))
        sound = read_events(Path(folder))
        path.write_bytes(b"".join([*file[:at], garbage, *file[at:]]))
        log = read_events(Path(folder))
    assert points(log) == points(sound)
    assert bool(log.damage) == bool(garbage)


@settings(max_examples=100, deadline=None)
@given(first=files, second=later_files, data=st.data())
def test_polling_while_files_grow_equals_one_reading(
    first: list[bytes], second: list[bytes], data: st.DataObject
) -> None:
    parts = [(FIRST, b"".join(first)), (SECOND, b"".join(second))]
    logs = []
    with tempfile.TemporaryDirectory() as folder:
        tail = EventTail(Path(folder))
        for name, content in parts:
            cuts = data.draw(st.lists(st.integers(0, len(content)), max_size=6).map(sorted))
            for begin, end in pairwise([0, *cuts, len(content)]):
                with (Path(folder) / name).open("ab") as file:
                    file.write(content[begin:end])
                logs.append(tail.poll())
        assume(all(map(in_order, logs)))
        same(join(logs), read_events(Path(folder)))
        assert not any(log.restarted for log in logs)


@settings(max_examples=100, deadline=None)
@given(first=files, second=later_files, data=st.data())
def test_polling_two_files_that_grow_together_finds_the_same_points(
    first: list[bytes], second: list[bytes], data: st.DataObject
) -> None:
    contents = {FIRST: b"".join(first), SECOND: b"".join(second)}
    logs = []
    with tempfile.TemporaryDirectory() as folder:
        tail = EventTail(Path(folder))
        shares = data.draw(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=6))
        cuts = [sorted(column) for column in zip(*shares, strict=True)] or [[], []]
        for ends in zip(*([0.0, *column, 1.0] for column in cuts), strict=True):
            for (name, content), end in zip(contents.items(), ends, strict=True):
                path = Path(folder) / name
                with path.open("ab") as file:
                    file.write(content[path.stat().st_size : int(end * len(content))])
            logs.append(tail.poll())
        whole = read_events(Path(folder))
    joined = join(logs)
    assume(all(map(in_order, [*logs, whole])))
    assert points(joined) == points(whole)
    assert joined.purged_points == whole.purged_points


@settings(max_examples=300, deadline=None)
@given(content=st.binary(max_size=600))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / FIRST).write_bytes(content)
        with contextlib.suppress(InputError):
            read_events(Path(folder))


@settings(max_examples=400, deadline=None)
@given(data=st.lists(st.binary(max_size=120), max_size=8))
def test_any_record_content_is_read_or_reported(data: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / FIRST).write_bytes(VERSION + b"".join(map(frame, data)))
        log = read_events(Path(folder))
    reported = len([damage for damage in log.damage if damage.kind == "bad_record"])
    assert log.files[0].records + reported == len(data) + 1


@settings(max_examples=300, deadline=None)
@given(event=scalar_events(), data=st.data())
def test_events_with_mutated_protobuf_agree_with_protobuf_or_are_reported(
    event: Event, data: st.DataObject
) -> None:
    raw = bytearray(event.SerializeToString())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / FIRST).write_bytes(VERSION + frame(bytes(raw)) * 2)
        log = read_events(Path(folder))
    try:
        parsed = Event.FromString(bytes(raw))
    except DecodeError:  # for instance for a tag that is no UTF-8
        return
    if log.damage:
        return
    expected = [
        (value.tag, parsed.step, value.simple_value)
        for value in parsed.summary.value
        if value.HasField("simple_value")
    ] * 2
    found = [
        (tag, step, value)
        for tag, series in log.series.items()
        for step, value in zip(series.steps.tolist(), series.values.tolist(), strict=True)
    ]
    assert Counter(map(repr, found)) == Counter(map(repr, expected))
