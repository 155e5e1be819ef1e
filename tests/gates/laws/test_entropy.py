"""SAC: its entropy term, its temperature and the sign of its actor's loss decide; sound values are silent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from gates.checks.gate_file import load_gate
from gates.facts.run_facts import RunFacts
from gates.facts.values import Fact
from gates.findings import GateResult, Outcome, Verdict
from gates.judgement import judge_log
from gates.laws.entropy_table import OF_SAC
from gates.runs.run_info import RunInfo
from tests.gates.synthetic_runs import Recipe, make

SOUND = {
    "train/ent_coef": 0.2,
    "policy/entropy": 0.5,
    "policy/q_weight": 1.0,
    "policy/entropy_weight": 1.0,
    "bellman/entropy_weight": 1.0,
    "bellman/log_prob_error": 1e-7,
}
"""Tags of a sound run of SAC."""
BROKEN = (
    ("bellman/entropy_weight", 0.0, "entropy_in_targets", "entropy_term_wrong"),
    ("bellman/entropy_weight", -1.0, "entropy_in_targets", "entropy_term_wrong"),
    ("policy/entropy_weight", -1.0, "entropy_in_actor_loss", "entropy_term_wrong"),
    ("policy/q_weight", -1.0, "q_in_actor_loss", "actor_descends"),
    ("bellman/log_prob_error", 0.5, "log_prob_identity", "log_prob_wrong"),
    ("train/ent_coef", 1e4, "temperature_size", "temperature_too_high"),
)


def judge(tags: dict[str, Any], **train: Any) -> GateResult:
    run = make(Recipe())
    for tag, values in (SOUND | tags).items():
        run.set(tag, values)
    info = RunInfo(source="run.json", algorithm="sac", env={"action_dim": 1}, train=train)
    return judge_log(
        run.log(), run=info, directory=Path("run"), gate=load_gate("5k"), stage="5k",
        planned_steps=run.recipe.steps,
    ).result  # fmt: skip


def outcomes(result: GateResult) -> dict[str, Outcome]:
    return {finding.check: finding.outcome for finding in result.findings}


@pytest.mark.parametrize("rewards", [0.01, 1.0, 1000.0])
def test_a_sound_run_is_silent(rewards: float) -> None:
    falling = np.linspace(1.0, 0.1, len(make(Recipe()).updates))
    result = judge(
        {"train/ent_coef": falling, "debug/reward_mean": rewards, "debug/reward_std": rewards},
        ent_coef="auto",
        target_entropy=-1.0,
    )
    own = {law.name for law in OF_SAC}
    assert {f.law for f in result.findings if f.outcome is Outcome.PASS} >= own - {
        "entropy_over_reward"
    }
    assert not [f for f in result.findings if f.law in own and f.outcome is not Outcome.PASS]


@pytest.mark.parametrize(("tag", "value", "check", "cause"), BROKEN)
def test_each_fault_is_a_no_go_and_named_first(
    tag: str, value: float, check: str, cause: str
) -> None:
    result = judge({tag: value})
    assert outcomes(result)[check] is Outcome.FAIL
    assert result.verdict is Verdict.NO_GO
    assert result.diagnoses[0].cause == cause


def test_a_temperature_that_is_to_be_trained_and_stays_is_found() -> None:
    result = judge({}, ent_coef="auto_0.2")
    assert outcomes(result)["temperature_trained"] is Outcome.FAIL
    assert result.diagnoses[0].cause == "temperature_frozen"
    assert "temperature_trained" not in outcomes(judge({}, ent_coef=0.2))


@pytest.mark.parametrize(
    ("target", "rises", "outcome"),
    [
        (-1.0, False, Outcome.PASS),
        (-1.0, True, Outcome.FAIL),
        (0.6, True, Outcome.PASS),
        (0.6, False, Outcome.FAIL),
    ],
)
def test_a_temperature_goes_where_the_entropy_is_missing(
    target: float, rises: bool, outcome: Outcome
) -> None:
    course = np.linspace(0.1, 1.0, len(make(Recipe()).updates))
    noise = np.random.default_rng(0).normal(0.0, 0.05, len(course))
    result = judge(
        {"train/ent_coef": course if rises else course[::-1], "policy/entropy": 0.4 + noise},
        ent_coef="auto",
        target_entropy=target,
    )
    assert outcomes(result)["temperature_follows"] is outcome
    found = [d.cause for d in result.diagnoses]
    assert found == ([] if outcome is Outcome.PASS else ["temperature_flees"])


@pytest.mark.parametrize("target", [0.5, 1.0])
def test_more_entropy_than_random_actions_have_is_out_of_reach(target: float) -> None:
    rising = np.linspace(0.1, 1.0, len(make(Recipe()).updates))
    result = judge(
        {"train/ent_coef": rising, "policy/entropy": 0.4}, ent_coef="auto", target_entropy=target
    )
    beyond = target > np.log(2.0)
    wanted = Outcome.FAIL if beyond else Outcome.PASS
    assert outcomes(result)["entropy_target_in_reach"] is wanted
    assert [d.cause for d in result.diagnoses] == (["temperature_flees"] if beyond else [])


def test_a_temperature_that_is_logged_at_other_steps_is_no_crash() -> None:
    run = make(Recipe())
    for tag, value in SOUND.items():
        run.set(tag, value)
    temperature = run.tags["train/ent_coef"]
    run.tags["train/ent_coef"] = structs.replace(temperature, steps=temperature.steps + 1)
    result = judge_log(
        run.log(), run=RunInfo(source="run.json", algorithm="sac"), directory=Path("run"),
        gate=load_gate("5k"), stage="5k", planned_steps=run.recipe.steps,
    ).result  # fmt: skip
    assert "temperature_size" not in outcomes(result)


def test_another_algorithm_is_not_asked() -> None:
    run = make(Recipe())
    for tag in SOUND:
        run.set(tag, -1.0)
    result = judge_log(
        run.log(), run=RunInfo(source="run.json", algorithm="td3"), directory=Path("run"),
        gate=load_gate("5k"), stage="5k", planned_steps=run.recipe.steps,
    ).result  # fmt: skip
    assert not {law.name for law in OF_SAC} & {finding.law for finding in result.findings}


def test_the_bound_holds_the_logged_entropy() -> None:
    run = make(Recipe())
    run.set("train/ent_coef", 3.0)
    run.set("policy/entropy", -0.5)
    plain = make(Recipe())

    def largest(of: Any) -> float:
        facts = RunFacts(log=of.log(), run=of.run_info(), stage="5k", planned_steps=None)
        assert isinstance(facts.reward_abs_max, Fact)
        return facts.reward_abs_max.value

    assert largest(run) == pytest.approx(largest(plain) + 2.0 * 1.5)
