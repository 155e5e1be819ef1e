"""What a person waits for before the command line answers, in a new process each time."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.gate import ROOT, a_run, as_installed, judge
from benchmarks.measure import CHILDREN, WALL, side_by_side
from benchmarks.rows import Row, against_floor, against_limit


def measure(short: bool) -> list[Row]:
    rounds = 2 if short else 11
    with tempfile.TemporaryDirectory() as name:
        run = a_run(Path(name) / "run", 5_000)
        gate = {
            "checked": lambda: judge(run),
            "unchecked": lambda: judge(run, "--no-cross-check"),
        }
        used = side_by_side({"help": _help, **gate}, rounds=rounds, clock=CHILDREN)
        waited = side_by_side(gate, rounds=rounds, clock=WALL, warm_up=0)
    work = "gonogo gate on 5,000 steps"
    return [
        against_limit("gonogo --help", used["help"], 0.3),
        # A second process works beside the first one: what people wait for is less than what is used.
        against_limit(f"{work}, wall clock", waited["checked"], 1.0),
        against_limit(f"{work}, not cross-checked, wall clock", waited["unchecked"], 1.0),
        against_floor(
            f"{work}, seconds on all processors",
            {"gonogo": used["checked"], "not cross-checked": used["unchecked"]},
            "not cross-checked",
        ),
    ]


def _help() -> None:
    subprocess.run(
        [sys.executable, "-m", "gonogo", "--help"],
        cwd=ROOT,
        env=as_installed(),
        stdout=subprocess.DEVNULL,
        check=True,
    )
