from __future__ import annotations

import hashlib
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto

from gates.errors import InputError
from gates.events.framing import RECORD_LIMIT_BYTES, frame, masked_crc32c
from gates.events.reader import read_events
from gates.events.tag_table import TAG_LIMIT
from gates.series import EventLog

SHARED_RUNS = Path(__file__).resolve().parents[4] / "shared" / "runs"
VERSION = Event(wall_time=1.0, file_version="brain.Event:2")


def scalars(step: int, wall_time: float = 2.0, **values: float) -> Event:
    summary = Summary(value=[Summary.Value(tag=t, simple_value=v) for t, v in values.items()])
    return Event(wall_time=wall_time, step=step, summary=summary)


def tensor(step: int, tag: str, proto: TensorProto) -> Event:
    return Event(
        wall_time=2.0, step=step, summary=Summary(value=[Summary.Value(tag=tag, tensor=proto)])
    )


def start(step: int, wall_time: float = 2.0) -> Event:
    return Event(wall_time=wall_time, step=step, session_log=SessionLog(status=SessionLog.START))


def records(*events: Event) -> list[bytes]:
    return [frame(event.SerializeToString()) for event in events]


def write(
    folder: Path, *parts: bytes | Event, name: str = "events.out.tfevents.1700000000.h.1.0"
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(
        b"".join(p if isinstance(p, bytes) else frame(p.SerializeToString()) for p in parts)
    )
    return path


def points(log: EventLog, tag: str) -> list[tuple[int, float]]:
    series = log.series[tag]
    return list(zip(series.steps.tolist(), series.values.tolist(), strict=True))


def kinds(log: EventLog) -> list[str]:
    return [damage.kind for damage in log.damage]


def oracle(folder: Path) -> EventAccumulator:
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    accumulator.Reload()
    return accumulator


def assert_equals_oracle(log: EventLog, folder: Path) -> None:
    accumulator = oracle(folder)
    tags = [tag for tag in accumulator.Tags()["scalars"] if accumulator.Scalars(tag)]
    assert set(log.series) == set(tags)
    for tag in tags:
        events, series = accumulator.Scalars(tag), log.series[tag]
        assert [event.step for event in events] == series.steps.tolist()
        assert [event.wall_time for event in events] == series.wall_times.tolist()
        np.testing.assert_array_equal([event.value for event in events], series.values)


@pytest.mark.skipif(
    not SHARED_RUNS.is_dir(), reason="the labelled runs are not beside this checkout"
)
def test_every_labelled_run_reads_as_tensorboard_reads_it() -> None:
    folders = sorted({*SHARED_RUNS.glob("real/*"), *SHARED_RUNS.glob("synthetic/*")})
    assert len(folders) >= 11
    for folder in folders:
        log = read_events(folder)
        assert log.damage == ()
        assert log.purged_points == 0
        assert_equals_oracle(log, folder)
        (file,) = log.files
        assert file.sha256 == hashlib.sha256(file.path.read_bytes()).hexdigest()
        assert file.size_bytes == file.path.stat().st_size
        assert file.first_wall_time is not None
        assert file.last_wall_time is not None
        assert file.first_wall_time <= file.last_wall_time


def test_points_keep_their_order_equal_steps_and_falling_steps(tmp_path: Path) -> None:
    steps = [3, 3, 1, 0, 7, 7, 2]
    write(tmp_path, VERSION, *(scalars(s, a=float(i)) for i, s in enumerate(steps)))
    assert points(read_events(tmp_path), "a") == [(s, float(i)) for i, s in enumerate(steps)]


def test_single_and_batched_events_of_one_tag_stay_in_order(tmp_path: Path) -> None:
    events = []
    for i in range(300):
        events.append(scalars(i, a=i + 0.25) if i % 3 else scalars(i, a=i + 0.25, b=-i, a2=0.5))
    write(tmp_path, VERSION, *events)
    log = read_events(tmp_path)
    assert points(log, "a") == [(i, i + 0.25) for i in range(300)]
    assert points(log, "b") == [(i, -float(i)) for i in range(0, 300, 3)]
    assert_equals_oracle(log, tmp_path)


def test_a_tag_twice_in_one_event_keeps_both_values(tmp_path: Path) -> None:
    value = [Summary.Value(tag="a", simple_value=v) for v in (1.0, 2.0)]
    event = Event(wall_time=2.0, step=5, summary=Summary(value=value))
    write(tmp_path, VERSION, event, event)
    assert points(read_events(tmp_path), "a") == [(5, 1.0), (5, 2.0)] * 2


@pytest.mark.parametrize("step", [0, 1, 127, 128, 2**31, 2**34, 2**40, 2**62, -1, -(2**63)])
def test_every_step_is_read(tmp_path: Path, step: int) -> None:
    write(tmp_path, VERSION, *[scalars(step, a=1.5)] * 3)
    assert points(read_events(tmp_path), "a") == [(step, 1.5)] * 3


def test_not_a_number_and_infinity_are_values(tmp_path: Path) -> None:
    signalling = scalars(3, a=1.0).SerializeToString()[:-4] + struct.pack("<I", 0x7F800001)
    values = [float("nan"), float("inf"), -float("inf"), -0.0]
    write(tmp_path, VERSION, *(scalars(1, a=v) for v in values), frame(signalling))
    read = read_events(tmp_path).series["a"].values
    np.testing.assert_array_equal(read, [*values, float("nan")])


def test_tags_of_one_character_and_of_any_text(tmp_path: Path) -> None:
    names = ["a", "", "| <b>{{7*7}}</b> |", "größe/日本", "x" * 1000]
    write(tmp_path, VERSION, *(scalars(1, **{name: 2.0}) for name in names))
    assert list(read_events(tmp_path).series) == names


def test_a_tag_that_is_no_utf8_is_read_with_replacements(tmp_path: Path) -> None:
    data = scalars(1, abc=2.0).SerializeToString().replace(b"abc", b"a\xffc")
    write(tmp_path, VERSION, frame(data))
    assert points(read_events(tmp_path), "a\ufffdc") == [(1, 2.0)]


def packed_half(*halves: int) -> TensorProto:
    return TensorProto(dtype=19, tensor_shape=TensorShapeProto(), half_val=halves)


SHAPE = TensorShapeProto()


@pytest.mark.parametrize(
    ("proto", "expected"),
    [
        (TensorProto(dtype=1, tensor_shape=SHAPE, float_val=[1.5]), 1.5),
        (TensorProto(dtype=1, tensor_shape=SHAPE, tensor_content=struct.pack("<f", 2.5)), 2.5),
        (TensorProto(dtype=2, tensor_shape=SHAPE, double_val=[0.1]), 0.1),
        (TensorProto(dtype=2, tensor_shape=SHAPE, tensor_content=struct.pack("<d", 0.1)), 0.1),
        (TensorProto(dtype=3, tensor_shape=SHAPE, int_val=[-7]), -7.0),
        (TensorProto(dtype=4, tensor_shape=SHAPE, int_val=[200]), 200.0),
        (TensorProto(dtype=9, tensor_shape=SHAPE, int64_val=[-(2**40)]), -(2.0**40)),
        (TensorProto(dtype=9, tensor_shape=SHAPE, tensor_content=struct.pack("<q", -9)), -9.0),
        (TensorProto(dtype=10, tensor_shape=SHAPE, bool_val=[True]), 1.0),
        (TensorProto(dtype=14, tensor_shape=SHAPE, half_val=[0x3FC0]), 1.5),
        (TensorProto(dtype=14, tensor_shape=SHAPE, tensor_content=b"\xc0\x3f"), 1.5),
        (TensorProto(dtype=19, tensor_shape=SHAPE, half_val=[0x3E00]), 1.5),
        (TensorProto(dtype=19, tensor_shape=SHAPE, tensor_content=b"\x00\x3e"), 1.5),
        (TensorProto(dtype=22, tensor_shape=SHAPE, uint32_val=[2**31]), 2.0**31),
        (TensorProto(dtype=23, tensor_shape=SHAPE, uint64_val=[2**63]), 2.0**63),
        (TensorProto(dtype=1, tensor_shape=SHAPE), 0.0),
        (TensorProto(dtype=9), 0.0),
    ],
)
def test_tensor_scalars_are_decoded(tmp_path: Path, proto: TensorProto, expected: float) -> None:
    write(tmp_path, VERSION, *(tensor(step, "t", proto) for step in range(70)))
    log = read_events(tmp_path)
    assert points(log, "t") == [(step, expected) for step in range(70)]
    assert log.skipped_tags == {}


def test_tensor_scalars_with_changing_values_are_not_confused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=200)
    events = []
    for step, value in enumerate(values):
        proto = TensorProto(dtype=2, tensor_shape=SHAPE, tensor_content=struct.pack("<d", value))
        events.append(tensor(step, f"t{step % 3}", proto))
    write(tmp_path, VERSION, *events)
    log = read_events(tmp_path)
    for k in range(3):
        assert log.series[f"t{k}"].values.tolist() == values[k::3].tolist()


