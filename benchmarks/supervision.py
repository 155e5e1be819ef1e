"""What watching a training costs: processor time of the supervisor beside that of its trainer, in one run.

Counted are the process that supervises (heartbeat, event files, live gate, resources) and the guard between the two.
Prefect's server, which waits meanwhile, and the gate at the end are not part of it.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import CHILDREN, Timing
from benchmarks.rows import Row, against_share
from flows.pipeline.request import RunRequest
from flows.pipeline.stage import train
from flows.records.trainer_files import TrainerStatus
from flows.training.progress import SilentReporter, Tick

MOST = 0.01
_TICKS = os.sysconf("SC_CLK_TCK")


def measure(short: bool) -> list[Row]:
    rows = []
    for stage in ("5k",) if short else ("5k", "50k"):
        ours, theirs, steps = supervise(stage)
        work = f"supervising {steps:,} steps of drive"
        rows.append(against_share(work, "the trainer", ours, theirs, most=MOST))
    return rows


def supervise(stage: str) -> tuple[Timing, Timing, int]:
    """Train a stage once; return processor seconds of whoever watches, of who is watched, and the steps."""
    with tempfile.TemporaryDirectory() as folder:
        request = RunRequest(
            preset="drive", stages=(stage,), overrides=(), out=Path(folder) / "run"
        )
        plan = request.plan()
        reporter = _Guarded()
        with request.open(plan) as directory:
            before, children = time.process_time(), CHILDREN()
            train(plan.stages[0], directory, reporter)
            own, all_children = time.process_time() - before, CHILDREN() - children
    guard = reporter.guard_s
    return (
        Timing(rounds=(own + guard,)),
        Timing(rounds=(all_children - guard,)),
        plan.stages[0].steps,
    )


class _Guarded(SilentReporter):
    """Takes note of what the trainer's guard has used; it is the trainer's parent."""

    def __init__(self) -> None:
        self.guard_s = 0.0
        self._due = time.monotonic()

    @contextlib.contextmanager
    def training(self, stage: str, steps: int) -> Iterator[Tick]:  # noqa: ARG002
        def tick(status: TrainerStatus) -> None:
            if status.pid is not None and time.monotonic() >= self._due:
                # Looking costs something too, which would count as ours.
                self._due = time.monotonic() + 5.0
                with contextlib.suppress(OSError, ValueError, IndexError):
                    guard = int(_fields(status.pid)[1])
                    user, system = _fields(guard)[11:13]
                    self.guard_s = (int(user) + int(system)) / _TICKS

        yield tick


def _fields(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on; the name before it may hold anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
