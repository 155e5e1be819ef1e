from __future__ import annotations

import numpy as np
import pytest
from msgspec import structs

from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.laws.quantity import Quantity
from gates.laws.table import LAWS, LawName, evaluate
from gates.runs.run_info import RunInfo
from tests.gates.synthetic_runs import (
    FAULTS,
    GAMMA,
    Recipe,
    Run,
    log_of,
    make,
    series,
    terminal_flag_not_used,
)


def facts(run: Run) -> RunFacts:
    return RunFacts(log=run.log(), run=run.run_info(), stage="5k", planned_steps=run.recipe.steps)


def quantity(law: LawName, run: Run) -> Quantity:
    found = evaluate(law, facts(run))
    assert isinstance(found, Quantity), found
    return found


def median(law: LawName, run: Run) -> float:
    return float(np.median(quantity(law, run).series.values))


HEALTHY: dict[LawName, tuple[float, float]] = {
    "actor_q_over_replay_q": (0.9, 1.1),
    "actor_loss_plus_actor_q": (0.0, 0.0),
    "actor_cnn_over_mlp_gradient": (0.3, 2.0),
    "actor_is_dead": (0.0, 0.0),
    "same_limit_everywhere": (0.0, 0.1),
    "actor_weights_move": (1e-4, 1.0),
    "critic_weights_move": (1e-4, 1.0),
    "critics_agree": (0.0, 0.0),
    "batches_repeat": (0.0, 0.0),
    "targets_over_rewards_spread": (1.0, 100.0),
    "q_spread_in_batch": (0.02, np.inf),
    "action_without_tanh": (0.0, 0.0),
    "batch_reward_over_episode_reward": (0.5, 2.0),
    "done_ratio_over_terminations": (0.6, 1.3),
    "discount": (GAMMA, GAMMA),
    "target_network_speed": (0.0, 0.7),
    "bootstrap_over_policy_q": (0.3, 1.05),
    "replay_q_over_returns": (0.0, 1.2),
    "episode_steps_over_steps": (0.99, 1.01),
    "critic_gradient_growth": (0.5, 2.0),
}


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("law", HEALTHY)
def test_a_healthy_run_keeps_the_law(law: LawName, own: bool) -> None:
    if own and law == "actor_cnn_over_mlp_gradient":
        assert isinstance(evaluate(law, facts(make(Recipe(own=True)))), Missing)
        return
    low, high = HEALTHY[law]
    assert low - 1e-9 <= median(law, make(Recipe(own=own, steps=6000))) <= high + 1e-9


BROKEN: list[tuple[LawName, str, float, float]] = [
    ("actor_q_over_replay_q", "actor_encoder_leak", 3.0, np.inf),
    ("actor_cnn_over_mlp_gradient", "actor_encoder_leak", 18.0, np.inf),
    ("actor_is_dead", "dead_actor", 0.9, 1.0),
    ("same_limit_everywhere", "dead_actor", 1.0, 1.0),
    ("actor_weights_move", "actor_frozen", 0.0, 0.0),
    ("critic_weights_move", "critic_frozen", 0.0, 0.0),
    ("critics_agree", "identical_critics", 1.0, 1.0),
    ("batches_repeat", "same_batch", 1.0, 1.0),
    ("targets_over_rewards_spread", "one_target_for_all", 0.0, 1e-5),
    ("q_spread_in_batch", "blind_agent", 0.0, 1e-6),
    ("done_ratio_over_terminations", "terminal_flag_invented", np.inf, np.inf),
    ("action_without_tanh", "unbounded_action", 1.0, 1.0),
    ("batch_reward_over_episode_reward", "reward_scale", 15.0, 25.0),
    ("batch_reward_over_episode_reward", "reward_accumulated", 8.0, 80.0),
    ("distance_to_running_sums", "reward_accumulated", 0.0, 1.5),
    ("distance_to_running_sums", "reward_scale", 2.5, 20.0),
    ("done_ratio_over_terminations", "terminal_flag_dropped", 0.0, 0.0),
    ("discount", "critic_divergence", 1.02, 1.02),
    ("bootstrap_over_policy_q", "reward_scale", 0.0, 1.1),
    ("target_network_speed", "target_not_averaged", 1.0, np.inf),
]


