"""Times several ways of doing the same work side by side, so that a busy machine falls on all of them alike."""

from __future__ import annotations

import gc
import os
import statistics
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
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
    names = list(works)
    prepare = before or {}
    for name in names:
        for _ in range(warm_up):
            works[name]()
    timed: dict[Name, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            count = calls if isinstance(calls, int) else calls[name]
            work = works[name]
            if name in prepare:
                prepare[name]()
            gc.collect()
            gc.disable()
            try:
                started = clock()
                for _ in range(count):
                    work()
                timed[name].append((clock() - started) / count)
            finally:
                gc.enable()
    return {name: Timing(rounds=tuple(values)) for name, values in timed.items()}


def ratio(theirs: Timing, ours: Timing) -> Ratio:
    """Compare round by round: both halves of a round met the same machine."""
    factors = Timing(rounds=tuple(a / b for a, b in zip(theirs.rounds, ours.rounds, strict=True)))
    low, high = factors.quartiles
    return Ratio(median=factors.median_s, low=low, high=high)