def test_what_is_no_scalar_is_named_with_its_reason(tmp_path: Path) -> None:
    text = TensorProto(dtype=7, tensor_shape=SHAPE, string_val=[b"x"])
    vector = TensorProto(
        dtype=1,
        tensor_shape=TensorShapeProto(dim=[TensorShapeProto.Dim(size=2)]),
        float_val=[1, 2],
    )
    histogram = Summary.Value(tag="h")
    histogram.histo.num = 3
    image = Summary.Value(tag="i")
    image.image.width = 3
    hparams = Summary.Value(tag="p", metadata=SummaryMetadata(display_name="x"))
    summary = Summary(value=[histogram, image, hparams, Summary.Value(tag="a", simple_value=1.0)])
    write(
        tmp_path,
        VERSION,
        tensor(1, "text", text),
        tensor(1, "vector", vector),
        Event(wall_time=2.0, step=1, summary=summary),
    )
    log = read_events(tmp_path)
    assert points(log, "a") == [(1, 1.0)]
    assert log.skipped_tags == {
        "text": "it is text",
        "vector": "it is a tensor of shape [2]",
        "h": "it is a histogram",
        "i": "it is an image",
        "p": "it has no value",
    }
    assert log.damage == ()


def test_more_tags_than_the_limit_are_left_out_and_named(tmp_path: Path) -> None:
    extra = 1500
    write(tmp_path, VERSION, *(scalars(1, **{f"t{i}": 1.0}) for i in range(TAG_LIMIT + extra)))
    log = read_events(tmp_path)
    assert len(log.series) == TAG_LIMIT
    assert len(log.skipped_tags) == 1001
    assert "more than 20,000 tags" in log.skipped_tags[f"t{TAG_LIMIT}"]
    assert "more than 1,000" in log.skipped_tags["(other tags)"]