@pytest.mark.parametrize(("law", "fault", "low", "high"), BROKEN)
def test_a_fault_breaks_its_law(law: LawName, fault: str, low: float, high: float) -> None:
    own = law == "target_network_speed"
    values = quantity(law, make(Recipe(layer_norm=False, own=own), FAULTS[fault])).series.values
    value = float(np.quantile(values, 0.95, method="nearest"))
    assert low <= value <= high


@pytest.mark.parametrize("law", LAWS)
def test_every_law_is_named_and_says_what_is_missing(law: LawName) -> None:
    assert LAWS[law].words
    algorithm = next(iter(LAWS[law].algorithms), "TD3")
    empty = RunFacts(
        log=log_of({"x/y": series("x/y", [1], [1.0])}),
        run=RunInfo(source="given", algorithm=algorithm, evidence=True),
        stage="5k",
        planned_steps=None,
    )
    found = evaluate(law, empty)
    assert isinstance(found, Missing)
    assert found.tags
    assert all(tag in found.reason for tag in found.tags)
    assert found.not_applicable is LAWS[law].only_if_logged


def test_small_values_cannot_show_decoupling() -> None:
    run = make(Recipe())
    run.set("train/q1_value", 0.01)
    run.set("debug/actor_q_mean", 4.0)
    assert median("actor_q_over_replay_q", run) <= 1.0


def test_an_mlp_gradient_of_zero_beside_a_live_encoder_is_infinite() -> None:
    run = make(Recipe())
    run.set("gradients/actor_mlp_norm", 0.0)
    assert np.isinf(quantity("actor_cnn_over_mlp_gradient", run).series.values).all()


def test_two_gradients_of_zero_are_a_dead_actor_and_no_leak() -> None:
    run = make(Recipe())
    run.set("gradients/actor_mlp_norm", 0.0)
    run.set("gradients/actor_cnn_norm", 0.0)
    found = evaluate("actor_cnn_over_mlp_gradient", facts(run))
    assert isinstance(found, Missing)
    assert found.not_applicable


def test_a_stored_flag_that_is_not_used_is_lost_all_the_same() -> None:
    run = make(Recipe(), terminal_flag_not_used)
    assert median("done_ratio_over_terminations", run) == 0.0
    assert median("discount", run) == pytest.approx(GAMMA)


def test_episodes_ended_by_the_time_limit_are_no_terminations() -> None:
    found = evaluate("done_ratio_over_terminations", facts(make(Recipe(fixed_length=100))))
    assert isinstance(found, Missing)
    assert found.not_applicable


@pytest.mark.parametrize(("reward", "scale"), [(9.0, 1.0), (9.0, 0.1), (3000.0, 1.0)])
def test_a_known_scale_is_divided_out(reward: float, scale: float) -> None:
    run = make(Recipe(own=True, reward=reward, reward_scale=scale))
    assert 0.5 < median("batch_reward_over_episode_reward", run) < 2.0


def test_rewards_that_cancel_have_no_ratio() -> None:
    run = make(Recipe())
    run.set("debug/reward_mean", run.noise(0.1))
    returns = run.tags["train/episode_reward"]
    alternating = returns.values * np.resize([1.0, -1.0], len(returns))
    run.tags["train/episode_reward"] = structs.replace(returns, values=alternating)
    found = evaluate("batch_reward_over_episode_reward", facts(run))
    assert isinstance(found, Missing)
    assert found.not_applicable


def test_batch_rewards_near_zero_show_beside_episodes_that_earn() -> None:
    run = make(Recipe())
    run.set("debug/reward_mean", 0.0)
    assert median("batch_reward_over_episode_reward", run) == 0.0


def test_scaled_actions_follow_their_tanh() -> None:
    run = make(Recipe())
    z = 0.05 + 0.2 * run.updates
    run.set("policy/preact_abs", z)
    run.set("policy/action_abs", 2.0 * np.tanh(z))
    assert quantity("action_without_tanh", run).series.values.max() == 0.0


def test_a_faster_configured_tau_is_allowed_for() -> None:
    run = make(Recipe(own=True, tau=0.1, learning_starts=500))
    assert quantity("target_network_speed", run).series.values.max() < 1.0


def test_two_runs_in_one_directory_have_too_many_episode_steps() -> None:
    run = make(Recipe())
    lengths = run.tags["train/episode_length"]
    twice = series(lengths.tag, np.repeat(lengths.steps, 2), np.repeat(lengths.values, 2))
    run.tags["train/episode_length"] = twice
    assert median("episode_steps_over_steps", run) == pytest.approx(2.0, rel=0.01)


