from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs

from gates.checks.check import Peers
from gates.checks.gate_file import load_gate
from gates.diagnosis.causes import CAUSES
from gates.facts.run_facts import RunFacts
from gates.findings import Finding, GateResult, NotApplicable, Outcome, Verdict
from gates.judgement import judge_log
from tests.gates import synthetic_runs as runs
from tests.gates.synthetic_runs import FAULTS, Recipe, Run, make

RECIPES = {
    "800 updates": Recipe(),
    "another seed": Recipe(seed=7),
    "80 updates": Recipe(train_freq=50, log_every=1),
    "80 updates, few logged": Recipe(train_freq=50, log_every=4, seed=3),
    "small rewards": Recipe(reward_scale=0.1, seed=5),
    "without LayerNorm": Recipe(layer_norm=False, seed=2),
}
HEALTHY = {
    **RECIPES,
    "costs only": Recipe(negative=True, reward=6.0, seed=11),
    "costs, fixed length": Recipe(negative=True, reward=6.0, fixed_length=200, train_freq=1),
    "large rewards": Recipe(reward=3000.0, reward_scale=1.0, seed=4),
    "fixed length": Recipe(fixed_length=100, reward=2.0, seed=13),
}


def judge(run: Run, gate: str = "5k", planned_steps: int | None = None) -> GateResult:
    return judge_log(
        run.log(),
        run=run.run_info(),
        directory=Path("run"),
        gate=load_gate(gate),
        stage=gate,
        planned_steps=planned_steps or run.recipe.steps,
    ).result


def causes(result: GateResult) -> list[str]:
    return [diagnosis.cause for diagnosis in result.diagnoses]


@pytest.mark.parametrize("own", [False, True], ids=["another trainer", "our trainer"])
@pytest.mark.parametrize("recipe", HEALTHY.values(), ids=HEALTHY)
def test_a_healthy_run_is_no_no_go_and_has_no_cause(recipe: Recipe, own: bool) -> None:
    result = judge(make(replace(recipe, own=own)))
    assert result.verdict is not Verdict.NO_GO, result.deciding
    assert causes(result) == []
    assert result.unexplained == ""


@pytest.mark.parametrize("own", [False, True], ids=["another trainer", "our trainer"])
@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("cause", FAULTS)
def test_each_fault_is_a_no_go_and_named_first(cause: str, recipe: Recipe, own: bool) -> None:
    if cause == "target_not_averaged" and not own:
        pytest.skip("without a count of the updates each step may have been one")
    if cause.startswith("reward_") and recipe.reward_scale != 1.0 and not own:
        pytest.skip("an unknown small scale hides a factor on the rewards")
    result = judge(make(replace(recipe, own=own), FAULTS[cause]))
    assert result.verdict is Verdict.NO_GO
    assert causes(result)[:1] == [cause], causes(result)
    first = result.diagnoses[0]
    assert all(any(c.isdigit() for c in text) for text in first.evidence), first.evidence
    assert first.title == CAUSES[cause].title
    assert first.refuted_by
    assert first.fix.text


@pytest.mark.parametrize("own", [False, True], ids=["another trainer", "our trainer"])
def test_a_critic_that_diverges_at_a_proper_discount(own: bool) -> None:
    result = judge(make(Recipe(own=own), runs.slow_critic_divergence))
    assert result.verdict is Verdict.NO_GO
    assert causes(result)[0] == "critic_divergence"
    assert "exponentially" in " ".join(result.diagnoses[0].evidence)


@pytest.mark.parametrize("own", [False, True], ids=["another trainer", "our trainer"])
def test_targets_that_enlarge_values_are_found_before_a_bound_is_broken(own: bool) -> None:
    result = judge(make(Recipe(own=own), runs.enlarged_targets))
    assert result.verdict is Verdict.NO_GO
    assert causes(result)[0] == "critic_divergence"
    failed = {f.check for f in result.findings if f.outcome.value == "FAIL"}
    assert "targets_not_enlarged" in failed
    assert "replay_q_bound" not in failed


def test_falling_values_leave_older_targets_larger() -> None:
    run = make(Recipe())
    value = np.linspace(100.0, 40.0, len(run.steps))
    run.set_values(value, 1.5 * value)
    failed = {f.check for f in judge(run).findings if f.outcome.value == "FAIL"}
    assert "targets_not_enlarged" not in failed


