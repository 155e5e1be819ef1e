from __future__ import annotations

import errno
import math
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from gates.events.reader import read_events
from gates.events.tail import EventTail
from trainer.run.event_writer import EventWriter


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.5

    def __call__(self) -> float:
        return self.now


def tensorboard_scalars(folder: Path) -> dict[str, list[tuple[int, float, float]]]:
    accumulator = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    accumulator.Reload()
    return {
        tag: [(event.step, event.value, event.wall_time) for event in accumulator.Scalars(tag)]
        for tag in accumulator.Tags()["scalars"]
    }


def our_scalars(folder: Path) -> dict[str, list[tuple[int, float, float]]]:
    return {
        tag: list(zip(s.steps.tolist(), s.values.tolist(), s.wall_times.tolist(), strict=True))
        for tag, s in read_events(folder).series.items()
    }


def test_tensorboard_reads_what_was_written(tmp_path: Path) -> None:
    clock = Clock()
    with EventWriter(tmp_path / "events", clock=clock) as writer:
        writer.write(0, {"train/q1_value": 1.5, "train/q2_value": -2.0})
        clock.now += 1.0
        writer.write(1_000_000, {"train/q1_value": 0.1, "train/q2_value": 1e-30})
        writer.write(1_000_000, {"größe": 3.0})
    assert tensorboard_scalars(tmp_path / "events") == {
        "train/q1_value": [
            (0, 1.5, 1_700_000_000.5),
            (1_000_000, float(np.float32(0.1)), 1_700_000_001.5),
        ],
        "train/q2_value": [
            (0, -2.0, 1_700_000_000.5),
            (1_000_000, float(np.float32(1e-30)), 1_700_000_001.5),
        ],
        "größe": [(1_000_000, 3.0, 1_700_000_001.5)],
    }


@pytest.mark.filterwarnings("ignore")  # tbparse uses what pandas has deprecated
def test_tbparse_reads_what_was_written(tmp_path: Path) -> None:
    tbparse = pytest.importorskip("tbparse")
    with EventWriter(tmp_path) as writer:
        for step in range(5):
            writer.write(step, {"a": step / 2, "b": -step})
    frame = tbparse.SummaryReader(str(tmp_path)).scalars
    assert frame[frame.tag == "a"].value.tolist() == [0.0, 0.5, 1.0, 1.5, 2.0]
    assert frame[frame.tag == "b"].step.tolist() == [0, 1, 2, 3, 4]


def test_one_event_holds_all_scalars(tmp_path: Path) -> None:
    with EventWriter(tmp_path) as writer:
        writer.write(1, {f"tag{k}": float(k) for k in range(50)})
        writer.write(2, {})
    (file,) = read_events(tmp_path).files
    assert file.records == 2


def test_numbers_that_are_not_finite_are_written_as_they_are(tmp_path: Path) -> None:
    given_values = {
        "nan": math.nan,
        "inf": math.inf,
        "minus": -math.inf,
        "too large": 1e300,
        "int": 3,
    }
    with EventWriter(tmp_path) as writer:
        writer.write(1, {**given_values, "numpy": np.float64(2.5)})
    read = {tag: series.values[0] for tag, series in read_events(tmp_path).series.items()}
    expected = {**given_values, "too large": math.inf, "numpy": 2.5}
    np.testing.assert_array_equal([read[tag] for tag in expected], list(expected.values()))


def test_events_wait_no_longer_than_the_interval(tmp_path: Path) -> None:
    clock, tail = Clock(), EventTail(tmp_path)
    writer = EventWriter(tmp_path, flush_interval_s=2.0, clock=clock)
    assert tail.poll().files[0].records == 1
    writer.write(1, {"a": 1.0})
    assert tail.poll().series == {}
    clock.now += 2.0
    writer.write(2, {"a": 2.0})
    assert tail.poll().series["a"].steps.tolist() == [1, 2]
    writer.write(3, {"a": 3.0})
    writer.flush()
    assert tail.poll().series["a"].steps.tolist() == [3]
    clock.now -= 1000.0
    writer.write(4, {"a": 4.0})
    assert tail.poll().series["a"].steps.tolist() == [4]
    writer.write(5, {"a": 5.0})
    writer.close()
    assert tail.poll().series["a"].steps.tolist() == [5]


def test_memory_is_bounded_however_long_the_interval(tmp_path: Path) -> None:
    clock = Clock()
    with EventWriter(tmp_path, flush_interval_s=1e9, clock=clock) as writer:
        row = {f"tag{k}": float(k) for k in range(100)}
        for step in range(1000):
            writer.write(step, row)
        assert writer.path.stat().st_size > 1_000_000


