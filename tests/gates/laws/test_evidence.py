"""What was measured again decides: silent on sound values, and each fault is a NO_GO with its cause first."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from gates.checks.gate_file import load_gate
from gates.facts.run_facts import RunFacts
from gates.findings import GateResult, Outcome, Verdict
from gates.judgement import judge_log
from gates.laws.measured_again import MEASURED_AGAIN
from gates.laws.quantity import Quantity
from gates.laws.recomputed import actor_ascent, targets_move
from gates.tags import EVIDENCE_TAGS
from tests.gates.synthetic_runs import Recipe, Run, make, series

SOUND = {
    "replay/reward_error": 0.0,
    "replay/reward_error_of_step_before": 0.3,
    "replay/reward_correlation": 1.0,
    "replay/action_error": 0.0,
    "replay/action_correlation": 1.0,
    "replay/terminated_error": 0.0,
    "replay/obs_error": 0.0,
    "replay/next_obs_error": 0.0,
    "replay/vector_change": 0.1,
    "replay/camera_change": 0.02,
    "env/vector_change": 0.09,
    "env/camera_change": 0.03,
    "replay/vector_std": 1.0,
    "replay/camera_std": 0.1,
    "replay/unevenness": 0.06,
    "replay/policy_distance": 0.5,
    "env/exploration": 0.07,
    "env/exploration_side": 0.05,
    "agent/exploration_noise": 0.1,
    "bellman/target_error": 1e-7,
    "bellman/target_error_of_maximum": 0.01,
    "bellman/discount": 0.99,
    "bellman/target_noise": 0.5,
    "bellman/target_action": 1.0,
    "bellman/target_noise_side": 0.1,
    "bellman/q_error": 1e-7,
    "bellman/loss_error": 1e-7,
    "targets/actor_tau": 0.005,
    "targets/critic_tau": 0.00501,
    "targets/actor_lag": 0.01,
    "targets/critic_lag": 0.01,
    "policy/gradient_alignment": 1.0,
    "policy/ascent": 0.2,
    "sees/q_entries": 1.0,
    "sees/q_action": 0.05,
    "sees/q_vector": 0.3,
    "sees/q_camera": 0.3,
    "sees/policy_vector": 0.1,
    "sees/policy_camera": 0.1,
    "weights/critic_reached": 1.0,
    "weights/critic_moved_by_actor": 0.0,
    "weights/actor_moved_by_critic": 0.0,
    "weights/actor_mlp_step": 0.3,
    "weights/critic_mlp_step": 0.3,
    "gradients/actor_mlp_left_over": 0.0,
    "gradients/critic_mlp_left_over": 0.0,
}
"""Tags of a sound run."""
CONFIG = {
    "batch_size": 256,
    "tau": 0.005,
    "gamma": 0.99,
    "target_policy_noise": 0.2,
    "target_noise_clip": 0.5,
}

FAULTS = {
    "shuffled rewards": (
        {"replay/reward_error": 1.2, "replay/reward_correlation": 0.0},
        "rewards_of_other_transitions",
    ),
    "few wrong rewards": (
        {"replay/reward_error": 0.01, "replay/reward_correlation": 0.98},
        "rewards_of_other_transitions",
    ),
    "late rewards": (
        {"replay/reward_error": 0.3, "replay/reward_error_of_step_before": 0.0},
        "rewards_delayed",
    ),
    "scaled rewards": ({"replay/reward_error": 0.2}, "reward_scale"),
    "half of the replay": ({"replay/unevenness": 0.5}, "replay_drawn_unevenly"),
    "negated actions": (
        {"replay/action_error": 1.0, "replay/action_correlation": -1.0},
        "actions_not_taken",
    ),
    "policy's action": (
        {"replay/action_error": 0.5, "replay/policy_distance": 0.0},
        "critic_on_policy_action",
    ),
    "Q of another action": ({"bellman/q_error": 0.1}, "critic_on_policy_action"),
    "next_obs = obs": (
        {"replay/vector_change": 0.0, "replay/next_obs_error": 1.0},
        "next_obs_is_obs",
    ),
    "reset as next observation": ({"replay/next_obs_error": 0.004}, "reset_as_next_obs"),
    "other observations": ({"replay/obs_error": 0.5}, "observations_of_other_steps"),
    "constant observations": (
        {"replay/vector_std": 0.0, "replay/camera_std": 0.0},
        "blind_agent",
    ),
    "unseen observations": ({"sees/q_vector": 1e-8, "sees/q_camera": 0.0}, "blind_agent"),
    "unseen action": ({"sees/q_action": 1e-8}, "critic_ignores_action"),
    "no exploration": ({"env/exploration": 0.0}, "exploration_missing"),
    "much exploration": ({"env/exploration": 0.3}, "exploration_enlarged"),
    "exploration above": ({"env/exploration_side": 0.6}, "exploration_biased"),
    "exploration below": ({"env/exploration_side": -0.6}, "exploration_biased"),
    "maximum": (
        {"bellman/target_error": 0.01, "bellman/target_error_of_maximum": 1e-7},
        "target_of_maximum",
    ),
    "gamma squared": (
        {"bellman/target_error": 0.01, "bellman/discount": 0.9801},
        "target_discount",
    ),
    "gradients add up": ({"gradients/critic_mlp_left_over": 0.9}, "gradients_add_up"),
    "gradients of an actor that is never stepped": (
        {"gradients/actor_mlp_left_over": 0.9, "weights/actor_mlp_l2": 7.0},
        "actor_frozen",
    ),
    "steps of the critic too small for its weights": (
        {"weights/critic_reached": 0.8, "weights/critic_mlp_l2": 9.0},
        "critic_frozen",
    ),
    "another target": ({"bellman/target_error": 0.01}, "target_miscomputed"),
    "no smoothing": ({"bellman/target_noise": 0.0}, "target_action_wrong"),
    "no clip": ({"bellman/target_noise": 0.8}, "target_action_wrong"),
    "target actions beyond": ({"bellman/target_action": 1.2}, "target_action_wrong"),
    "smoothing to one side": ({"bellman/target_noise_side": 1.0}, "target_action_wrong"),
    "one critic trained": ({"weights/critic_reached": 0.5}, "critic_partly_trained"),
    "actor moves the critic": ({"weights/critic_moved_by_actor": 1.0}, "optimisers_overlap"),
    "critic moves the actor": ({"weights/actor_moved_by_critic": 1.0}, "optimisers_overlap"),
    "target actor stands": ({"targets/actor_tau": 0.0}, "target_frozen"),
    "target critic copied": ({"targets/critic_tau": 1.0}, "target_not_averaged"),
    "target is the network": ({"targets/actor_lag": 0.0}, "target_not_averaged"),
    "wrong sign": ({"policy/gradient_alignment": -1.0}, "actor_descends"),
    "steps downhill": ({"policy/ascent": -0.2}, "actor_descends"),
    "tiny steps": ({"weights/critic_mlp_step": 1e-6}, "weights_barely_move"),
}


def run_with(changes: dict[str, float], recipe: Recipe) -> Run:
    run = make(recipe)
    for tag, value in {**SOUND, **changes}.items():
        run.set(tag, value)
    return run


def judge(run: Run, *, promised: bool = True) -> GateResult:
    info = run.run_info()
    if info is not None:
        info = structs.replace(info, evidence=promised, train={**CONFIG, **info.train})
    return judge_log(
        run.log(),
        run=info,
        directory=Path("run"),
        gate=load_gate("5k"),
        stage="5k",
        planned_steps=run.recipe.steps,
    ).result


def causes(result: GateResult) -> list[str]:
    return [diagnosis.cause for diagnosis in result.diagnoses]


LAWS = {law.name for law in MEASURED_AGAIN}


@pytest.mark.parametrize("own", [False, True], ids=["another trainer", "our trainer"])
@pytest.mark.parametrize("seed", [0, 3])
def test_sound_evidence_is_silent(seed: int, own: bool) -> None:
    result = judge(run_with({}, Recipe(seed=seed, own=own)))
    broken = [f.check for f in result.findings if f.law in LAWS and f.outcome is not Outcome.PASS]
    assert broken == []
    assert causes(result) == []


@pytest.mark.parametrize(("changes", "cause"), FAULTS.values(), ids=FAULTS)
def test_each_fault_is_a_no_go_and_named_first(changes: dict[str, float], cause: str) -> None:
    result = judge(run_with(changes, Recipe(own=True)))
    assert result.verdict is Verdict.NO_GO
    assert causes(result)[:1] == [cause]
    assert all(any(c.isdigit() for c in line) for line in result.diagnoses[0].evidence[:1])


def test_entries_that_q_does_not_see_are_a_question() -> None:
    result = judge(run_with({"sees/q_entries": 0.5}, Recipe(own=True)))
    assert result.verdict is Verdict.CONDITIONAL
    assert causes(result) == ["entries_unseen"]


def test_a_run_of_an_earlier_revision_is_judged_without_evidence() -> None:
    plain = judge(make(Recipe(own=True)), promised=False)
    measured = {f.check for f in plain.findings if f.law in LAWS}
    assert measured <= {"targets_move", "critic_explains_targets", "actor_above_replay"}
    assert "rewards_are_the_environments" in {skipped.check for skipped in plain.not_applicable}


def test_evidence_that_was_promised_and_is_missing_is_no_go() -> None:
    result = judge(make(Recipe(own=True)))
    missing = {f.check for f in result.findings if f.outcome is Outcome.INCONCLUSIVE and f.required}
    assert {"rewards_are_the_environments", "target_identity", "targets_follow"} <= missing
    assert result.verdict is Verdict.NO_GO


def test_no_noise_on_target_actions_is_right_where_none_is_configured() -> None:
    for noise, verdict in ((0.0, Outcome.PASS), (0.3, Outcome.FAIL)):
        run = run_with({"bellman/target_noise": noise}, Recipe(own=True))
        info = structs.replace(
            run.run_info(), evidence=True, train={**CONFIG, "target_policy_noise": 0.0}
        )
        result = judge_log(
            run.log(), run=info, directory=Path("run"), gate=load_gate("5k"), stage="5k",
            planned_steps=run.recipe.steps,
        ).result  # fmt: skip
        assert {f.check: f.outcome for f in result.findings}["target_smoothing"] is verdict


def test_encoders_in_bfloat16_are_not_held_to_exact_identities() -> None:
    run = run_with({"bellman/target_error": 0.003}, Recipe(own=True))
    info = structs.replace(run.run_info(), evidence=True, train={**CONFIG, "precision": "bf16"})
    result = judge_log(
        run.log(), run=info, directory=Path("run"), gate=load_gate("5k"), stage="5k",
        planned_steps=run.recipe.steps,
    ).result  # fmt: skip
    assert "target_identity" in {skipped.check for skipped in result.not_applicable}


def test_targets_that_stand_while_the_critic_moves_are_found_without_evidence() -> None:
    run = make(Recipe(train_freq=1))
    sound = judge(run)
    assert "targets_move" not in {
        f.check for f in sound.findings if f.outcome in (Outcome.WARN, Outcome.FAIL)
    }
    q1 = run.get("train/q1_value").copy()
    run.set_values(q1, np.full(len(q1), 0.1))
    frozen = judge(run)
    assert {f.check: f.outcome for f in frozen.findings}["targets_move"] is Outcome.FAIL
    assert "target_frozen" in causes(frozen)


def test_targets_that_are_configured_to_stand_are_found_as_well() -> None:
    run = make(Recipe(train_freq=1, own=True))
    q1 = run.get("train/q1_value").copy()
    run.set_values(q1, np.full(len(q1), 0.1))
    info = structs.replace(run.run_info(), train={**CONFIG, "tau": 0.0})
    moved = targets_move(RunFacts(log=run.log(), run=info, stage="5k", planned_steps=5_000))
    assert isinstance(moved, Quantity)
    assert moved.series.values[0] < 0.02


@pytest.mark.parametrize(("last", "judged"), [(-0.5, True), (0.1, False)])
def test_few_measured_steps_tell_only_where_all_go_down(last: float, judged: bool) -> None:
    run = run_with({}, Recipe(own=True))
    values = [-0.5, -0.4, -0.9, -0.5, last]
    run.tags["policy/ascent"] = series("policy/ascent", [1100, 1200, 1400, 1800, 2600], values)
    facts = RunFacts(log=run.log(), run=run.run_info(), stage="5k", planned_steps=5_000)
    assert isinstance(actor_ascent(facts), Quantity) is judged


@pytest.mark.parametrize("points", [1, 2])
@pytest.mark.parametrize("without", ["", "policy/gradient_alignment"])
def test_evidence_of_a_run_with_few_updates_is_not_missed(points: int, without: str) -> None:
    run = run_with({}, Recipe(own=True))
    for tag in EVIDENCE_TAGS:
        if tag in run.tags:
            run.tags[tag] = run.tags[tag].where(slice(points))
    run.tags.pop(without, None)
    assert judge(run).verdict is not Verdict.NO_GO


def test_values_that_are_no_numbers_say_nothing_of_blindness() -> None:
    not_finite = dict.fromkeys(
        ("replay/vector_std", "replay/camera_std", "sees/q_vector", "sees/q_camera"), math.nan
    )
    result = judge(run_with(not_finite, Recipe()))
    assert "blind_agent" not in {diagnosis.cause for diagnosis in result.diagnoses}
    outcomes = {f.check: f.outcome for f in result.findings}
    assert outcomes["observations_vary"] is not Outcome.FAIL