def test_a_huge_tag_name_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, VERSION, scalars(1, **{"x" * 5000: 1.0}), scalars(2, a=1.0))
    log = read_events(tmp_path)
    assert list(log.series) == ["a"]
    assert list(log.skipped_tags) == ["x" * 1024]


# damage


def test_a_damaged_record_is_left_out_and_the_rest_is_read(tmp_path: Path) -> None:
    parts = records(VERSION, *(scalars(i, a=float(i)) for i in range(10)))
    parts[4] = parts[4][:-6] + bytes([parts[4][-6] ^ 1]) + parts[4][-5:]
    write(tmp_path, *parts)
    log = read_events(tmp_path)
    assert [step for step, _ in points(log, "a")] == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    (damage,) = log.damage
    assert (damage.kind, damage.offset) == ("bad_crc", len(b"".join(parts[:4])))


@pytest.mark.parametrize("byte", range(12))
def test_a_damaged_length_costs_one_record(tmp_path: Path, byte: int) -> None:
    parts = records(VERSION, *(scalars(i, a=float(i)) for i in range(10)))
    broken = bytearray(parts[4])
    broken[byte] ^= 0x40
    parts[4] = bytes(broken)
    write(tmp_path, *parts)
    log = read_events(tmp_path)
    assert [step for step, _ in points(log, "a")] == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    (damage,) = log.damage
    assert (damage.kind, damage.offset) == ("bad_length", len(b"".join(parts[:4])))
    assert f"{len(b''.join(parts[:5])):,}" in damage.note


def test_a_damaged_first_record_is_no_reason_to_reject_the_file(tmp_path: Path) -> None:
    parts = records(VERSION, scalars(1, a=1.0))
    write(tmp_path, b"\xff" + parts[0][1:], parts[1])
    log = read_events(tmp_path)
    assert points(log, "a") == [(1, 1.0)]
    assert kinds(log) == ["bad_length"]


