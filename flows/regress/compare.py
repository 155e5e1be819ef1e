"""Trains seed after seed with both revisions until it is decided whether they differ."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

from flows.training.process.stopping import StopSwitch, stopped_by
from gates.regress.evidence import RunEvidence
from gates.regress.judge import LOOKS, judge_pairs
from gates.regress.measures import Pair
from gates.regress.result import Regression
from gates.sign_flips import Looks

_FIRST_ROUNDS = (1, 2, 3)
"""Seeds after which equal runs and new faults are looked for."""


class Trains(Protocol):
    """A revision that can be trained."""

    def evidence(self, seed: int) -> RunEvidence:
        """Train a seed and return what it showed."""


def compare(
    base: Trains,
    head: Trains,
    *,
    jobs: int,
    most_s: float,
    say: Callable[[str], None],
    looks: Looks = LOOKS,
    first_seed: int = 0,
) -> Regression:
    """Train the same seeds with both revisions, a round at a time, until the answer is known.

    Args:
        base: Before the change.
        head: After it.
        jobs: Trainings at the same time.
        most_s: No round begins after so many seconds.
        say: Hears how far it is.
        looks: When differences are tested.
        first_seed: The others follow.
    """
    started = time.monotonic()
    pairs: list[Pair] = []
    rounds = (*(size for size in _FIRST_ROUNDS if size < looks.sizes[0]), *looks.sizes)
    for size in rounds:
        seeds = range(first_seed + len(pairs), first_seed + size)
        pairs += _train(base, head, seeds, jobs)
        late = time.monotonic() - started > most_s
        found = judge_pairs(pairs, looks=looks, last=late or size == rounds[-1])
        if found is not None:
            return found
        say(f"{size} of at most {rounds[-1]} seeds: not decided yet")
    raise AssertionError("the last round decides")


def _train(base: Trains, head: Trains, seeds: Iterable[int], jobs: int) -> list[Pair]:
    """Train both revisions with some seeds; whatever ends this, no training is left."""
    switch = StopSwitch()

    def evidence(side: Trains, seed: int) -> RunEvidence:
        with stopped_by(switch):
            switch.sleep(0)
            return side.evidence(seed)

    with ThreadPoolExecutor(jobs) as pool:
        both: list[tuple[Future[RunEvidence], Future[RunEvidence]]] = [
            (pool.submit(evidence, base, seed), pool.submit(evidence, head, seed)) for seed in seeds
        ]
        try:
            return [(a.result(), b.result()) for a, b in both]
        except BaseException:
            switch.stop()
            raise
