"""What a person waits for: an answer of the command line, a verdict, the first training step, the pages."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from benchmarks.gate import ROOT, a_run, as_installed
from benchmarks.measure import CHILDREN, Timing, side_by_side
from benchmarks.rows import Row, against_floor, against_limit
from benchmarks.waiting import Spent, rounds_of, until
from flows.prefect_server import free_port
from gates.runs.heartbeat import PREPARING

EMPTY = "an empty `import numpy, matplotlib`"
PREFECT = "importing Prefect's server"
_DRAWN_S = 1.5
"""For plots that are drawn after the verdict: they are not to disturb what is timed next."""


def measure(short: bool) -> list[Row]:
    used = side_by_side({"help": _help}, rounds=2 if short else 11, clock=CHILDREN)
    return [
        against_limit("gonogo --help", used["help"], 0.3),
        *_verdict(rounds=2 if short else 11),
        *_first_step_and_pages(rounds=1 if short else 5),
    ]


def _verdict(rounds: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        run = a_run(Path(name) / "run", 5_000)
        works = {"checked": (), "not cross-checked": ("--no-cross-check",), "drawn": ("--wait",)}
        wall, used = rounds_of(
            {
                EMPTY: lambda: _python("import numpy, matplotlib"),
                **{
                    name: lambda options=options: _judged(run, options)
                    for name, options in works.items()
                },
            },
            rounds=rounds,
        )
    work = "gonogo gate on 5,000 steps"
    return [
        _beside(f"{work}, until the verdict, wall clock", wall, "checked", EMPTY, most=1.6),
        _beside(
            f"{work}, until the verdict, not cross-checked, wall clock",
            wall,
            "not cross-checked",
            EMPTY,
            most=1.6,
        ),
        _beside(f"{work}, with all plots, wall clock", wall, "drawn", EMPTY),
        _beside(f"{work}, with all plots, seconds on all processors", used, "drawn", EMPTY),
    ]


def _first_step_and_pages(rounds: int) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wall, used = rounds_of(
            {
                PREFECT: lambda: _python("import prefect.server.api.server"),
                "step": lambda: _first_step(folder),
                "pages": lambda: _pages(folder),
            },
            rounds=rounds,
        )
    step, pages = "gonogo run --stages 5k, until it trains", "gonogo serve, until its pages answer"
    return [
        against_limit(f"{step}, wall clock", wall["step"], 6.0),
        _beside(f"{step}, wall clock", wall, "step", PREFECT),
        against_limit(f"{step}, seconds on all processors", used["step"], 8.0),
        _beside(f"{step}, seconds on all processors", used, "step", PREFECT),
        against_limit(f"{pages}, wall clock", wall["pages"], 8.0),
        _beside(f"{pages}, wall clock", wall, "pages", PREFECT),
        _beside(f"{pages}, seconds on all processors", used, "pages", PREFECT),
    ]


def _beside(
    work: str, timings: dict[str, Timing], ours: str, floor: str, *, most: float | None = None
) -> Row:
    pair = {"gonogo": timings[ours], floor: timings[floor]}
    return against_floor(work, pair, floor, most=most)


def _python(code: str) -> Spent:
    return until([sys.executable, "-c", code], None, cwd=ROOT, environment=as_installed())


def _judged(run: Path, options: tuple[str, ...]) -> Spent:
    """Judge by the rules of the last stage, whatever the verdict is."""
    command = _gonogo("gate", str(run), "--stage", "1m", "--out", str(run / "judged"), *options)
    spent = until(command, None, cwd=ROOT, environment=as_installed())
    time.sleep(_DRAWN_S)
    return spent


def _first_step(folder: Path) -> Spent:
    """Train in a new folder until the trainer has set itself up."""
    out = folder / "run"

    def trains() -> bool:
        for file in out.glob("5k/run-001/status.json"):
            return json.loads(file.read_text())["phase"] not in {p.value for p in PREPARING}
        return False

    command = _gonogo("run", "--stages", "5k", "--out", str(out))
    try:
        return until(command, trains, cwd=ROOT, environment=_own(folder))
    finally:
        shutil.rmtree(out)


def _pages(folder: Path) -> Spent:
    """Serve a new folder until the first page can be read."""
    runs, port = folder / "runs", free_port()

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/v2", timeout=5) as page:
                return bool(page.status == 200)
        except OSError:
            return False

    command = _gonogo("serve", "--port", str(port), "--runs", str(runs))
    try:
        return until(command, answers, cwd=ROOT, environment=_own(folder))
    finally:
        shutil.rmtree(runs)


def _gonogo(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "gonogo", *arguments]


def _own(folder: Path) -> dict[str, str]:
    """Return an environment in which no other server and no other copies of databases are known."""
    kept = {k: v for k, v in as_installed().items() if not k.startswith("PREFECT_")}
    return {**kept, "XDG_CACHE_HOME": str(folder / "cache")}


def _help() -> None:
    subprocess.run(
        _gonogo("--help"), cwd=ROOT, env=as_installed(), stdout=subprocess.DEVNULL, check=True
    )