@pytest.mark.parametrize("own", [False, True], ids=["another trainer", "our trainer"])
def test_a_flag_that_is_stored_and_not_used(own: bool) -> None:
    result = judge(make(Recipe(own=own), runs.terminal_flag_not_used))
    assert result.verdict is Verdict.NO_GO
    assert causes(result) == ["terminal_flag_dropped"]


def test_a_collapse_is_named_when_nothing_explains_it() -> None:
    result = judge(make(Recipe(), runs.policy_collapse), gate="50k", planned_steps=5000)
    assert result.verdict is Verdict.NO_GO
    assert causes(result) == ["policy_collapse"]


def test_a_cause_in_the_code_comes_before_what_follows_from_it() -> None:
    run = make(Recipe(), runs.actor_encoder_leak, runs.policy_collapse, runs.stopped_early)
    assert causes(judge(run)) == [
        "actor_encoder_leak",
        "dead_actor",
        "policy_collapse",
        "stopped_early",
    ]


def test_a_short_run_that_is_otherwise_fine_is_only_short() -> None:
    assert causes(judge(make(Recipe(), runs.stopped_early))) == ["stopped_early"]


def test_a_run_that_the_live_gate_ended_is_told_what_the_live_gate_found() -> None:
    run = make(Recipe(), runs.stopped_early)
    live = Finding(
        check="live_gate",
        type="live_gate",
        title="Training not stopped early",
        outcome=Outcome.FAIL,
        required=True,
        reason="Stopped at step 3,000 of 5,000, by the live gate: Q stays in reach: 9,120 is above 1,000.",
    )
    result = judge_log(
        run.log(),
        run=run.run_info(),
        directory=Path("run"),
        gate=load_gate("5k"),
        stage="5k",
        planned_steps=5_000,
        before=(live,),
    ).result
    (stopped,) = result.diagnoses
    assert stopped.cause == "stopped_early"
    assert stopped.evidence == (live.reason,)
    assert "live gate" in stopped.fix.text
    assert "log" not in stopped.fix.text


def test_the_leak_is_told_from_overestimation_with_numbers() -> None:
    result = judge(make(Recipe(layer_norm=False), runs.actor_encoder_leak))
    (text,) = result.diagnoses[0].does_not_explain
    assert "not critic overestimation" in text
    assert "weight decay" in text
    assert any(character.isdigit() for character in text)


def test_another_loss_on_the_actor_encoder_is_no_leak() -> None:
    run = make(Recipe())
    run.set("gradients/actor_cnn_norm", 50.0 * run.get("gradients/actor_mlp_norm"))
    run.set("probe/q1_critic_feat_pi", run.get("debug/actor_q_mean"))
    run.set("weights/critic_cnn_l2", 81.0)
    assert causes(judge(run)) == []


def test_a_probe_of_zero_acquits_a_large_encoder_gradient() -> None:
    run = make(Recipe(own=True))
    run.set("gradients/actor_cnn_norm", 50.0 * run.get("gradients/actor_mlp_norm"))
    result = judge(run)
    assert result.verdict is Verdict.GO
    assert causes(result) == []


def test_a_leak_without_gradient_tags_is_found_by_its_values() -> None:
    run = make(Recipe(layer_norm=False), runs.actor_encoder_leak)
    for tag in [t for t in run.tags if t.startswith(("gradients/", "features/", "policy/"))]:
        del run.tags[tag]
    assert causes(judge(run))[0] == "actor_encoder_leak"


def test_a_leak_without_replay_q_is_found_by_the_critics_small_loss() -> None:
    run = make(Recipe(layer_norm=False), runs.actor_encoder_leak)
    for tag in [t for t in run.tags if t.startswith(("gradients/", "features/", "policy/"))]:
        del run.tags[tag]
    for tag in ("train/q1_value", "train/q2_value", "debug/target_q_mean", "debug/target_q_max"):
        del run.tags[tag]
    assert causes(judge(run))[0] == "actor_encoder_leak"


def test_when_nothing_fits_it_says_what_to_log() -> None:
    run = make(Recipe())
    run.set("train/critic_loss", float("nan"))
    del run.tags["debug/done_ratio"]
    result = judge(run)
    assert result.verdict is Verdict.NO_GO
    assert causes(result) == []
    assert "finite_values" in result.unexplained
    assert "debug/done_ratio" in result.unexplained


