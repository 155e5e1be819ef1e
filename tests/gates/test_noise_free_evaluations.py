"""Evaluations without noise: a standard error of 0 makes nothing sure, whatever the gate."""

from __future__ import annotations

from pathlib import Path

import pytest

from gates.checks.gate_file import load_gate
from gates.findings import GateResult, Verdict
from gates.judgement import judge_log
from tests.gates.synthetic_runs import Recipe, log_of, make, series

STEPS = {"50k": 50_000, "1m": 1_000_000}


def judged(stage: str, untrained: float, late: float) -> GateResult:
    steps = STEPS[stage]
    run = make(Recipe(own=True, steps=steps, train_freq=steps // 2_000, learning_starts=1_000))
    at = [steps * k // 40 for k in range(41)]
    tags = run.tags | {
        "eval/mean_reward": series("eval/mean_reward", at, [untrained] + [late] * 40),
        "eval/std_reward": series("eval/std_reward", at, [0.0] * 41),
        "eval/episodes": series("eval/episodes", at, [10.0] * 41),
    }
    return judge_log(
        log_of(tags),
        run=run.run_info(),
        directory=Path("run"),
        gate=load_gate(stage),
        stage=stage,
        planned_steps=steps,
    ).result


@pytest.mark.parametrize("stage", STEPS)
@pytest.mark.parametrize("late", [-1399.999, -1400.0, -1400.001])
def test_a_hair_is_neither_go_nor_no_go(stage: str, late: float) -> None:
    result = judged(stage, -1400.0, late)
    assert result.verdict is Verdict.CONDITIONAL, result.deciding
    assert result.deciding_check == "learning_return"


@pytest.mark.parametrize("stage", STEPS)
def test_one_untrained_value_and_one_at_the_end_are_no_distribution(stage: str) -> None:
    result = judged(stage, -1400.0, -1600.0)
    assert result.verdict is Verdict.CONDITIONAL, result.deciding
