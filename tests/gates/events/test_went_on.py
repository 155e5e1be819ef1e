"""One run in several folders is told from several runs."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from flows.training.trainers.purge_mark import write_purge_mark
from gates.errors import InputError
from gates.events.reader import read_events
from gates.events.tail import EventTail, join
from gates.second_reader.compare import cross_check

AT = 1_760_000_000.0


def write(folder: Path, steps: range, at: float, *, tags: tuple[str, ...] = ("a", "b")) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"events.out.tfevents.{int(at)}.host.1.0"
    with path.open("ab") as file:
        writer = RecordWriter(file)
        if not path.stat().st_size:
            writer.write(Event(wall_time=at, file_version="brain.Event:2").SerializeToString())
        for number, step in enumerate(steps, 1):
            values = [Summary.Value(tag=tag, simple_value=float(at % 1e6 + step)) for tag in tags]
            event = Event(wall_time=at + number, step=step, summary=Summary(value=values))
            writer.write(event.SerializeToString())


def attempts(run: Path, *began: float) -> None:
    told = [
        {"started_at": datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="seconds")}
        for at in began
    ]
    (run / "run.json").write_text(json.dumps({"attempts": told}))


@pytest.mark.parametrize("names", [("TD3_1", "TD3_2"), ("z", "a"), ("TD3_9", "TD3_10")])
def test_a_run_that_goes_on_in_a_new_folder_is_one(tmp_path: Path, names: tuple[str, str]) -> None:
    write(tmp_path / names[0], range(100, 2600, 100), AT)
    write(tmp_path / names[1], range(2100, 5100, 100), AT + 1000)
    log = read_events(tmp_path)
    assert log.folders == names
    assert log.series["a"].steps.tolist() == list(range(100, 5100, 100))
    # What the first one logged after the checkpoint is void.
    assert log.series["a"].values[20] == pytest.approx((AT + 1000) % 1e6 + 2100)
    assert log.purged_points == 10
    assert cross_check(log, tmp_path).agrees


def test_three_folders_in_a_row(tmp_path: Path) -> None:
    for number in range(3):
        first = 1000 * number + 100
        write(
            tmp_path / f"run{number}", range(first, 1000 * number + 1100, 100), AT + 2000 * number
        )
    assert read_events(tmp_path).series["a"].steps.tolist() == list(range(100, 3100, 100))


@pytest.mark.parametrize(
    ("second", "at"),
    [
        (range(100, 5100, 100), AT + 9000),  # begins anew: another seed
        (range(300, 5100, 300), AT + 9000),  # begins anew, with rarer rows
        (range(2100, 5100, 100), AT + 3),  # beside the first one
        (range(9000, 9900, 100), AT + 9000),  # far beyond where the first one ended
        (range(2100, 2101), AT + 9000),  # one point says nothing about how often it logs
    ],
)
def test_several_runs_stay_several(tmp_path: Path, second: range, at: float) -> None:
    write(tmp_path / "one", range(100, 2600, 100), AT)
    write(tmp_path / "two", second, at)
    if len(second) == 1:
        (tmp_path / "one" / f"events.out.tfevents.{int(AT)}.host.1.0").unlink()
        write(tmp_path / "one", range(2000, 2001), AT)
    with pytest.raises(InputError, match="2 runs"):
        read_events(tmp_path)


def test_other_tags_are_another_run(tmp_path: Path) -> None:
    write(tmp_path / "one", range(100, 2600, 100), AT)
    write(tmp_path / "two", range(2100, 5100, 100), AT + 1000, tags=("a", "x", "y"))
    with pytest.raises(InputError, match="2 runs"):
        read_events(tmp_path)


def test_attempts_of_a_run_directory_may_begin_at_any_step(tmp_path: Path) -> None:
    events = tmp_path / "events"
    write(events / "TD3_1", range(100, 2600, 100), AT + 1)
    write(events / "TD3_2", range(100, 5100, 100), AT + 501)
    attempts(tmp_path, AT, AT + 500)
    assert read_events(tmp_path).folders == ("events/TD3_1", "events/TD3_2")
    assert read_events(events).folders == ("TD3_1", "TD3_2")


def test_two_folders_of_one_attempt_are_two_runs(tmp_path: Path) -> None:
    write(tmp_path / "events" / "TD3_1", range(100, 2600, 100), AT + 501)
    write(tmp_path / "events" / "TD3_2", range(100, 5100, 100), AT + 502)
    attempts(tmp_path, AT, AT + 500)
    with pytest.raises(InputError, match="2 runs"):
        read_events(tmp_path)


def test_a_new_folder_of_a_growing_run_is_read_on(tmp_path: Path) -> None:
    attempts(tmp_path, AT, AT + 500)
    first, second = tmp_path / "events" / "TD3_1", tmp_path / "events" / "TD3_2"
    write(first, range(100, 1100, 100), AT + 1)
    tail = EventTail(tmp_path)
    logs = [tail.poll()]
    second.mkdir()
    (second / f"events.out.tfevents.{int(AT + 500)}.host.2.0").touch()
    logs.append(tail.poll())
    write(second, range(1100, 1300, 100), AT + 500)
    logs.append(tail.poll())
    assert not any(log.restarted for log in logs)
    assert join(logs).series["a"].steps.tolist() == list(range(100, 1300, 100))


def test_a_folder_below_that_comes_first_is_not_taken_for_the_run(tmp_path: Path) -> None:
    write(tmp_path / "events" / "exp" / "hparams", range(1), AT, tags=("hp",))
    tail = EventTail(tmp_path)
    logs = [tail.poll()]
    write(tmp_path / "events" / "exp", range(100, 600, 100), AT + 1)
    logs.append(tail.poll())
    joined = join(logs)
    assert set(joined.series) == {"a", "b"}
    assert joined.series["a"].steps.tolist() == list(range(100, 600, 100))


@pytest.mark.parametrize("again", [2600, 2100])
@pytest.mark.parametrize("marked", [True, False])
def test_files_follow_their_steps_where_the_clock_was_set_back(
    tmp_path: Path, again: int, marked: bool
) -> None:
    write(tmp_path, range(100, 2600, 100), AT)
    write(tmp_path, range(again, 5100, 100), AT - 7200)
    if marked:
        write_purge_mark(tmp_path, step=again, at=AT - 7201)
    log = read_events(tmp_path)
    assert log.files[0].first_wall_time == AT
    overlap = [] if marked else list(range(again, 2600, 100))
    assert sorted(log.series["a"].steps) == sorted([*range(100, 5100, 100), *overlap])
    assert bool(np.all(np.diff(log.series["a"].steps) > 0)) is not bool(overlap)
    assert cross_check(log, tmp_path).agrees
    grown = EventTail(tmp_path)
    assert grown.poll().series["a"].steps.tolist() == log.series["a"].steps.tolist()


def test_a_run_that_was_rolled_back_twice_keeps_the_order_of_its_clock(tmp_path: Path) -> None:
    write(tmp_path, range(100, 3100, 100), AT)
    for number, (first, last) in enumerate([(3100, 7000), (2500, 4000)], 1):
        write(tmp_path, range(first, last, 100), AT + 1000 * number)
        write_purge_mark(tmp_path, step=first, at=AT + 1000 * number - 1)
    assert read_events(tmp_path).series["a"].steps.tolist() == list(range(100, 4000, 100))


def test_two_runs_in_one_folder_keep_the_order_of_their_clock(tmp_path: Path) -> None:
    write(tmp_path, range(200, 5100, 100), AT)
    write(tmp_path, range(100, 5000, 100), AT + 1000)
    assert np.diff(read_events(tmp_path).series["a"].steps).min() < -4000


@pytest.mark.parametrize("run_json", [True, False])
def test_folders_follow_their_steps_where_the_clock_was_set_back(
    tmp_path: Path, run_json: bool
) -> None:
    write(tmp_path / "events" / "TD3_1", range(100, 2600, 100), AT)
    write(tmp_path / "events" / "TD3_2", range(2600, 5100, 100), AT - 7200)
    if run_json:
        attempts(tmp_path, AT - 1, AT - 7201)
    log = read_events(tmp_path)
    assert log.folders == ("events/TD3_1", "events/TD3_2")
    assert log.series["a"].steps.tolist() == list(range(100, 5100, 100))
