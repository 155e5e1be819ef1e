"""What lies beside event files without being one of the run's own."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary

from gates.errors import InputError
from gates.events.framing import frame
from gates.events.reader import read_events
from gates.events.tail import EventTail, join
from gates.second_reader.compare import cross_check
from gates.series import EventLog

NAME = "events.out.tfevents.1760000000.host.1.0"


def event(step: int, wall_time: float, **values: float) -> bytes:
    summary = Summary(value=[Summary.Value(tag=t, simple_value=v) for t, v in values.items()])
    return frame(Event(wall_time=wall_time, step=step, summary=summary).SerializeToString())


def run_bytes(begin: float = 100.5, steps: int = 20, **tags: float) -> bytes:
    tags = tags or {"a": 1.0}
    head = frame(Event(wall_time=begin, file_version="brain.Event:2").SerializeToString())
    return head + b"".join(event(s, begin + s, **tags) for s in range(1, steps + 1))


def write(folder: Path, name: str, content: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def steps(log: EventLog, tag: str = "a") -> list[int]:
    return log.series[tag].steps.tolist()


WHOLE = list(range(1, 21))


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        (f".{NAME}.Ab3xYz", run_bytes()[:300], "hidden"),
        (f"{NAME} (1)", run_bytes(), "copy"),
        (f"{NAME}.bak", run_bytes()[:300], "copy"),
        (f"{NAME}.gz", gzip.compress(run_bytes()), "compressed"),
    ],
)
def test_leftovers_of_a_transfer_are_named_and_not_read(
    tmp_path: Path, name: str, content: bytes, why: str
) -> None:
    write(tmp_path, NAME, run_bytes())
    write(tmp_path, name, content)
    log = read_events(tmp_path)
    assert steps(log) == WHOLE
    assert log.damage == ()
    assert why in log.ignored[name]
    assert cross_check(log, tmp_path).agrees


def test_a_second_run_that_begins_at_another_time_is_no_copy(tmp_path: Path) -> None:
    write(tmp_path, NAME, run_bytes())
    write(tmp_path, f"{NAME}.other", run_bytes(begin=100.25))
    assert steps(read_events(tmp_path)) == [*WHOLE, *WHOLE]


def test_a_copy_that_goes_on_by_itself_is_read_after_all(tmp_path: Path) -> None:
    write(tmp_path, NAME, run_bytes())
    copy = write(tmp_path, f"{NAME}.copy", run_bytes())
    tail = EventTail(tmp_path)
    logs = [tail.poll()]
    assert steps(join(logs)) == WHOLE
    for path, value in ((copy, 2.0), (tmp_path / NAME, 3.0)):
        with path.open("ab") as file:
            file.write(event(21, 300.0, a=value))
    logs.append(tail.poll())
    assert len(join(logs).series["a"]) == 42


def test_only_a_compressed_file_is_no_run(tmp_path: Path) -> None:
    write(tmp_path, f"{NAME}.gz", gzip.compress(run_bytes()))
    with pytest.raises(InputError, match=r"compressed form alone .*unpack"):
        read_events(tmp_path)


def test_a_compressed_file_that_stands_nowhere_else_is_a_part_of_the_run(tmp_path: Path) -> None:
    write(tmp_path, NAME, run_bytes())
    write(tmp_path, f"{NAME}.gz", gzip.compress(run_bytes()))
    assert read_events(tmp_path).compressed == ()
    rotated = NAME.replace("1760000000", "1750000000") + ".gz"
    write(tmp_path, rotated, gzip.compress(run_bytes()))
    assert read_events(tmp_path).compressed == (rotated,)


def test_an_empty_file_beside_others_loses_nothing(tmp_path: Path) -> None:
    empty = write(tmp_path, NAME.replace("1760000000", "1760000900"), b"")
    with pytest.raises(InputError, match="it is empty"):
        read_events(tmp_path)
    write(tmp_path, NAME, run_bytes())
    log = read_events(tmp_path)
    assert log.damage == ()
    assert log.ignored == {empty.name: "it is empty"}
    assert [file.path.name for file in log.files] == [NAME]
    assert cross_check(log, tmp_path).agrees


@pytest.mark.parametrize("zeros", [16, 4096, 2_000_000])
def test_zeros_at_the_end_of_a_file_lose_nothing(tmp_path: Path, zeros: int) -> None:
    write(tmp_path, NAME, run_bytes() + bytes(zeros))
    log = read_events(tmp_path)
    assert steps(log) == WHOLE
    assert [damage.kind for damage in log.damage] == ["zeros"]
    assert cross_check(log, tmp_path).differences == ()


def test_zeros_before_further_records_are_damage(tmp_path: Path) -> None:
    write(tmp_path, NAME, run_bytes() + bytes(4096) + event(21, 200.0, a=1.0))
    log = read_events(tmp_path)
    assert [damage.kind for damage in log.damage] == ["bad_length"]
    assert steps(log) == [*WHOLE, 21]


def test_zeros_in_a_part_that_a_later_session_voids(tmp_path: Path) -> None:
    write(tmp_path, NAME, run_bytes() + bytes(4096))
    start = Event(wall_time=500.0, step=11, session_log=SessionLog(status=SessionLog.START))
    again = frame(start.SerializeToString()) + event(11, 501.0, a=9.0)
    write(tmp_path, NAME.replace("1760000000", "1760000900"), again)
    log = read_events(tmp_path)
    assert steps(log) == list(range(1, 12))
    assert [damage.kind for damage in log.damage] == ["zeros"]


def test_sub_directories_of_add_scalars_are_read_under_their_full_names(tmp_path: Path) -> None:
    write(tmp_path, NAME, run_bytes())
    write(tmp_path / "train_return", NAME, run_bytes(train=2.0))
    write(tmp_path / "loss_q_critic", NAME, run_bytes(**{"loss/q": 3.0}))
    log = read_events(tmp_path)
    assert set(log.series) == {"a", "train/return", "loss/q/critic"}
    assert log.series["train/return"].values.tolist() == [2.0] * 20
    assert log.ignored == {}
    assert cross_check(log, tmp_path).agrees


def test_other_sub_directories_are_named_and_not_read(tmp_path: Path) -> None:
    write(tmp_path / "exp1", NAME, run_bytes())
    write(tmp_path / "exp1" / "1760000000.5", NAME, run_bytes(hparam=0.0))
    log = read_events(tmp_path)
    assert set(log.series) == {"a"}
    assert list(log.ignored) == ["exp1/1760000000.5/"]


def test_a_tag_beyond_the_limit_is_no_difference_between_two_readers(tmp_path: Path) -> None:
    name = "größe/" * 400
    write(tmp_path, NAME, run_bytes(**{name: 1.0, "a": 1.0}))
    check = cross_check(read_events(tmp_path), tmp_path)
    assert check.agrees
    assert "longer than" in check.differences[0]


def test_a_link_to_another_disk_is_followed(tmp_path: Path) -> None:
    write(tmp_path / "scratch" / "TD3_1", NAME, run_bytes())
    run = tmp_path / "run"
    run.mkdir()
    (run / "events").symlink_to(tmp_path / "scratch")
    (run / "around").symlink_to(tmp_path)
    (run / "itself").symlink_to(run)
    (run / "nowhere").symlink_to(tmp_path / "nothing")
    assert steps(read_events(run)) == WHOLE


def test_a_link_to_the_newest_folder_is_no_second_run(tmp_path: Path) -> None:
    write(tmp_path / "2026-01-01", NAME, run_bytes())
    (tmp_path / "latest").symlink_to("2026-01-01")
    assert steps(read_events(tmp_path)) == WHOLE


def test_a_run_directory_may_hold_its_event_files_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "events").mkdir()
    write(tmp_path / "attempt-001" / "tb", NAME, run_bytes(steps=30))
    write(tmp_path / "tb", NAME, run_bytes())
    assert steps(read_events(tmp_path)) == WHOLE