def test_bytes_lost_in_the_middle_cost_one_record(tmp_path: Path) -> None:
    parts = records(VERSION, *(scalars(i, a=float(i)) for i in range(10)))
    parts[4] = parts[4][:20]
    write(tmp_path, *parts)
    log = read_events(tmp_path)
    assert [step for step, _ in points(log, "a")] == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert len(log.damage) == 1


@pytest.mark.parametrize("length", [2**63 - 1, 2**40, RECORD_LIMIT_BYTES + 1])
def test_an_absurd_length_is_refused_without_allocating(tmp_path: Path, length: int) -> None:
    head = struct.pack("<Q", length)
    absurd = head + struct.pack("<I", masked_crc32c(head)) + b"rest"
    write(tmp_path, VERSION, scalars(1, a=1.0), absurd, scalars(2, a=2.0))
    log = read_events(tmp_path)
    assert points(log, "a") == [(1, 1.0), (2, 2.0)]
    (damage,) = log.damage
    assert damage.kind == "bad_length"
    assert f"{length:,}" in damage.note


def test_a_torn_tail_is_reported_at_every_length(tmp_path: Path) -> None:
    whole = records(VERSION, scalars(1, a=1.0), scalars(2, a=2.0))
    last = whole.pop()
    for cut in range(1, len(last)):
        write(tmp_path, *whole, last[:cut])
        log = read_events(tmp_path)
        assert points(log, "a") == [(1, 1.0)]
        (damage,) = log.damage
        assert (damage.kind, damage.offset) == ("torn_tail", len(b"".join(whole)))


def test_a_damaged_last_record_is_reported(tmp_path: Path) -> None:
    whole = records(VERSION, scalars(1, a=1.0), scalars(2, a=2.0))
    write(tmp_path, *whole[:-1], whole[-1][:-1] + bytes([whole[-1][-1] ^ 1]))
    log = read_events(tmp_path)
    assert points(log, "a") == [(1, 1.0)]
    assert kinds(log) == ["bad_crc"]


def test_zeros_behind_the_last_record_are_reported(tmp_path: Path) -> None:
    write(tmp_path, VERSION, scalars(1, a=1.0), bytes(5000))
    log = read_events(tmp_path)
    assert points(log, "a") == [(1, 1.0)]
    assert kinds(log) == ["zeros"]


def test_a_record_that_is_no_event_is_reported(tmp_path: Path) -> None:
    write(tmp_path, VERSION, frame(b"\x09abc"), scalars(1, a=1.0), frame(b"\x0f\x01"))
    log = read_events(tmp_path)
    assert points(log, "a") == [(1, 1.0)]
    assert kinds(log) == ["bad_record", "bad_record"]


def test_thousands_of_damaged_places_are_counted(tmp_path: Path) -> None:
    bad = bytearray(frame(scalars(1, a=1.0).SerializeToString()))
    bad[-1] ^= 1
    write(tmp_path, VERSION, *[bytes(bad)] * 500, scalars(2, a=2.0))
    log = read_events(tmp_path)
    assert points(log, "a") == [(2, 2.0)]
    assert len(log.damage) == 100
    assert "400 more" in log.damage[-1].note


def test_a_file_made_to_be_slow_is_given_up(tmp_path: Path) -> None:
    head = struct.pack("<Q", 60_000)
    trap = head + struct.pack("<I", masked_crc32c(head))
    path = write(tmp_path, VERSION, scalars(1, a=1.0), trap * 300_000)
    log = read_events(tmp_path)
    assert points(log, "a") == [(1, 1.0)]
    assert any("too damaged" in damage.note for damage in log.damage)
    assert log.files[0].sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_records_larger_than_a_block_are_read(tmp_path: Path) -> None:
    big = Event(wall_time=2.0, graph_def=bytes(9_000_000))
    write(tmp_path, VERSION, scalars(1, a=1.0), big, scalars(2, a=2.0), big, scalars(3, a=3.0))
    log = read_events(tmp_path)
    assert points(log, "a") == [(1, 1.0), (2, 2.0), (3, 3.0)]
    assert log.damage == ()
    assert log.files[0].records == 6


