"""How cost grows over three decades of work: reading events, judging a run, listing stored runs.

`python -m benchmarks.growth --plot docs/images/growth.png` draws it.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.event_files import write_as_torch
from benchmarks.gate import a_run, judge
from benchmarks.measure import CHILDREN, CPU, Clock, Timing, side_by_side
from benchmarks.rows import Row, growth
from flows.stored.history import read_history
from gates.events.reader import read_events

SIZES = (1_000, 10_000, 100_000, 1_000_000)
RUNS = (1, 10, 100, 1_000)
SHORT = 2
"""Sizes of a short measurement."""

Curve = dict[int, Timing]
"""Amount of work to what it took."""


def measure(short: bool) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        curves = _curves(Path(name), short)
    return [growth(name, curve) for name, curve in curves.items()]


def _curves(folder: Path, short: bool) -> dict[str, Curve]:
    sizes, runs = (SIZES[:SHORT], RUNS[:SHORT]) if short else (SIZES, RUNS)
    rounds = 1 if short else 3
    return {
        "reading, scalars": _timed(sizes, _reading(folder / "events"), rounds, CPU),
        "gonogo gate, steps": _timed(sizes, _judging(folder / "gate"), rounds, CHILDREN),
        "history, runs": _timed(runs, _listing(folder / "history"), rounds, CPU),
    }


def _timed(
    sizes: tuple[int, ...], work: Callable[[int], Callable[[], object]], rounds: int, clock: Clock
) -> Curve:
    timings = side_by_side({str(n): work(n) for n in sizes}, rounds=rounds, clock=clock)
    return {n: timings[str(n)] for n in sizes}


def _reading(folder: Path) -> Callable[[int], Callable[[], object]]:
    def work(scalars: int) -> Callable[[], object]:
        write_as_torch(folder / str(scalars), scalars)
        return lambda: read_events(folder / str(scalars))

    return work


def _judging(folder: Path) -> Callable[[int], Callable[[], object]]:
    def work(steps: int) -> Callable[[], object]:
        run = a_run(folder / str(steps), steps)
        return lambda: judge(run)

    return work


def _listing(folder: Path) -> Callable[[int], Callable[[], object]]:
    """Store copies of one judged run, as many pipelines would leave them."""
    judged = a_run(folder / "judged", 1_000)
    judge(judged)

    def work(runs: int) -> Callable[[], object]:
        store = folder / f"{runs}-runs"
        for number in range(runs):
            run = store / f"drive-seed{number}" / "5k" / "run-001"
            run.mkdir(parents=True)
            shutil.copy(judged / "run.json", run)
            shutil.copy(judged / "judged" / "gate.json", run)
        assert len(read_history(store).rows) == runs
        return lambda: read_history(store)

    return work


def draw(curves: dict[str, Curve], path: Path) -> None:
    """Draw seconds over the amount of work, with a line of slope 1 beside each curve."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.6, 3.2), layout="constrained")
    for axes, (name, curve) in zip(figure.subplots(1, len(curves)), curves.items(), strict=True):
        sizes = list(curve)
        seconds = [curve[size].median_s for size in sizes]
        axes.loglog(sizes, seconds, marker="o", lw=1.2, color="#0b5fa5")
        linear = [seconds[-1] * size / sizes[-1] for size in sizes]
        axes.loglog(sizes, linear, lw=0.9, ls=":", color="#6b7280")
        axes.annotate("linear", (sizes[-2], linear[-2]), xytext=(4, -10),
                      textcoords="offset points", fontsize=8, color="#6b7280")  # fmt: skip
        work, _, unit = name.partition(", ")
        axes.set(title=work, xlabel=unit)
        axes.grid(alpha=0.25)
    figure.axes[0].set_ylabel("processor seconds")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", type=Path, required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        curves = _curves(Path(name), short=False)
    draw(curves, options.plot)
    for name, curve in curves.items():
        print(name, {size: round(timing.median_s, 4) for size, timing in curve.items()})


if __name__ == "__main__":
    main()
