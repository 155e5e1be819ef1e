"""Times several ways of doing the same work side by side, so that a busy machine falls on all of them alike."""

from __future__ import annotations

import gc
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TypeVar

Clock = Callable[[], float]
Name = TypeVar("Name", bound=Hashable)

CPU: Clock = time.process_time
"""Seconds that this process spent on a processor: what others do at the same time counts little."""
WALL: Clock = time.perf_counter


def CHILDREN() -> float:  # noqa: N802 - a clock like the others
    """Seconds on a processor of the child processes that have ended: what they take on an idle machine."""
    times = os.times()
    return times.children_user + times.children_system


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds per call, one entry a round."""

    rounds: tuple[float, ...]

    @property
    def median_s(self) -> float:
        return statistics.median(self.rounds)

    @property
    def quartiles(self) -> tuple[float, float]:
        if len(self.rounds) == 1:
            return self.rounds[0], self.rounds[0]
        low, _, high = statistics.quantiles(self.rounds, n=4, method="inclusive")
        return low, high

    def less(self, other: Timing) -> Timing:
        """Return what this took beyond the other one, round by round."""
        return Timing(rounds=tuple(a - b for a, b in zip(self.rounds, other.rounds, strict=True)))

    def times(self, factor: float) -> Timing:
        return Timing(rounds=tuple(seconds * factor for seconds in self.rounds))


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """How often ours fits into theirs: above 1 we are quicker."""

    median: float
    low: float
    high: float
    """Lowest and highest quartile over the rounds."""


def side_by_side(
    works: Mapping[Name, Callable[[], object]],
    *,
    rounds: int,
    calls: Mapping[Name, int] | int = 1,
    clock: Clock = CPU,
    warm_up: int = 1,
    before: Mapping[Name, Callable[[], object]] | None = None,
) -> dict[Name, Timing]:
    """Time every work once a round, in turn; each round begins with another one.

    Args:
        works: What to call, by name.
        rounds: How often each is timed.
        calls: Calls that one timing averages over, for all or by name.
        clock: Which seconds count.
        warm_up: Calls of each before the first round.
        before: What to do before each timing, by name; not timed.
    """
    prepare = before or {}
    for work in works.values():
        for _ in range(warm_up):
            work()

    def seconds(name: Name) -> float:
        if name in prepare:
            prepare[name]()
        return _per_call(works[name], calls if isinstance(calls, int) else calls[name], clock)

    return _in_turn(works, seconds, rounds)


def each_apart(
    works: Mapping[str, Callable[[], Callable[[], object]]], *, rounds: int, calls: int
) -> dict[str, Timing]:
    """Time every work once a round, in turn, each in a process of its own, as its users run it.

    Args:
        works: What makes each work in its process, by name; can be pickled.
        rounds: How often each is timed.
        calls: Calls that one timing averages over.
    """
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        lines: dict[str, Connection] = {}
        for name, make in works.items():
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, make), daemon=True)
            process.start()
            stack.callback(process.join)
            lines[name] = stack.enter_context(ours)
            theirs.close()
            ours.recv()

        def seconds(name: str) -> float:
            lines[name].send(calls)
            return float(lines[name].recv())

        return _in_turn(works, seconds, rounds)


def _serve(line: Connection, make: Callable[[], Callable[[], object]]) -> None:
    """Be the process of one work: answer each number of calls with their seconds on a processor."""
    work = make()
    work()
    line.send("ready")
    with suppress(EOFError):
        while True:
            line.send(_per_call(work, line.recv(), CPU))


def _per_call(work: Callable[[], object], count: int, clock: Clock) -> float:
    gc.collect()
    gc.disable()
    try:
        started = clock()
        for _ in range(count):
            work()
        return (clock() - started) / count
    finally:
        gc.enable()


def _in_turn(
    works: Iterable[Name], seconds: Callable[[Name], float], rounds: int
) -> dict[Name, Timing]:
    """Time every work once a round; each round begins with another one."""
    names = list(works)
    timed: dict[Name, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            timed[name].append(seconds(name))
    return {name: Timing(rounds=tuple(values)) for name, values in timed.items()}


def ratio(theirs: Timing, ours: Timing) -> Ratio:
    """Compare round by round: both halves of a round met the same machine."""
    factors = Timing(rounds=tuple(a / b for a, b in zip(theirs.rounds, ours.rounds, strict=True)))
    low, high = factors.quartiles
    return Ratio(median=factors.median_s, low=low, high=high)