def test_means_over_episodes_are_no_episodes() -> None:
    run = make(Recipe())
    run.tags["train/episode_length"] = structs.replace(
        run.tags["train/episode_length"], aggregated="means over 100 episodes"
    )
    found = evaluate("episode_steps_over_steps", facts(run))
    assert isinstance(found, Missing)
    assert "means over 100 episodes" in found.reason


class TestFacts:
    def test_gamma_is_measured_before_it_is_believed(self) -> None:
        run = make(Recipe(own=True))
        assert facts(run).gamma.value == pytest.approx(GAMMA)
        assert "debug/effective_discount" in facts(run).gamma.source

    def test_a_configured_gamma_stands_in(self) -> None:
        info = RunInfo(source="c", train={"gamma": 0.5})
        found = RunFacts(log=log_of({}), run=info, stage="s", planned_steps=None).gamma
        assert (found.value, found.source) == (0.5, "gamma of the configuration")

    def test_an_assumed_gamma_says_so(self) -> None:
        found = RunFacts(log=log_of({}), run=None, stage="s", planned_steps=None).gamma
        assert found.value == 0.99
        assert "assumed" in found.source

    def test_learning_starts_at_the_first_update_when_nothing_is_configured(self) -> None:
        run = make(Recipe(own=False))
        start = facts(run).learning_starts
        assert start is not None
        assert start.value == run.steps[0]

    def test_updates_come_from_the_best_source(self) -> None:
        own, other = make(Recipe(own=True)), make(Recipe(own=False))
        assert facts(own).updates_at(own.steps)[0].tolist() == own.updates.tolist()
        counted, source = facts(other).updates_at(other.steps)
        assert (counted >= other.updates - 1).all(), "at most one update per step"
        assert "not logged" in source

    def test_a_time_limit_shows_in_the_lengths(self) -> None:
        ends = np.cumsum([30, 100, 40, 100, 100])
        lengths = series("train/episode_length", ends, [30, 100, 40, 100, 100])
        found = RunFacts(
            log=log_of({lengths.tag: lengths}), run=None, stage="s", planned_steps=None
        )
        episodes = found.episodes
        assert not isinstance(episodes, Missing)
        assert episodes.time_limit is not None
        assert episodes.ended_by_termination.tolist() == [True, False, True, False, False]

    def test_unknown_groups_do_not_move_the_last_step(self) -> None:
        run = make(Recipe())
        last = facts(run).last_step
        run.tags["strange/axis"] = series("strange/axis", [10**9], [1.0])
        assert facts(run).last_step == last


def test_a_full_buffer_forgets_old_episodes() -> None:
    run = make(Recipe(own=True, steps=9000))
    lengths, returns = (run.tags[f"train/episode_{k}"] for k in ("length", "reward"))
    late = lengths.steps > 4000
    run.tags["train/episode_reward"] = structs.replace(
        returns, values=np.where(late, 100.0, 1.0) * lengths.values
    )
    recent = np.where(run.steps > 6000, 100.0, np.where(run.steps > 4000, 50.0, 1.0))
    run.set("debug/reward_mean", recent)
    run.set("agent/buffer_size", np.minimum(run.steps, 2000))
    known = median("batch_reward_over_episode_reward", run)
    assert 0.8 < known < 1.25
    del run.tags["agent/buffer_size"]
    assert median("batch_reward_over_episode_reward", run) > 1.5


def test_clipped_rewards_are_not_compared() -> None:
    run = make(Recipe(own=True))
    info = run.run_info()
    assert info is not None
    clipped = structs.replace(info, train={**info.train, "reward_clip": 1.0})
    found = evaluate(
        "batch_reward_over_episode_reward",
        RunFacts(log=run.log(), run=clipped, stage="5k", planned_steps=5000),
    )
    assert isinstance(found, Missing)
    assert found.not_applicable


def test_a_running_scale_is_divided_out_point_by_point() -> None:
    run = make(Recipe(own=True))
    scale = np.linspace(1.0, 0.01, len(run.steps))
    run.set("debug/reward_mean", run.get("debug/reward_mean") * scale)
    run.set("agent/reward_scale", scale)
    assert 0.5 < median("batch_reward_over_episode_reward", run) < 2.0


