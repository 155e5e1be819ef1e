"""Reading 1.1 million scalars whole, and what was appended since the last look.

Every reader runs in a process of its own, which reports its processor time (imports left out) and its highest memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tensorboard.summary.writer.record_writer import RecordWriter

from benchmarks.event_files import (
    SCALARS,
    TAGS,
    append_as_torch,
    values,
    write_as_ours,
    write_as_torch,
)
from benchmarks.measure import Timing, side_by_side
from benchmarks.rows import Row, against_floor, against_limit, against_peer
from gates.events.tail import EventTail

ROOT = Path(__file__).resolve().parents[1]
BYTES, TBPARSE, ACCUMULATOR = "reading the bytes", "tbparse", "EventAccumulator"
RUSTBOARD = "TensorBoard's data server"
NEW_EVENTS = 2_500
MOST_POLL_S = 0.020
SETUP = {
    "gonogo": "from gates.events.reader import read_events",
    BYTES: "from pathlib import Path",
    TBPARSE: "from tbparse import SummaryReader",
    ACCUMULATOR: "from tensorboard.backend.event_processing.event_accumulator import EventAccumulator",
    RUSTBOARD: "from benchmarks.peers.rustboard import read",
}
WORK = {
    "gonogo": "kept = read_events(Path(folder))",
    BYTES: "kept = sum(len(p.read_bytes()) for p in Path(folder).iterdir())",
    TBPARSE: "kept = SummaryReader(folder, pivot=False).scalars",
    ACCUMULATOR: "kept = EventAccumulator(folder, size_guidance={'scalars': 0}).Reload()",
    RUSTBOARD: f"kept = read(folder, {SCALARS})",
}
CHILD = """
import json, sys
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
{setup}
def peak_kib():
    # Not ru_maxrss: a process inherits that from the one that started it.
    return int(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])
def spent():
    return sum(u.ru_utime + u.ru_stime for u in map(getrusage, (RUSAGE_SELF, RUSAGE_CHILDREN)))
folder = sys.argv[1]
base = peak_kib()
started = spent()
{work}
seconds = spent() - started
print(json.dumps([seconds, (peak_kib() - base) / 1024]))
"""


def measure(short: bool) -> list[Row]:
    scalars = SCALARS // 50 if short else SCALARS
    rounds = 1 if short else 3
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_as_torch(folder / "torch", scalars)
        write_as_ours(folder / "ours", scalars)
        for layout, least in (("torch", 20.0), ("ours", 60.0)):
            rows += _readers(folder / layout, layout, scalars, rounds, least)
        rows += _tail(folder, scalars, short)
    return rows


def _readers(folder: Path, layout: str, scalars: int, rounds: int, least: float) -> list[Row]:
    seconds: dict[str, list[float]] = {name: [] for name in WORK}
    memory: dict[str, list[float]] = {name: [] for name in WORK}
    for _ in range(rounds):
        for name in WORK:
            took, peak = _child(name, folder)
            seconds[name].append(took)
            memory[name].append(peak)
    timings = {name: Timing(rounds=tuple(values)) for name, values in seconds.items()}
    work = f"read {scalars:,} scalars, " + (
        "one an event" if layout == "torch" else "one event an update"
    )
    peak = max(memory["gonogo"])
    return [
        against_peer(work, timings, TBPARSE, least=least),
        against_peer(work, timings, ACCUMULATOR),
        against_peer(work, timings, RUSTBOARD),
        against_floor(work, timings, BYTES),
        Row(
            work=f"{work}: memory above the base",
            peer=TBPARSE,
            ours=f"{peak:.0f} MB",
            theirs=f"{max(memory[TBPARSE]):.0f} MB",
            factor=peak / 150,
            low=min(memory["gonogo"]) / 150,
            high=peak / 150,
            most=1.0,
        ),
    ]


def _child(name: str, folder: Path) -> tuple[float, float]:
    code = CHILD.format(setup=SETUP[name], work=WORK[name])
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        cwd=ROOT,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    seconds, peak = json.loads(done.stdout.splitlines()[-1])
    return seconds, peak


def _tail(folder: Path, scalars: int, short: bool) -> list[Row]:
    """Time polls of `NEW_EVENTS` events behind a long file and behind a short one."""
    write_as_torch(folder / "little", len(TAGS) * 10)
    long, little = _Growing(folder / "torch"), _Growing(folder / "little")
    base = "the same behind a short file"
    timings = side_by_side(
        {"gonogo": long.tail.poll, base: little.tail.poll},
        before={"gonogo": long.grow, base: little.grow},
        rounds=3 if short else 15,
    )
    work = f"poll of {NEW_EVENTS:,} new events behind {scalars:,}"
    return [
        against_limit(work, timings["gonogo"], MOST_POLL_S),
        against_floor(work, timings, base, most=1.5),
    ]


class _Growing:
    """A folder that is followed, and grows."""

    def __init__(self, folder: Path) -> None:
        self.tail = EventTail(folder)
        self.tail.poll()
        (self._path,) = folder.iterdir()
        self._step = 100_000_000

    def grow(self) -> None:
        """Append `NEW_EVENTS` events."""
        with self._path.open("ab") as file:
            writer = RecordWriter(file)
            for row in values(NEW_EVENTS // len(TAGS), len(TAGS)).tolist():
                self._step += 100
                append_as_torch(writer, self._step, row)