def test_a_resumed_attempt_voids_what_it_repeats(tmp_path: Path) -> None:
    for attempt, purge_step in enumerate([None, 6, 3]):
        with EventWriter(tmp_path, purge_step=purge_step) as writer:
            for step in range(purge_step or 0, 10):
                writer.write(step, {"a": 10.0 * attempt + step})
    expected = [0, 1, 2, *(20 + s for s in range(3, 10))]
    assert [value for _, value, _ in tensorboard_scalars(tmp_path)["a"]] == expected
    log = read_events(tmp_path)
    assert log.series["a"].values.tolist() == expected
    assert log.purged_points == 4 + 7
    assert [file.purge_step for file in log.files] == [None, 6, 3]


def test_a_resume_at_step_zero_voids_everything(tmp_path: Path) -> None:
    for attempt, purge_step in enumerate([None, 0]):
        with EventWriter(tmp_path, purge_step=purge_step) as writer:
            writer.write(0, {"a": float(attempt)})
    assert read_events(tmp_path).series["a"].values.tolist() == [1.0]
    assert [v for _, v, _ in tensorboard_scalars(tmp_path)["a"]] == [1.0]


def test_files_of_the_same_second_sort_in_the_order_of_the_attempts(tmp_path: Path) -> None:
    clock = Clock()
    names = []
    for _ in range(12):
        with EventWriter(tmp_path, clock=clock) as writer:
            names.append(writer.path.name)
    assert names == sorted(names)
    assert len(set(names)) == 12


class FullDisk:
    """Lets some more bytes through, then fails like a full disk, until room is made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room: int | None = None
        self.pwrite = os.pwrite
        monkeypatch.setattr(os, "pwrite", self)

    def __call__(self, descriptor: int, data: bytes, offset: int) -> int:
        if self.room is None:
            return self.pwrite(descriptor, data, offset)
        if self.room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        count = self.pwrite(descriptor, data[: self.room], offset)
        self.room -= count
        return count


@pytest.mark.parametrize("room", [0, 1, 13, 40, 70])
@pytest.mark.parametrize("truncation_works", [True, False])
def test_a_full_disk_leaves_a_readable_file_and_a_retry_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int, truncation_works: bool
) -> None:
    disk = FullDisk(monkeypatch)
    writer = EventWriter(tmp_path)
    writer.write(1, {"a": 1.0})
    writer.flush()
    writer.write(2, {"a": 2.0})
    writer.write(3, {"a": 3.0})
    disk.room = room
    with monkeypatch.context() as patch:
        if not truncation_works:
            patch.setattr(
                os, "ftruncate", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "broken"))
            )
        with pytest.raises(OSError, match="No space left") as caught:
            writer.flush()
        assert caught.value.filename == str(writer.path)
        log = read_events(tmp_path)
        assert log.series["a"].steps.tolist()[0] == 1
        assert {damage.kind for damage in log.damage} <= {"torn_tail"}
    disk.room = None
    writer.write(4, {"a": 4.0})
    writer.close()
    log = read_events(tmp_path)
    assert log.series["a"].steps.tolist() == [1, 2, 3, 4]
    assert log.damage == ()


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match="file"):
        EventWriter(tmp_path / "file" / "events")


def test_a_closed_writer_says_so(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path)
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="is closed"):
        writer.write(1, {"a": 1.0})
    with pytest.raises(ValueError, match="is closed"):
        writer.flush()


def test_the_file_is_closed_when_training_fails(tmp_path: Path) -> None:
    writer = EventWriter(tmp_path)
    writer.write(1, {"a": 1.0})
    with pytest.raises(RuntimeError, match="training broke"), writer:
        raise RuntimeError("training broke")
    assert read_events(tmp_path).series["a"].steps.tolist() == [1]


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
rows = st.dictionaries(names, st.floats(width=32), max_size=5)
writings = st.lists(st.tuples(st.integers(-5, 2**40), rows), max_size=25)


@settings(max_examples=100, deadline=None)
@given(
    attempts=st.lists(st.tuples(st.none() | st.integers(0, 30), writings), min_size=1, max_size=3)
)
def test_what_is_written_is_read_by_us_and_by_tensorboard(
    attempts: list[tuple[int | None, list[tuple[int, dict[str, float]]]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for purge_step, rows_written in attempts:
            with EventWriter(Path(folder), purge_step=purge_step) as writer:
                for step, row in rows_written:
                    writer.write(step, row)
        log = read_events(Path(folder))
        ours, theirs = our_scalars(Path(folder)), tensorboard_scalars(Path(folder))
    assert log.damage == ()
    assert repr(ours) == repr({tag: theirs[tag] for tag in ours})
    assert not any(points for tag, points in theirs.items() if tag not in ours)
    if all(purge_step is None for purge_step, _ in attempts):
        expected: dict[str, list[tuple[int, float]]] = {}
        for _, rows_written in attempts:
            for step, row in rows_written:
                for tag, value in row.items():
                    expected.setdefault(tag, []).append((step, value))
        found = {tag: [(s, v) for s, v, _ in points] for tag, points in ours.items()}
        assert {k: repr(v) for k, v in found.items()} == {k: repr(v) for k, v in expected.items()}
