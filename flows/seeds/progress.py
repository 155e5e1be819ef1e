"""Shows how far all seeds are, from the heartbeats on disk: that works wherever they train."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from flows.progress import PLAIN_INTERVAL_S, LiveReporter, Reporter, SilentReporter, measures
from flows.records.trainer_files import TrainerStatus, read_status

if TYPE_CHECKING:
    from rich.console import Console

WAITING, ENDED = "waiting", "ended"


class SeedsDisplay(Protocol):
    """Shows the heartbeats of several trainings."""

    def show(self, heartbeats: Mapping[int, TrainerStatus | str]) -> None:
        """Show each seed's heartbeat, or a word in its place."""


@contextmanager
def seeds_display(
    reporter: Reporter, stage: str, steps: int, seeds: Sequence[int]
) -> Iterator[SeedsDisplay]:
    """Show trainings while the block is open: a bar for each seed on a terminal, lines elsewhere."""
    if isinstance(reporter, LiveReporter):
        with _bars(reporter.console, stage, steps, seeds) as display:
            yield display
    elif isinstance(reporter, SilentReporter):
        yield _Nothing()
    else:
        yield _Lines(reporter, stage, steps)


def heartbeats(
    folders: Mapping[int, Path], ended: frozenset[int], earlier: Mapping[int, TrainerStatus | None]
) -> dict[int, TrainerStatus | str]:
    """Read the heartbeat of the newest run of each seed.

    Args:
        folders: Stage folder of each seed's pipeline directory.
        ended: Seeds that have finished.
        earlier: Heartbeats from before the training; one that has not changed since is stale.
    """
    found: dict[int, TrainerStatus | str] = {}
    for seed, folder in folders.items():
        status = newest_status(folder)
        if seed in ended:
            found[seed] = ENDED
        elif status is None or status == earlier.get(seed):
            found[seed] = WAITING
        else:
            found[seed] = status
    return found


def newest_status(stage_folder: Path) -> TrainerStatus | None:
    """Return the heartbeat of a stage's newest run; None before the first one."""
    runs = sorted(stage_folder.glob("run-*"))
    return read_status(runs[-1]) if runs else None


def seeds_line(stage: str, steps: int, beats: Mapping[int, TrainerStatus | str]) -> str:
    """Write all heartbeats as one line: `50k: seed 0 3,200/50,000; seed 1 ended; seed 2 waiting`."""
    parts = [
        f"seed {seed} {beat if isinstance(beat, str) else f'{beat.step:,}/{steps:,}'}"
        for seed, beat in beats.items()
    ]
    speeds = [b.steps_per_s for b in beats.values() if not isinstance(b, str) and b.steps_per_s]
    total = f"; {sum(speeds):,.0f} steps/s together" if speeds else ""
    return f"{stage}: {'; '.join(parts)}{total}"


class _Nothing:
    def show(self, heartbeats: Mapping[int, TrainerStatus | str]) -> None:
        """Show nothing."""


class _Lines:
    def __init__(self, reporter: Reporter, stage: str, steps: int) -> None:
        self._reporter, self._stage, self._steps = reporter, stage, steps
        self._last = time.monotonic()

    def show(self, heartbeats: Mapping[int, TrainerStatus | str]) -> None:
        """Write a line at most every ten seconds."""
        if time.monotonic() - self._last >= PLAIN_INTERVAL_S:
            self._last = time.monotonic()
            self._reporter.say(seeds_line(self._stage, self._steps, heartbeats))


@contextmanager
def _bars(console: Console, stage: str, steps: int, seeds: Sequence[int]) -> Iterator[SeedsDisplay]:
    from rich.progress import BarColumn, Progress, TextColumn

    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[line]}", markup=False),
        console=console,
        transient=True,
    )
    with progress:
        tasks = {
            seed: progress.add_task(f"{stage} seed {seed}", total=steps, line=WAITING)
            for seed in seeds
        }

        class Bars:
            def show(self, heartbeats: Mapping[int, TrainerStatus | str]) -> None:
                for seed, beat in heartbeats.items():
                    if isinstance(beat, str):
                        progress.update(tasks[seed], line=beat)
                    else:
                        line = f"{beat.phase}, {measures(beat, steps)}"
                        progress.update(tasks[seed], completed=min(beat.step, steps), line=line)

        yield Bars()
