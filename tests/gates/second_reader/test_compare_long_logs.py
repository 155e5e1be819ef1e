from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary

from gates.audit.files import independent_reader
from gates.events.framing import frame
from gates.events.reader import read_events
from gates.second_reader import compare as module
from gates.second_reader.compare import CrossCheck, cross_check
from gates.series import EventLog

VERSION = frame(Event(wall_time=1.0, file_version="brain.Event:2").SerializeToString())
FIRST, SECOND = (f"events.out.tfevents.1700000{number}00.h.1.0" for number in (0, 1))
STEPS = 20_000


@pytest.fixture(autouse=True)
def few_points_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WHOLE_POINTS", 1_000)
    monkeypatch.setattr(module, "_SAMPLED_POINTS", 500)


def record(step: int) -> bytes:
    values = [Summary.Value(tag=tag, simple_value=step / 2) for tag in ("a", "b")]
    event = Event(wall_time=2.0 + step, step=step, summary=Summary(value=values))
    return frame(event.SerializeToString())


def start(step: int) -> bytes:
    log = SessionLog(status=SessionLog.START)
    return frame(Event(wall_time=2.0, step=step, session_log=log).SerializeToString())


def write(folder: Path, *parts: bytes, name: str = FIRST) -> None:
    (folder / name).write_bytes(VERSION + b"".join(parts))


@pytest.fixture
def log(tmp_path: Path) -> EventLog:
    write(tmp_path, *map(record, range(STEPS)))
    return read_events(tmp_path)


def changed(log: EventLog, **keys: np.ndarray) -> EventLog:
    return structs.replace(
        log, series={**log.series, "b": structs.replace(log.series["b"], **keys)}
    )


def test_stretches_of_a_long_log_agree(tmp_path: Path, log: EventLog) -> None:
    check = cross_check(log, tmp_path)
    assert check.agrees, check.differences
    assert check.differences == ()
    assert 500 < check.compared_points < STEPS
    finding = independent_reader(log, tmp_path)
    assert f"points of {2 * STEPS:,}, in 16 stretches of each file, of 2 tags" in finding.reason


def contradicted(check: CrossCheck) -> bool:
    return not check.agrees and not check.explained_by_damage


def test_values_that_were_misread_are_found(tmp_path: Path, log: EventLog) -> None:
    check = cross_check(changed(log, values=log.series["b"].values + 1.0), tmp_path)
    assert contradicted(check)
    assert "'b': points of a stretch" in check.differences[0]


@pytest.mark.parametrize("end", ["first", "last"])
def test_points_that_were_lost_at_an_end_are_found(tmp_path: Path, log: EventLog, end: str) -> None:
    whole = log.series["b"]
    kept = slice(10, None) if end == "first" else slice(None, -10)
    assert contradicted(
        cross_check(
            changed(
                log,
                steps=whole.steps[kept],
                values=whole.values[kept],
                wall_times=whole.wall_times[kept],
            ),
            tmp_path,
        )
    )


def test_a_tag_that_was_overlooked_is_found(tmp_path: Path, log: EventLog) -> None:
    assert contradicted(cross_check(structs.replace(log, series={"a": log.series["a"]}), tmp_path))


def test_what_a_reader_cannot_find_is_found(
    tmp_path: Path, log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both of our own readings share a mistake; only the other reader tells."""

    def misread(folder: Path, parts: Mapping[str, tuple[int, str]]) -> EventLog:
        read = read_parts(folder, parts)
        return changed(read, values=read.series["b"].values + 1.0)

    read_parts = module.read_parts
    monkeypatch.setattr(module, "read_parts", misread)
    check = cross_check(changed(log, values=log.series["b"].values + 1.0), tmp_path)
    assert contradicted(check)
    assert "with tbparse" in check.differences[0]


def test_points_that_a_resumed_attempt_voids_do_not_disagree(tmp_path: Path, log: EventLog) -> None:
    write(tmp_path, start(STEPS // 2), *map(record, range(STEPS // 2, STEPS)), name=SECOND)
    check = cross_check(read_events(tmp_path), tmp_path)
    assert check.agrees, check.differences


def test_a_session_start_between_two_stretches_does_not_disagree(
    tmp_path: Path, log: EventLog
) -> None:
    early = [record(step) for step in range(STEPS - 60, STEPS)]
    again = map(record, range(5_000, STEPS))
    write(tmp_path, *early, start(5_000), *again, name=SECOND)
    resumed = read_events(tmp_path)
    assert resumed.purged_points
    check = cross_check(resumed, tmp_path)
    assert check.agrees, check.differences


def test_damage_between_the_records_does_not_disagree(tmp_path: Path, log: EventLog) -> None:
    content = bytearray((tmp_path / FIRST).read_bytes())
    for at in range(10_000, len(content), 50_000):
        content[at] ^= 0xFF
    (tmp_path / FIRST).write_bytes(content)
    damaged = read_events(tmp_path)
    assert damaged.damage
    check = cross_check(damaged, tmp_path)
    assert check.agrees, check.differences