def test_a_fix_by_configuration_names_only_keys_that_would_change() -> None:
    run = make(Recipe(own=True), runs.dead_actor)
    result = judge(run)
    config = result.diagnoses[0].fix.config
    assert config["train.preact_penalty"] == 0.02
    assert "train.actor_lr" not in config, "is 1e-4 already"
    assert judge(make(Recipe(), runs.dead_actor)).diagnoses[0].fix.config == {}


def test_wiring_cannot_be_cured_by_configuration() -> None:
    result = judge(make(Recipe(own=True), runs.actor_encoder_leak))
    assert result.diagnoses[0].fix.config == {}
    assert "detach" in result.diagnoses[0].fix.text


def test_a_symptom_says_what_would_find_its_cause() -> None:
    run = make(Recipe(), FAULTS["dead_actor"])
    del run.tags["debug/actor_q_mean"]
    first = judge(run).diagnoses[0]
    assert (first.cause, first.kind, first.heading) == ("dead_actor", "symptom", "Symptom")
    assert list(first.log_next) == ["debug/actor_q_mean"]


def test_a_symptom_comes_after_the_cause_that_explains_it() -> None:
    found = judge(make(Recipe(), FAULTS["actor_encoder_leak"])).diagnoses
    kinds = [d.kind for d in found]
    assert kinds[0] == "cause"
    assert "symptom" in kinds
    assert all(d.log_next == {} for d in found)


@pytest.mark.parametrize(("value_first", "named"), [(False, True), (True, False)])
def test_rewards_that_are_not_finite_are_told_from_values_that_are_not(
    value_first: bool, named: bool
) -> None:
    run = make(Recipe())
    count = len(run.updates)
    run.set("debug/reward_mean", np.where(np.arange(count) < count // 2, 0.5, np.nan))
    if value_first:
        for tag in ("train/q1_value", "train/critic_loss"):
            run.set(tag, np.where(np.arange(count) < count // 4, 0.5, np.nan))
    assert ("environment_not_finite" in causes(judge(run))) is named


def test_a_hole_in_the_updates_counts_like_their_end() -> None:
    run = make(Recipe())
    for tag, found in run.tags.items():
        if not tag.startswith("train/episode_"):
            kept = (found.steps <= 2_500) | (found.steps == found.steps[-1])
            run.tags[tag] = found.where(kept)
    result = judge(run)
    assert (result.verdict, causes(result)[:1]) == (Verdict.NO_GO, ["updates_stopped"])


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_few_logged_updates_say_nothing_about_their_end(rows: int) -> None:
    run = make(Recipe())
    for tag, found in run.tags.items():
        if not tag.startswith("train/episode_"):
            run.tags[tag] = found.where(slice(0, rows))
    facts = RunFacts(log=run.log(), run=None, stage="5k", planned_steps=5_000)
    check = next(c for c in load_gate("5k").checks if c.id == "updates_go_on")
    said = structs.replace(check, min_points=1).judge(facts, Peers()).finding
    assert isinstance(said, NotApplicable) is (rows < 3)


def test_a_policy_without_noise_is_told() -> None:
    run = make(Recipe())
    run.set("agent/exploration_noise", 0.0)
    result = judge(run)
    assert (result.verdict, causes(result)) == (Verdict.CONDITIONAL, ["exploration_off"])


@pytest.mark.parametrize("tag", ["debug/reward_mean", "train/episode_reward"])
def test_a_reward_that_is_not_finite_is_the_environments(tag: str) -> None:
    run = make(Recipe())
    values = run.tags[tag].values.copy()
    values[len(values) // 2] = np.nan
    run.tags[tag] = structs.replace(run.tags[tag], values=values)
    assert "environment_not_finite" in causes(judge(run))


def test_a_reward_that_the_networks_ruined_is_not_the_environments() -> None:
    run = make(Recipe())
    for tag in ("debug/reward_mean", "train/episode_reward", "train/critic_loss", "train/q1_value"):
        values = run.tags[tag].values.copy()
        values[run.tags[tag].steps >= 3_000] = np.nan
        run.tags[tag] = structs.replace(run.tags[tag], values=values)
    assert "environment_not_finite" not in causes(judge(run))
