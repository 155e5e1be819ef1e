from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gates.checks.gate_file import load_gate, parse_gate
from gates.findings import GateResult
from gates.judgement import judge_log
from tests.gates.synthetic_runs import FAULTS, Recipe, Run, make, series


def warnings(run: Run, *checks: dict[str, Any], baseline: GateResult | None = None) -> str:
    common = {"title": "It", "group": "critic", "rationale": "Because.", "source": "s"}
    gate = (
        parse_gate(
            {"name": "g", "description": "d", "checks": [{**common, **c} for c in checks]}, "g"
        )
        if checks
        else load_gate("5k")
    )
    return "\n".join(
        judge_log(
            run.log(),
            run=run.run_info(),
            directory=Path("run"),
            gate=gate,
            stage="5k",
            planned_steps=run.recipe.steps,
            baseline=baseline,
        ).result.gate_warnings
    )


def limit(tag: str, **keys: Any) -> dict[str, Any]:
    return {"id": "it", "type": "limit", "tag": tag, **keys}


def test_the_shipped_gate_has_no_quarrel_with_a_healthy_run() -> None:
    assert warnings(make(Recipe())) == ""
    assert warnings(make(Recipe(own=True))) == ""


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (limit("train/actor_loss", max={"fail": 1}), "is always negative"),
        (limit("policy/tanh_saturation", max={"fail": 1}), "lies between 0 and 1"),
        (limit("debug/done_ratio", max={"warn": 0.5}), "lies between 0 and 1"),
        (limit("debug/actor_q_std", min={"fail": -1}), "is always positive"),
        (limit("weights/actor_mlp_l2", max={"fail": 99}), "is exactly 13.08 at all"),
    ],
)
def test_a_check_that_could_not_have_failed(check: dict[str, Any], words: str) -> None:
    run = make(Recipe(), FAULTS["actor_frozen"])
    text = warnings(run, check)
    assert text.startswith("it ")
    assert words in text


@pytest.mark.parametrize(
    "check",
    [
        limit("train/actor_loss", max={"fail": 1}, min={"fail": -1}),
        limit("train/actor_loss", min={"fail": -1}),
        limit("policy/tanh_saturation", max={"fail": 0.99}),
        limit("debug/reward_std", max={"fail": 1}),
    ],
)
def test_a_check_that_could_have_failed(check: dict[str, Any]) -> None:
    assert warnings(make(Recipe()), check) == ""


def test_a_norm_after_clipping_bounds_its_own_check() -> None:
    run = make(Recipe(layer_norm=False), FAULTS["actor_encoder_leak"])
    run.set("gradients/actor_cnn_norm", 2.0)
    text = warnings(run, limit("gradients/actor_cnn_norm", max={"fail": 10_000}))
    assert "could not have failed: gradients/actor_cnn_norm was measured after clipping" in text


def test_two_checks_on_one_statistic_are_one_vote() -> None:
    first = limit("train/q1_value", max={"fail": 1})
    text = warnings(make(Recipe()), first, {**first, "id": "again"})
    assert "it and again judge the same statistic" in text


def test_a_loss_that_is_minus_q_is_one_failure() -> None:
    run = make(Recipe(layer_norm=False), FAULTS["actor_encoder_leak"])
    assert "actor_loss_bound and actor_q_mean_bound are one measurement" in warnings(run)


def test_a_normalised_loss_says_that_its_check_is_weak() -> None:
    run = make(Recipe(own=True))
    info = run.run_info()
    assert info is not None
    info.train["normalize_actor_loss"] = True  # type: ignore[index]
    gate = load_gate("5k")
    result = judge_log(run.log(), run=info, directory=Path("r"), gate=gate, stage="5k").result
    assert any("can hardly fail" in text for text in result.gate_warnings)


def test_evaluations_that_repeat_to_the_last_digit() -> None:
    run = make(Recipe())
    run.tags["eval/mean_reward"] = series("eval/mean_reward", [0, 2000, 4000], [5.0, 7.25, 7.25])
    assert "2 evaluations in a row are identical" in warnings(run)


def test_evaluations_that_repeat_across_runs() -> None:
    run = make(Recipe())
    run.tags["eval/mean_reward"] = series("eval/mean_reward", [0, 4000], [5.0, 7.25])
    gate = load_gate("5k")
    first = judge_log(run.log(), run=None, directory=Path("a"), gate=gate, stage="5k").result
    assert "identical to the last digit to that of a" in warnings(run, baseline=first)


def test_warnings_are_no_votes() -> None:
    run = make(Recipe())
    run.tags["eval/mean_reward"] = series("eval/mean_reward", [0, 2000, 4000], [5.0, 7.25, 7.25])
    gate = load_gate("5k")
    plain = judge_log(
        make(Recipe()).log(), run=None, directory=Path("a"), gate=gate, stage="5k"
    ).result
    warned = judge_log(run.log(), run=None, directory=Path("a"), gate=gate, stage="5k").result
    assert warned.gate_warnings
    assert warned.verdict is plain.verdict
