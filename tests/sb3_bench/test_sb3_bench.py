"""A reduced bench of Stable-Baselines3: sound runs are not stopped, and faults are neither missed nor misnamed."""

from __future__ import annotations

import pytest

from tests.sb3_bench import bench
from tests.sb3_bench.faults import FAULTS
from tests.sb3_bench.recipes import TASKS, base, draw

SOUND = [bench.Case(fault="", recipe=draw(index)) for index in (0, 3)]
FAULTY = [
    bench.Case(fault=name, recipe=base("pendulum", "td3", 0) | FAULTS[name].recipe)
    for name in ("rewards shuffled", "critic learns the policy's action", "maximum for minimum")
]


def test_a_recipe_is_drawn_the_same_every_time_and_every_task_and_algorithm_occurs():
    drawn = [draw(index) for index in range(60)]
    assert drawn == [draw(index) for index in range(60)]
    assert {recipe["task"] for recipe in drawn} == set(TASKS)
    assert {recipe["algorithm"] for recipe in drawn} == {"td3", "ddpg", "sac"}


def test_cases_are_told_apart_and_every_fault_is_tried_on_two_tasks():
    chosen = bench.cases(60, 1)
    assert len({case.slug for case in chosen}) == len(chosen)
    for name, fault in FAULTS.items():
        tried = [c.recipe for c in chosen if c.fault == name]
        assert {recipe["task"] for recipe in tried} == set(fault.tasks)
        assert {recipe["algorithm"] for recipe in tried} == set(fault.algorithms)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("case", [*SOUND, *FAULTY], ids=lambda case: case.slug)
def test_a_run_is_judged_right(tmp_path, case):
    score = bench.score(case, bench.train(case, tmp_path))
    if case.fault:
        assert score.verdict == "NO_GO", score.broken
        assert score.right, score.causes
    else:
        assert score.verdict == "GO", score.broken
        assert not score.causes
