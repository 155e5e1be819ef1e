"""What a person waits for before the command line answers, in a new process each time."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.gate import ROOT, a_run, judge
from benchmarks.measure import CHILDREN, side_by_side
from benchmarks.rows import Row, against_limit


def measure(short: bool) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        run = a_run(Path(name) / "run", 5_000)
        timings = side_by_side(
            {"help": _help, "gate": lambda: judge(run)},
            rounds=2 if short else 11,
            clock=CHILDREN,
        )
    return [
        against_limit("gonogo --help", timings["help"], 0.3),
        against_limit("gonogo gate on 5,000 steps", timings["gate"], 1.0),
    ]


def _help() -> None:
    subprocess.run(
        [sys.executable, "-m", "flows", "--help"], cwd=ROOT, stdout=subprocess.DEVNULL, check=True
    )
