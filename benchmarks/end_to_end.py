"""A whole stage of 5,000 steps of the preset drive-84, from the shell: steps, updates, evaluations, log, checkpoint."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml

from benchmarks.measure import CHILDREN, WALL, side_by_side
from benchmarks.rows import Row, against_peer

ROOT = Path(__file__).resolve().parents[1]
PRESET = ROOT / "config" / "presets" / "drive-84.yaml"
STEPS = 5_000
SB3 = "Stable-Baselines3"


def measure(short: bool) -> list[Row]:
    """Time one thread on the processor's clock; two threads on the wall's, where both processors are free."""
    steps = 1_500 if short else STEPS
    rounds = 1 if short else 3
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        one = side_by_side(_stage(folder, steps, 1), rounds=rounds, warm_up=0, clock=CHILDREN)
        rows = [against_peer(f"stage of {steps:,} steps, one thread", one, SB3, least=1.4)]
        if (os.cpu_count() or 1) > 1:
            two = side_by_side(_stage(folder, steps, 2), rounds=rounds, warm_up=0, clock=WALL)
            work = f"stage of {steps:,} steps, two threads each, wall clock"
            rows.append(against_peer(work, two, SB3, least=2.0))
    return rows


def _stage(folder: Path, steps: int, threads: int) -> dict[str, Callable[[], object]]:
    recipe = yaml.safe_load(PRESET.read_text(encoding="utf-8"))
    train = recipe["train"] | {
        "eval_every_steps": steps // 2,
        "eval_episodes": 1,
        "checkpoint_every_steps": steps,
        "threads": threads,
        "layer_norm": False,  # the peer's networks have none
    }
    request = {"format": 1, "preset": "drive-84", "stage": "5k", "planned_steps": steps, "seed": 0}

    def ours() -> None:
        run = folder / "run"
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir()
        told = request | {"env": recipe["env"], "train": train}
        (run / "request.json").write_text(json.dumps(told))
        _run(["-m", "trainer", "run", "--run", str(run)], threads)

    def theirs() -> None:
        out = folder / "sb3"
        shutil.rmtree(out, ignore_errors=True)
        _run(["-m", "benchmarks.peers.sb3_stage", str(steps), str(threads), str(out)], threads)

    return {"gonogo": ours, SB3: theirs}


def _run(arguments: list[str], threads: int) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
