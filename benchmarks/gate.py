"""A verdict with report and plots on a run of a million steps, from the shell and cold."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.event_files import write_a_run
from benchmarks.measure import CHILDREN, side_by_side
from benchmarks.rows import Row, against_limit
from flows.settings.routes import evaluation_routes
from gates.events.reader import read_events

ROOT = Path(__file__).resolve().parents[1]
STEPS = 1_000_000
MOST_S = 5.0
_COMPILED = tempfile.TemporaryDirectory(prefix="compiled-")


def measure(short: bool) -> list[Row]:
    steps = STEPS // 50 if short else STEPS
    with tempfile.TemporaryDirectory() as name:
        run = a_run(Path(name) / "run", steps, routes=100)
        scalars = sum(len(series) for series in read_events(run).series.values())
        timings = side_by_side(
            {"gonogo": lambda: judge(run), "unchecked": lambda: judge(run, "--no-cross-check")},
            rounds=1 if short else 5,
            warm_up=0 if short else 1,
            clock=CHILDREN,
        )
    work = f"gate, report and plots of {steps:,} steps ({scalars:,} scalars)"
    return [
        against_limit(f"{work}, cross-checked", timings["gonogo"], MOST_S),
        against_limit(f"{work}, not cross-checked", timings["unchecked"], MOST_S),
    ]


def a_run(folder: Path, steps: int, *, routes: int = 0) -> Path:
    """Train a few steps, so that everything beside the events is real, and give it events of `steps` steps.

    With `routes` its drivers drive that many at the end, and episodes have all tags of driving.
    """
    folder.mkdir(parents=True)
    train = {"encoder": "small", "learning_starts": 100, "eval_episodes": 1}
    request: dict[str, Any] = {
        "format": 1,
        "preset": "drive",
        "stage": "1m",
        "planned_steps": 200,
        "seed": 0,
        "env": {"id": "drive", "max_episode_steps": 50},
        "train": train,
    }
    if routes:
        request["routes"] = evaluation_routes(request["env"], routes)
    (folder / "request.json").write_text(json.dumps(request))
    _run("-m", "trainer", "run", "--run", str(folder))
    for file in (folder / "events").iterdir():
        file.unlink()
    write_a_run(folder / "events", steps, driving=routes > 0)
    told = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(told | {"planned_steps": steps}))
    return folder


def judge(run: Path, *options: str) -> None:
    """Judge by the rules of the last stage and draw all plots; whatever the verdict is."""
    command = ("-m", "gonogo", "gate", str(run), "--stage", "1m", "--wait")
    command += ("--out", str(run / "judged"))
    _run(*command, *options, accepted=(0, 3, 4))


def as_installed() -> dict[str, str]:
    """Return an environment in which a second start finds all modules compiled, as after an installation."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"OMP_NUM_THREADS": "1", "PYTHONPYCACHEPREFIX": _COMPILED.name}


def _run(*arguments: str, accepted: tuple[int, ...] = (0,)) -> None:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=as_installed(),
        capture_output=True,
        text=True,
    )
    if done.returncode not in accepted:
        raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}: {done.stderr}")