def test_records_inside_records_are_not_read(tmp_path: Path) -> None:
    inner = b"".join(records(*(scalars(i, fake=1.0) for i in range(50))))
    outer = Event(wall_time=2.0, graph_def=inner)
    write(tmp_path, VERSION, outer, scalars(1, a=1.0), outer, scalars(2, a=2.0))
    log = read_events(tmp_path)
    assert list(log.series) == ["a"]
    assert log.damage == ()


# which files


def test_a_missing_directory_an_empty_one_and_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_events(tmp_path / "none")
    with pytest.raises(InputError, match="holds no event files"):
        read_events(tmp_path)
    path = write(tmp_path, VERSION)
    with pytest.raises(InputError, match="is a file"):
        read_events(path)


@pytest.mark.parametrize("content", [b"hello, this is text\n" * 50, b"", b"short", b"\0" * 4096])
def test_files_without_one_event_are_refused(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, content)
    with pytest.raises(InputError, match="no readable event"):
        read_events(tmp_path)


def test_other_tfrecords_are_no_event_files(tmp_path: Path) -> None:
    write(tmp_path, *[frame(b"\x0a\x04abcd")] * 5)
    with pytest.raises(InputError, match="no TensorBoard events"):
        read_events(tmp_path)


def test_a_text_file_beside_a_good_one_is_reported(tmp_path: Path) -> None:
    write(tmp_path, VERSION, scalars(1, a=1.0))
    write(tmp_path, b"this is no event file at all\n", name="notes-tfevents.txt")
    log = read_events(tmp_path)
    assert points(log, "a") == [(1, 1.0)]
    (damage,) = log.damage
    assert (damage.kind, damage.path.name) == ("not_an_event_file", "notes-tfevents.txt")


def test_pipes_and_devices_do_not_hang_it(tmp_path: Path) -> None:
    write(tmp_path, VERSION, scalars(1, a=1.0))
    os.mkfifo(tmp_path / "events.out.tfevents.1700000001.pipe")
    (tmp_path / "events.out.tfevents.1700000002.zero").symlink_to("/dev/zero")
    log = read_events(tmp_path)
    assert points(log, "a") == [(1, 1.0)]
    assert kinds(log) == ["not_an_event_file", "not_an_event_file"]
    assert len(log.files) == 1


def test_symbolic_links_to_files_are_read_and_broken_ones_refused(tmp_path: Path) -> None:
    target = write(tmp_path / "elsewhere", VERSION, scalars(1, a=1.0))
    run = tmp_path / "run"
    run.mkdir()
    link = run / "events.out.tfevents.1700000000.link"
    link.symlink_to(target)
    assert points(read_events(run), "a") == [(1, 1.0)]
    target.unlink()
    with pytest.raises(InputError, match="change while they are read"):
        read_events(run)


def test_the_events_folder_of_a_run_directory_is_found(tmp_path: Path) -> None:
    write(tmp_path / "run" / "events", VERSION, scalars(1, a=1.0))
    write(tmp_path / "run" / "plots" / "other", VERSION, scalars(1, b=1.0))
    log = read_events(tmp_path / "run")
    assert list(log.series) == ["a"]
    assert list(log.ignored) == ["plots/other/"]


def test_sub_runs_are_not_mixed_into_the_run(tmp_path: Path) -> None:
    write(tmp_path, VERSION, scalars(1, a=1.0))
    write(tmp_path / "loss_train", VERSION, scalars(1, a=5.0))
    log = read_events(tmp_path)
    assert points(log, "a") == [(1, 1.0)]
    assert list(log.ignored) == ["loss_train/"]


def test_the_only_run_below_a_directory_is_found(tmp_path: Path) -> None:
    write(tmp_path / "TD3_1", VERSION, scalars(1, a=1.0))
    assert points(read_events(tmp_path), "a") == [(1, 1.0)]


def test_marker_files_of_the_profiler_are_no_event_files(tmp_path: Path) -> None:
    write(tmp_path / "run", VERSION, scalars(1, a=1.0))
    write(tmp_path / "run", name="events.out.tfevents.1700000009.profile-empty")
    log = read_events(tmp_path)
    assert len(log.files) == 1
    assert log.damage == ()


def test_several_runs_are_refused_by_name(tmp_path: Path) -> None:
    for name in ("TD3_1", "TD3_2"):
        write(tmp_path / name, VERSION, scalars(1, a=1.0))
    with pytest.raises(InputError, match=r"2 runs.*TD3_1, TD3_2"):
        read_events(tmp_path)