@pytest.mark.parametrize(
    ("algorithm", "applies"),
    [("", True), ("td3", True), ("TD3", True), ("ddpg", True), ("td3_bc", True), ("SAC", False)],
)
def test_a_law_of_td3_does_not_apply_to_another_algorithm(algorithm: str, applies: bool) -> None:
    run = make(Recipe())
    told = structs.replace(run.run_info() or RunInfo(source="given"), algorithm=algorithm)
    own = RunFacts(log=run.log(), run=told, stage="5k", planned_steps=run.recipe.steps)
    found = evaluate("actor_loss_plus_actor_q", own)
    assert isinstance(found, Quantity) is applies
    if isinstance(found, Missing):
        assert found.not_applicable
        assert "SAC" in found.reason
    assert isinstance(evaluate("batches_repeat", own), Quantity), "SAC has a replay buffer as well"
    assert isinstance(evaluate("episode_steps_over_steps", own), Quantity), "steps add up anywhere"


@pytest.mark.parametrize("length", [5, 50])
def test_a_value_beyond_the_cut_of_an_episode_is_honest(length: int) -> None:
    run = make(Recipe(fixed_length=length, reward=1.0, own=True))
    run.set("train/q1_value", 100.0)
    assert median("replay_q_over_returns", run) == pytest.approx(1.0, rel=0.02)


def test_a_run_whose_first_episode_outlasts_the_stage_is_not_asked_for_episodes() -> None:
    run = make(Recipe(own=True))
    run.tags = {tag: s for tag, s in run.tags.items() if not tag.startswith("train/episode_")}
    for law in ("replay_q_over_returns", "batch_reward_over_episode_reward"):
        found = evaluate(law, facts(run))
        assert isinstance(found, Missing)
        assert found.not_applicable
    info = run.run_info()
    assert info is not None
    other = RunFacts(
        log=run.log(), run=structs.replace(info, every_episode=False), stage="5k", planned_steps=1
    )
    found = evaluate("replay_q_over_returns", other)
    assert isinstance(found, Missing)
    assert not found.not_applicable


def test_a_discount_of_zero_does_not_hide_terminations() -> None:
    run = make(Recipe())
    run.set("debug/effective_discount", 0.0)
    assert 0.5 < median("done_ratio_over_terminations", run) < 1.5


def test_a_terminal_transition_is_impossible_where_no_episode_terminated() -> None:
    run = make(Recipe(fixed_length=100, own=True))
    run.set("debug/done_ratio", 0.0)
    assert isinstance(evaluate("done_ratio_over_terminations", facts(run)), Missing)
    run.set("debug/done_ratio", 0.01)
    assert median("done_ratio_over_terminations", run) == np.inf


def test_a_critic_alone_is_not_compared_with_a_second_one() -> None:
    run = make(Recipe(own=True))
    for tag in ("train/q2_value", "debug/td_error_q2"):
        del run.tags[tag]
    found = evaluate("critics_agree", facts(run))
    assert isinstance(found, Missing)
    assert found.not_applicable


@pytest.mark.parametrize(("spread", "batches"), [(0.0, 300), (0.1, 6)])
def test_rewards_that_hardly_differ_do_not_show_one_batch(spread: float, batches: int) -> None:
    run = make(Recipe())
    run.set("debug/reward_mean", 1.0)
    run.set("debug/reward_std", spread)
    for tag in ("debug/reward_mean", "debug/reward_std"):
        found = run.tags[tag]
        run.tags[tag] = structs.replace(
            found,
            steps=found.steps[:batches],
            values=found.values[:batches],
            wall_times=found.wall_times[:batches],
        )
    found = evaluate("batches_repeat", facts(run))
    assert isinstance(found, Missing)
    assert found.not_applicable


@pytest.mark.parametrize("size", [1e-300, 1e160, 1e300, np.inf, np.nan])
def test_values_of_any_size_leave_every_law_with_an_answer(size: float) -> None:
    run = make(Recipe(own=True))
    for tag in ("debug/actor_q_mean", "debug/target_q_mean", "train/q1_value", "debug/reward_mean"):
        run.set(tag, size * (1.0 + run.noise(0.3)))
    with np.errstate(all="ignore"):
        for law in LAWS:
            assert isinstance(evaluate(law, facts(run)), Quantity | Missing)


