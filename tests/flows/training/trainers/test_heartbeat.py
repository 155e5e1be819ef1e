"""What is inferred from the growth of event files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from flows.training.health.events import first_record
from flows.training.trainers.heartbeat import EventHeartbeat
from flows.training.trainers.purge_mark import write_purge_mark
from gates.events.framing import frame
from gates.events.reader import read_events
from gates.runs.translate import load_dialect

TAG = "train/critic_loss"


def log(path: Path, steps: Iterable[int], *, at: float, tag: str = TAG) -> Path:
    """Add rows to an event file, one second after the other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        if not file.tell():
            file.write(first_record(at))
        for number, step in enumerate(steps):
            value = Summary(value=[Summary.Value(tag=tag, simple_value=1.0)])
            event = Event(wall_time=at + number + 0.5, step=step, summary=value)
            file.write(frame(event.SerializeToString()))
    return path


@pytest.fixture
def heartbeat(tmp_path: Path) -> EventHeartbeat:
    """Of a run whose trainer logged steps 20 to 400."""
    found = EventHeartbeat(tmp_path, planned_steps=1_000, dialect=load_dialect(Path("own")))
    log(tmp_path / "events" / "events.out.tfevents.1.a", range(20, 401, 20), at=1_000.0)
    found.read_to_the_end()
    assert found.step == 400
    return found


def test_a_launcher_that_starts_the_trainer_again(
    tmp_path: Path, heartbeat: EventHeartbeat
) -> None:
    log(tmp_path / "events" / "events.out.tfevents.2.b", range(320, 501, 20), at=2_000.0)
    heartbeat.read_to_the_end()
    assert heartbeat.restarted_at is not None
    step, at = heartbeat.restarted_at
    assert heartbeat.folder is not None
    write_purge_mark(heartbeat.folder, step=step, at=at)
    assert read_events(tmp_path).series[TAG].steps.tolist() == list(range(20, 501, 20))
    heartbeat.restarted_at = None
    heartbeat.read_to_the_end()
    assert heartbeat.restarted_at is None, "the mark is no further start"


@pytest.mark.parametrize(
    ("steps", "at", "tag"),
    [
        (range(20, 201, 20), 2_000.0, TAG),
        (range(320, 501, 20), 1_010.0, TAG),
        (range(320, 501, 20), 2_000.0, "train/q1_value"),
        (range(420, 501, 20), 2_000.0, TAG),
    ],
    ids=["another run begins", "two write at once", "another tag", "a file follows another"],
)
def test_a_new_file_that_is_no_new_start(
    tmp_path: Path, heartbeat: EventHeartbeat, steps: range, at: float, tag: str
) -> None:
    log(tmp_path / "events" / "events.out.tfevents.2.b", steps, at=at, tag=tag)
    heartbeat.read_to_the_end()
    assert heartbeat.step == max(400, *steps)
    assert heartbeat.restarted_at is None
