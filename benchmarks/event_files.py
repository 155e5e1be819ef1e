"""Event files to read: as torch's SummaryWriter lays them out, and as our trainer does."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

from trainer.run.event_writer import EventWriter
from trainer.run.tags import DRIVING_TAGS, EPISODE_TAGS, EVALUATION_TAGS, UPDATE_TAGS

SCALARS = 1_100_000
TAGS = tuple(tag.name for tag in UPDATE_TAGS)


def values(rows: int, tags: int) -> np.ndarray:
    """Return `float64[rows, tags]`, the same every time."""
    return np.random.default_rng(0).normal(1.0, 0.1, (rows, tags))


def write_as_torch(folder: Path, scalars: int, first_step: int = 0) -> Path:
    """Write one event for each scalar, with the bytes that torch's writer would give."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"events.out.tfevents.1700000000.host.1.{first_step}"
    rows = scalars // len(TAGS)
    with path.open("wb") as file:
        writer = RecordWriter(file)
        writer.write(Event(wall_time=1.7e9, file_version="brain.Event:2").SerializeToString())
        for number, row in enumerate(values(rows, len(TAGS)).tolist()):
            append_as_torch(writer, first_step + number * 100, row)
    return path


def append_as_torch(writer: RecordWriter, step: int, row: Iterable[float]) -> None:
    for tag, value in zip(TAGS, row, strict=True):
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
        event = Event(wall_time=1.7e9 + step, step=step, summary=summary)
        writer.write(event.SerializeToString())


def write_as_ours(folder: Path, scalars: int) -> None:
    """Write one event for each logged update."""
    rows = scalars // len(TAGS)
    with EventWriter(folder) as writer:
        for number, row in enumerate(values(rows, len(TAGS)).tolist()):
            writer.write(number * 100, dict(zip(TAGS, row, strict=True)))


def write_a_run(folder: Path, steps: int, every: int = 50, *, driving: bool = False) -> None:
    """Write all tags of a run of `steps` environment steps: an update every `every`, episodes, evaluations."""
    driven = {
        when: tuple(tag.name for tag in DRIVING_TAGS if driving and tag.when == when)
        for when in ("episode", "evaluation")
    }
    rng = np.random.default_rng(0)
    updates = values(steps // every, len(TAGS)).tolist()
    episode, evaluation = (
        tuple(tag.name for tag in tags) for tags in (EPISODE_TAGS, EVALUATION_TAGS)
    )
    with EventWriter(folder) as writer:
        for number, row in enumerate(updates):
            step = (number + 1) * every
            writer.write(step, dict(zip(TAGS, row, strict=True)))
            if step % 300 == 0:
                writer.write(step, dict(zip(episode, (300.0, 200.0, 0.0), strict=True)))
                writer.write(step, dict.fromkeys(driven["episode"], 1.0))
            if step % max(every, steps // 40) == 0:
                drawn = rng.normal(200.0, 5.0, len(evaluation)).tolist()
                writer.write(step, dict(zip(evaluation, drawn, strict=True)))
                writer.write(step, dict.fromkeys(driven["evaluation"], 1.0))
