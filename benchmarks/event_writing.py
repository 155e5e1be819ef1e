"""Writing scalars: ours, torch's SummaryWriter and tensorboardX's."""

from __future__ import annotations

import tempfile
from pathlib import Path

import tensorboardX
from torch.utils.tensorboard import SummaryWriter

from benchmarks.event_files import TAGS, values
from benchmarks.measure import side_by_side
from benchmarks.rows import Row, against_peer
from trainer.run.event_writer import EventWriter

TORCH, X = "torch's SummaryWriter", "tensorboardX"


def measure(short: bool) -> list[Row]:
    count = 20 if short else 200
    rows = values(count, len(TAGS)).tolist()
    with tempfile.TemporaryDirectory() as folder:
        ours = EventWriter(Path(folder) / "ours")
        peers = {
            TORCH: SummaryWriter(f"{folder}/torch"),
            X: tensorboardX.SummaryWriter(f"{folder}/x"),
        }

        def write_ours() -> None:
            for step, row in enumerate(rows):
                ours.write(step, dict(zip(TAGS, row, strict=True)))
            ours.flush()

        def write(writer: SummaryWriter) -> None:
            for step, row in enumerate(rows):
                for tag, value in zip(TAGS, row, strict=True):
                    writer.add_scalar(tag, value, step)
            writer.flush()

        timings = side_by_side(
            {
                "gonogo": write_ours,
                TORCH: lambda: write(peers[TORCH]),
                X: lambda: write(peers[X]),
            },
            rounds=2 if short else 9,
        )
        ours.close()
        for writer in peers.values():
            writer.close()
    per = count * len(TAGS)
    return [
        against_peer("write a scalar", timings, TORCH, least=50, per=per),
        against_peer("write a scalar", timings, X, per=per),
    ]
