"""A reduced fault bench: one seed of some faults and some sound recipes, judged for real."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import bench

CASES = [
    case
    for case in bench.cases(seeds=1, healthy_seeds=1)
    if case.name
    in (
        "actor_encoder_leak",
        "actor_encoder_leak with LayerNorm",
        "terminal_flag_dropped",
        "reward_accumulated",
        "dead_actor",
        "reward: crawling",
        "pendulum: rewards one step late",
        "pendulum: hidden gamma^2",
        "point goal, guards: target actor never updated",
        "drive",
        "pendulum (negative rewards only)",
        "point goal: rewards x1000",
    )
]


def test_the_reduced_bench_has_faults_and_sound_runs():
    assert len([case for case in CASES if case.fault]) == 9
    assert len([case for case in CASES if not case.fault]) == 3


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.slug)
def test_verdict_and_first_cause_are_right(tmp_path, case):
    score = bench.score(case, bench.train(case, tmp_path))
    assert score.verdict_right, score.deciding
    assert score.cause_right, score.cause
