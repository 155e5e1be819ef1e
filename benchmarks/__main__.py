"""Runs the benchmarks and prints their table: `python -m benchmarks [--short] [--only NAME ...] [--write FILE]`.

Every work runs in a process of its own, with one thread unless it says otherwise. A factor is the median over rounds
in which everything that is compared took its turn; absolute times depend on the machine and its other load.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from benchmarks.rows import Row, markdown

ROOT = Path(__file__).resolve().parents[1]
WORKS = (
    "update",
    "replay",
    "environment",
    "evaluation",
    "end_to_end",
    "event_writing",
    "event_reading",
    "gate",
    "supervision",
    "evidence",
    "start_up",
    "growth",
)
PACKAGES = (
    "torch",
    "numpy",
    "stable-baselines3",
    "sbx-rl",
    "jax",
    "gymnasium",
    "highway-env",
    "tensorboard",
    "tbparse",
    "tensorboardX",
    "tensorboard-data-server",
)
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
PROFILES = "## Where the remaining time goes"
MARK = "<!-- measured by make bench -->"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="few rounds: only shows that it runs")
    parser.add_argument("--only", nargs="+", choices=WORKS, default=WORKS, metavar="WORK")
    parser.add_argument("--write", type=Path, help="put the table below the mark in this file")
    parser.add_argument("--one", choices=WORKS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        rows = import_module(f"benchmarks.{options.one}").measure(options.short)
        print(json.dumps([row.to_json() for row in rows]))
        return
    rows = [row for work in options.only for row in _measure(work, options.short)]
    table = f"{markdown(rows)}\n\n{_machine()}\n"
    print(table)
    if options.write:
        table += f"\n{PROFILES}\n\n{_profiles()}"
        before = options.write.read_text(encoding="utf-8").partition(MARK)[0]
        options.write.write_text(f"{before}{MARK}\n\n{table}", encoding="utf-8")


def _measure(work: str, short: bool) -> list[Row]:
    print(f"{work} ...", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", "benchmarks", "--one", work, *(["--short"] if short else [])]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | ONE_THREAD, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise SystemExit(f"{work} failed; what it said stands above")
    return [Row(**row) for row in json.loads(done.stdout.splitlines()[-1])]


def _profiles() -> str:
    command = [sys.executable, "-m", "benchmarks.profiles"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | ONE_THREAD,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout.rstrip() + "\n"


def _machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"Python {sys.version.split()[0]}, {os.cpu_count()} processors; {packages}."


if __name__ == "__main__":
    main()
