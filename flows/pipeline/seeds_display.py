"""Shows how far all seeds are, from the heartbeats on disk: that works wherever they train."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from flows.records.trainer_files import TrainerStatus, read_status
from flows.training.progress import PLAIN_INTERVAL_S, LiveReporter, Reporter, bars, doing

WAITING, ENDED = "waiting", "ended"
Beats = Mapping[int, TrainerStatus | str]
"""Heartbeat of each seed, or a word in its place."""


@contextmanager
def seeds_display(
    reporter: Reporter, stage: str, steps: int, seeds: Sequence[int]
) -> Iterator[Callable[[Beats], None]]:
    """Show trainings while the block is open: a bar for each seed on a terminal, elsewhere a line every ten seconds."""
    if isinstance(reporter, LiveReporter):
        title = {seed: f"{stage} seed {seed}" for seed in seeds}
        with bars(reporter.console, title.values(), steps) as show:
            at = dict.fromkeys(seeds, 0)

            def show_bars(beats: Beats) -> None:
                for seed, beat in beats.items():
                    at[seed] = at[seed] if isinstance(beat, str) else beat.step
                    line = beat if isinstance(beat, str) else doing(beat, steps)
                    show(title[seed], line, at[seed])

            yield show_bars
        return
    last = time.monotonic()

    def show_line(beats: Beats) -> None:
        nonlocal last
        if time.monotonic() - last >= PLAIN_INTERVAL_S:
            last = time.monotonic()
            reporter.say(seeds_line(stage, steps, beats))

    yield show_line


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


def seeds_line(stage: str, steps: int, beats: Beats) -> str:
    """Write all heartbeats as one line: `50k: seed 0 3,200/50,000; seed 1 ended; seed 2 waiting`."""
    parts = [
        f"seed {seed} {beat if isinstance(beat, str) else f'{beat.step:,}/{steps:,}'}"
        for seed, beat in beats.items()
    ]
    speeds = [b.steps_per_s for b in beats.values() if not isinstance(b, str) and b.steps_per_s]
    total = f"; {sum(speeds):,.0f} steps/s together" if speeds else ""
    return f"{stage}: {'; '.join(parts)}{total}"
