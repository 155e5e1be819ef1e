"""Tells a person how far it is: a live bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Protocol

from flows.records.trainer_files import TrainerStatus
from gates.text import format_duration, format_number

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_INTERVAL_S = 10.0
Tick = Callable[[TrainerStatus], None]


class Reporter(Protocol):
    """Where the flow says what happens."""

    def say(self, text: str) -> None:
        """Show one line."""

    def training(self, stage: str, steps: int) -> AbstractContextManager[Tick]:
        """Show a training while the block is open; call what it gives with each new heartbeat."""


class SilentReporter:
    """Shows nothing."""

    def say(self, text: str) -> None:
        """Drop the line."""

    @contextmanager
    def training(self, stage: str, steps: int) -> Iterator[Tick]:  # noqa: ARG002
        """Show nothing."""
        yield lambda _: None


class PlainReporter:
    """Lines for a log file; of a training at most one every ten seconds."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def say(self, text: str) -> None:
        """Write the line."""
        self._write(text)

    @contextmanager
    def training(self, stage: str, steps: int) -> Iterator[Tick]:
        """Write a line when the phase begins and then at most every ten seconds."""
        last = time.monotonic()

        def tick(status: TrainerStatus) -> None:
            nonlocal last
            if time.monotonic() - last >= PLAIN_INTERVAL_S:
                last = time.monotonic()
                self._write(progress_line(stage, status, steps))

        yield tick


class LiveReporter:
    """A progress bar with steps per second and remaining time on a terminal."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def say(self, text: str) -> None:
        """Print the line as it is: no markup, wrapped by the terminal."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def training(self, stage: str, steps: int) -> Iterator[Tick]:
        """Show a bar until the block ends."""
        with bars(self.console, [stage], steps) as show:
            show(stage, "starting", 0)
            yield lambda status: show(stage, doing(status, steps), status.step)


@contextmanager
def bars(
    console: Console, titles: Iterable[str], steps: int
) -> Iterator[Callable[[str, str, int], None]]:
    """Show a bar for each title; call what it gives with a title, its line and its step."""
    from rich.progress import BarColumn, Progress, TextColumn

    progress = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[line]}", markup=False),
        console=console,
        transient=True,
    )
    with progress:
        tasks = {title: progress.add_task(title, total=steps, line="") for title in titles}

        def show(title: str, line: str, step: int) -> None:
            progress.update(tasks[title], line=line, completed=min(step, steps))

        yield show


def progress_line(stage: str, status: TrainerStatus, steps: int) -> str:
    """Write one heartbeat as a line."""
    return f"{stage}: {doing(status, steps)}"


def doing(status: TrainerStatus, steps: int) -> str:
    """Write phase and measures of a heartbeat."""
    return f"{status.phase}, {measures(status, steps)}"


def measures(status: TrainerStatus, steps: int) -> str:
    """Write steps done, speed, remaining time, latest episodes and what the gate would say now."""
    text = f"{status.step:,}/{steps:,} steps"
    if status.steps_per_s:
        remaining = max(0, steps - status.step) / status.steps_per_s
        text += f", {status.steps_per_s:,.0f} steps/s, {format_duration(remaining)} left"
    if status.episode_return is not None and status.episode_length is not None:
        text += (
            f"; return {format_number(status.episode_return)} in {status.episode_length:,.0f} steps"
        )
    return f"{text}; {status.live}" if status.live else text