def test_every_law_says_what_it_assumes() -> None:
    for law in LAWS.values():
        assert law.assumes, law.name
        assert [s for s in law.assumes if not s[0].isupper() or not s.endswith(".")] == []


def test_an_action_may_be_worth_a_few_rewards_where_values_cancel() -> None:
    run = make(Recipe())
    run.set("train/q1_value", 0.5)
    run.set("debug/reward_max", 80.0)
    run.set("debug/actor_q_mean", 75.0)
    assert median("actor_q_over_replay_q", run) <= 1.0
    run.set("debug/actor_q_mean", 750.0)
    assert median("actor_q_over_replay_q", run) > 100.0


def test_rare_rewards_do_not_make_one_batch_of_many() -> None:
    run = make(Recipe())
    rare = np.zeros(len(run.steps))
    rare[len(rare) // 2] = 1.0
    run.set("debug/reward_mean", rare)
    run.set("debug/reward_std", rare)
    found = evaluate("batches_repeat", facts(run))
    assert isinstance(found, Missing)
    assert found.not_applicable


def test_episodes_of_few_steps_do_not_show_enlarged_targets() -> None:
    run = make(Recipe())
    run.set("debug/done_ratio", 0.4)
    found = evaluate("bootstrap_over_policy_q", facts(run))
    assert isinstance(found, Missing)
    assert found.not_applicable


@pytest.mark.parametrize("law", ["batch_reward_over_episode_reward", "distance_to_running_sums"])
def test_rewards_of_n_step_returns_are_not_compared(law: LawName) -> None:
    run = make(Recipe())
    run_info = RunInfo(source="config", train={"n_steps": 3})
    found = evaluate(law, RunFacts(log=run.log(), run=run_info, stage="5k", planned_steps=5000))
    assert isinstance(found, Missing)
    assert found.not_applicable


@pytest.mark.parametrize(("own", "unproven"), [(True, False), (False, True)])
def test_frames_may_be_counted_by_another_trainer(own: bool, unproven: bool) -> None:
    run = make(Recipe(own=own))
    lengths = run.tags["train/episode_length"]
    run.tags["train/episode_length"] = structs.replace(lengths, values=4.0 * lengths.values)
    found = quantity("episode_steps_over_steps", run)
    assert found.series.values[0] == pytest.approx(4.0, rel=0.05)
    assert bool(found.unproven) is unproven


def test_a_small_gradient_alone_does_not_prove_a_dead_actor() -> None:
    run = make(Recipe())
    run.set("gradients/actor_mlp_norm", 1e-9)
    del run.tags["policy/tanh_saturation"]
    found = quantity("actor_is_dead", run)
    assert found.series.values.all()
    assert found.unproven


@pytest.mark.parametrize(("answer", "dead"), [(0.0, 1.0), (0.9, 0.0)])
def test_bang_bang_control_is_saturated_and_not_dead(answer: float, dead: float) -> None:
    run = make(Recipe(), FAULTS["dead_actor"])
    run.set("sees/policy_vector", answer)
    assert median("actor_is_dead", run) == dead
    assert median("same_limit_everywhere", run) == pytest.approx(1.0 - answer)


def test_the_bound_leaves_room_for_a_bonus_for_entropy() -> None:
    run = make(Recipe())
    plain = facts(run).q_bound
    run.set("train/ent_coef", 0.2)
    with_bonus = facts(run)
    assert not isinstance(plain, Missing)
    assert not isinstance(with_bonus.q_bound, Missing)
    assert with_bonus.q_bound.high == pytest.approx(4.0 * plain.high)
    assert isinstance(with_bonus.q_reach, Missing)
    assert with_bonus.q_reach.not_applicable


@pytest.mark.parametrize(("differing", "judged"), [(0, False), (4, False), (5, True)])
def test_targets_are_held_against_rewards_only_where_rewards_differ(
    differing: int, judged: bool
) -> None:
    steps = np.arange(1_000, 1_040)
    spread = np.where(np.arange(40) < differing, 0.5, 0.0)
    tags = {
        "debug/target_q_std": series("debug/target_q_std", steps, 1.0),
        "debug/reward_std": series("debug/reward_std", steps, spread),
    }
    known = RunFacts(log=log_of(tags), run=None, stage="5k", planned_steps=5_000)
    found = evaluate("targets_over_rewards_spread", known)
    assert isinstance(found, Quantity) is judged
    assert judged or found.not_applicable  # type: ignore[union-attr]
