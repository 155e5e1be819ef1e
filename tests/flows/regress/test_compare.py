"""Rounds of seeds, without any training."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest

from flows.regress.compare import compare
from flows.training.process.stopping import StopRequested, sleep
from gates.findings import Verdict
from gates.regress.evidence import Curve, RunEvidence
from gates.regress.result import Regression


class Side:
    """Trains nothing: what a seed shows follows from a function."""

    def __init__(self, value: Callable[[int], float]) -> None:
        self.value = value
        self.trained: list[int] = []

    def evidence(self, seed: int) -> RunEvidence:
        self.trained.append(seed)
        curve = Curve(np.array([1, 2, 3]), np.full(3, self.value(seed)))
        return RunEvidence(seed=seed, curves={"train/critic_loss": curve})


def noise(stream: int) -> Callable[[int], float]:
    return lambda seed: float(np.random.default_rng((stream, seed)).normal(5.0, 0.1))


def compared(head: Side, *, most_s: float = 1e9, says: list[str] | None = None) -> Regression:
    say = [].append if says is None else says.append
    return compare(Side(noise(0)), head, jobs=2, most_s=most_s, say=say)


def test_equal_runs_end_it_after_one_seed():
    head = Side(noise(0))
    assert compared(head).answer == "same"
    assert head.trained == [0]


def test_seeds_are_added_in_rounds_until_the_last_one_decides():
    head, says = Side(noise(1)), list[str]()
    found = compared(head, says=says)
    assert (found.answer, sorted(head.trained)) == ("no_difference", list(range(16)))
    assert [text.split(" ")[0] for text in says] == ["1", "2", "3", "8", "12"]


def test_a_shift_ends_it_at_the_first_look_that_shows_it():
    assert len(compared(Side(lambda seed: noise(1)(seed) + 3)).seeds) == 8


def test_spent_minutes_leave_it_undecided():
    found = compared(Side(noise(1)), most_s=-1.0)
    assert found.verdict is Verdict.CONDITIONAL
    assert found.seeds == (0,)
    assert "16 are needed" in found.deciding


def test_what_breaks_one_training_stops_the_other():
    begun = threading.Event()

    class Broken(Side):
        def evidence(self, seed: int) -> RunEvidence:
            begun.wait(600)
            raise OSError("the disk is full")

    stopped: list[BaseException] = []

    class Slow(Side):
        def evidence(self, seed: int) -> RunEvidence:
            begun.set()
            try:
                sleep(600)
            except StopRequested as stop:
                stopped.append(stop)
                raise
            raise AssertionError("nobody stopped it")

    with pytest.raises(OSError, match="disk is full"):
        compare(Broken(noise(0)), Slow(noise(0)), jobs=2, most_s=1e9, say=print)
    assert len(stopped) == 1