def test_event_files_directly_and_in_events_are_refused(tmp_path: Path) -> None:
    write(tmp_path, VERSION, scalars(1, a=1.0))
    write(tmp_path / "events", VERSION, scalars(1, a=1.0))
    with pytest.raises(InputError, match="both"):
        read_events(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path, VERSION).chmod(0)
    with pytest.raises(InputError, match="cannot be read"):
        read_events(tmp_path)


# several files


def name_at(seconds: int, rest: str = "h.1.0") -> str:
    return f"events.out.tfevents.{seconds}.{rest}"


def test_a_resumed_attempt_voids_the_points_that_it_repeats(tmp_path: Path) -> None:
    write(
        tmp_path,
        VERSION,
        *(scalars(s, 10.0 + s, a=s, b=-s) for s in range(10)),
        name=name_at(1700000000),
    )
    write(
        tmp_path,
        VERSION,
        start(6),
        *(scalars(s, 30.0 + s, a=s + 100.0) for s in range(6, 9)),
        name=name_at(1700000100),
    )
    log = read_events(tmp_path)
    assert points(log, "a") == [
        *((s, float(s)) for s in range(6)),
        *((s, s + 100.0) for s in range(6, 9)),
    ]
    assert points(log, "b") == [(s, -float(s)) for s in range(6)]
    assert log.purged_points == 8
    assert [file.purge_step for file in log.files] == [None, 6]
    assert_equals_oracle(log, tmp_path)


def test_three_attempts_and_a_start_at_zero(tmp_path: Path) -> None:
    write(tmp_path, VERSION, *(scalars(s, a=s) for s in range(20)), name=name_at(1700000000))
    write(
        tmp_path,
        VERSION,
        start(15),
        *(scalars(s, a=s + 100.0) for s in range(15, 30)),
        name=name_at(1700000001),
    )
    write(
        tmp_path,
        VERSION,
        start(10),
        *(scalars(s, a=s + 200.0) for s in range(10, 12)),
        name=name_at(1700000002),
    )
    assert_equals_oracle(read_events(tmp_path), tmp_path)
    write(tmp_path, VERSION, start(0), scalars(1, c=1.0), name=name_at(1700000003))
    log = read_events(tmp_path)
    assert list(log.series) == ["c"]
    assert log.purged_points == 20 + 15 + 2


def test_a_session_start_within_a_file_voids_what_stands_before_it(tmp_path: Path) -> None:
    write(
        tmp_path,
        VERSION,
        *(scalars(s, a=s) for s in range(10)),
        start(4),
        *(scalars(s, a=s + 100.0) for s in range(4, 8)),
        start(7),
        scalars(9, a=900.0),
    )
    log = read_events(tmp_path)
    assert_equals_oracle(log, tmp_path)
    assert log.purged_points == 7


def test_files_without_a_session_start_are_put_one_behind_the_other(tmp_path: Path) -> None:
    write(tmp_path, VERSION, *(scalars(s, a=s) for s in range(5)), name=name_at(1700000000))
    write(tmp_path, VERSION, *(scalars(s, a=s + 0.5) for s in range(3)), name=name_at(1700000100))
    log = read_events(tmp_path)
    assert [step for step, _ in points(log, "a")] == [0, 1, 2, 3, 4, 0, 1, 2]
    assert_equals_oracle(log, tmp_path)


def test_files_of_one_second_follow_their_first_event(tmp_path: Path) -> None:
    write(tmp_path, Event(wall_time=5.0), scalars(1, a=1.0), name=name_at(1700000000, "h.9.0"))
    write(tmp_path, Event(wall_time=6.0), scalars(2, a=2.0), name=name_at(1700000000, "h.10.0"))
    assert [step for step, _ in points(read_events(tmp_path), "a")] == [1, 2]


def test_files_without_a_time_in_their_name_follow_their_first_event(tmp_path: Path) -> None:
    write(tmp_path, Event(wall_time=1700000009.0), scalars(2, a=2.0), name="a.tfevents")
    write(tmp_path, Event(wall_time=1700000001.0), scalars(1, a=1.0), name="b.tfevents")
    assert [step for step, _ in points(read_events(tmp_path), "a")] == [1, 2]
