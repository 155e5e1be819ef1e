"""Learning, in whatever way returns are logged: what rose, what fell, and what decides nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from gates.findings import Finding, NotApplicable, Outcome
from gates.runs.afresh import Afresh, PolicyAfresh
from gates.runs.run_info import RunInfo
from gates.series import Series
from tests.gates.checks.test_checks import check, facts_of, finding
from tests.gates.synthetic_runs import series

PASS, WARN, FAIL = Outcome.PASS, Outcome.WARN, Outcome.FAIL
INCONCLUSIVE = Outcome.INCONCLUSIVE
NAN = math.nan
LEVELS_50K, LEVELS_1M = {"warn": 3, "fail": -3}, {"warn": 4, "fail": 2}
ROLLING = "mean over the last 100 episodes"


def evaluations(values: list[float], first: int = 0, *, spread: float = 10.0) -> list[Series]:
    steps = first + 1000 * np.arange(len(values))
    return [
        series("eval/mean_reward", steps, values),
        series("eval/std_reward", steps, [spread] * len(values)),
        series("eval/episodes", steps, [10.0] * len(values)),
        series("train/q1_value", [500, 510], [1.0, 1.0]),
    ]


def rolling(values: Any, *, every: int = 800, length: float = 200.0) -> list[Series]:
    """Rows as Stable-Baselines3 writes them: one every few episodes, the first with updates already."""
    steps = every * np.arange(1, len(values) + 1)
    return [
        structs.replace(series("train/episode_reward", steps, values), aggregated=ROLLING),
        structs.replace(series("train/episode_length", steps, length), aggregated=ROLLING),
        series("train/critic_loss", steps, 1.0),
    ]


def means_of_100(single: Any, each: int = 4) -> list[float]:
    """Rolling means of single episodes, a row every `each` of them."""
    return [float(np.mean(single[max(0, n - 100) : n])) for n in range(each, len(single) + 1, each)]


def single(returns: Any, *, length: int = 50, starts: int = 1000) -> list[Series]:
    ends = length * np.arange(1, len(returns) + 1)
    return [
        series("train/episode_reward", ends, returns),
        series("train/episode_length", ends, float(length)),
        series("train/q1_value", [starts, starts + 10], [1.0, 1.0]),
    ]


def learning(*found: Series, **keys: Any) -> Finding:
    given = {"type": "improvement", "min_points": 1, "min": LEVELS_50K, **keys}
    return finding(facts_of(*found), **given)


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ([100.0, 120, 200, 190, 210], PASS),
        ([100.0, 100, 101, 99, 101], WARN),
        ([100.0, 60, 55, 50, 65], FAIL),
        ([-1400.0, -1300, -200, -150, -180], PASS),
        ([100.0, NAN, 101, 99], INCONCLUSIVE),
        ([100.0], INCONCLUSIVE),
    ],
)
def test_improvement_over_the_untrained_policy(values: list[float], outcome: Outcome) -> None:
    found = learning(*evaluations(values), last_points=3, min_points=2)
    assert found.outcome is outcome, found.reason


@pytest.mark.parametrize("levels", [LEVELS_50K, LEVELS_1M])
@pytest.mark.parametrize("late", [-1399.999, -1400.0, -1400.001])
def test_a_hair_is_no_effect_either_way(late: float, levels: dict[str, float]) -> None:
    """Without noise a standard error is 0, which makes nothing sure."""
    found = learning(*evaluations([-1400.0, *[late] * 40], spread=0.0), min=levels)
    assert found.outcome is WARN
    assert "is undecided" in found.reason


@pytest.mark.parametrize("late", [-1399.99, -1400.01])
def test_a_small_effect_is_undecided_however_sure_it_is(late: float) -> None:
    noise = 1e-4 * np.sin(np.arange(41))
    values = [-1400.0, *([late] * 40 + noise[1:])]
    found = learning(*evaluations(values, spread=1e-4))
    assert found.outcome is WARN
    assert "less than the smallest effect that matters" in found.reason


def test_the_smallest_effect_may_be_configured() -> None:
    values = [-1400.0, -1399.0, -1399.1, -1399.05, -1399.02]
    sure = {"spread": 0.01}
    assert learning(*evaluations(values, **sure)).outcome is WARN
    assert learning(*evaluations(values, **sure), smallest_effect=0.5).outcome is PASS


def test_other_results_of_evaluations_are_judged_as_evaluations() -> None:
    length = [
        structs.replace(s, tag="eval/mean_episode_length")
        for s in evaluations([50.0, 60, 190, 200, 195])[:1]
    ]
    found = learning(*length, *evaluations([0.0] * 5)[1:], tag="eval/mean_episode_length")
    assert found.outcome is PASS
    assert "last 2 evaluations" in found.reason


def test_training_returns_are_no_baseline_of_evaluations() -> None:
    """Rewards may be normalised in training, or hold a penalty only there."""
    rng = np.random.default_rng(0)
    noise = 1.0 + rng.normal(0.0, 0.1, 200)
    after = [s for s in evaluations([-1400.0] * 20, first=2000) if s.tag.startswith("eval/mean")]
    never = learning(*single(-3000.0 * noise), *after)
    assert never.outcome is not PASS
    assert never.tag == "train/episode_reward"
    rising = [structs.replace(s, values=np.linspace(-1400.0, -200.0, 20)) for s in after]
    learned = learning(*single(np.linspace(-5.0, -2.0, 200) * noise), *rising)
    assert learned.outcome is PASS
    assert "20 exploring episodes" not in learned.reason or "against -4." in learned.reason


def test_an_evaluation_after_updates_is_not_called_untrained() -> None:
    """Rows sum up what happened since the row before: the first one bounds the first update from above only."""
    found = learning(
        *rolling([930.0] * 50, every=4000), *evaluations([1000.0] * 50, first=2000)[:1]
    )
    assert found.outcome is WARN
    assert "before any update" not in found.reason
    assert "after updates" in found.reason


def test_a_configured_start_of_learning_tells_which_evaluations_are_untrained() -> None:
    run = RunInfo(source="run.json", train={"learning_starts": 2500})
    facts = facts_of(*evaluations([10.0, 11, 12, 100, 110, 105]), run=run)
    found = finding(facts, type="improvement", min_points=1, min=LEVELS_50K)
    assert found.outcome is PASS
    assert "3 evaluations before any update (steps 0 to 2,000)" in found.reason


def test_a_run_that_learned_and_one_that_failed_never_read_the_same() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0.0, 30.0, 400)
    learned = learning(
        *rolling(means_of_100(np.linspace(-130.0, 250.0, 400) + noise)), min=LEVELS_1M
    )
    failed = learning(*rolling(means_of_100(-120.0 + noise)), min=LEVELS_1M)
    fell = learning(
        *rolling(means_of_100(np.linspace(-60.0, -200.0, 400) + noise)),
        min=LEVELS_1M,
        training_decides=True,
    )
    assert (learned.outcome, failed.outcome, fell.outcome) == (PASS, WARN, FAIL)
    assert "rolling mean of train/episode_reward at step 800" in learned.reason


def test_the_spread_of_single_episodes_is_read_from_rolling_means() -> None:
    from gates.facts.learning import returns_progress

    noise = np.random.default_rng(2).normal(0.0, 30.0, 2000)
    told = returns_progress(facts_of(*rolling(means_of_100(100.0 + noise))))
    assert told is not None
    assert told.before.spread == pytest.approx(30.0, rel=0.2)
    assert told.after.error == pytest.approx(3.0, rel=0.2)


def test_training_returns_that_fell_are_advisory_unless_the_gate_lets_them_decide() -> None:
    falling = single(np.linspace(0.0, -500.0, 200) + np.sin(np.arange(200)))
    assert learning(*falling).outcome is FAIL
    assert not learning(*falling).required
    assert learning(*falling, training_decides=True).required


def test_a_success_rate_is_judged_where_it_is_logged() -> None:
    rates = np.clip(np.linspace(-0.2, 1.0, 60) + 0.02 * np.sin(np.arange(60)), 0.0, 1.0)
    logged = series("rollout/success_rate", 800 * np.arange(1, 61), rates)
    lengths = rolling([0.0] * 60)
    keys: dict[str, Any] = {"tag": "rollout/success_rate", "only_if_logged": True}
    assert learning(logged, *lengths, **keys).outcome is PASS
    never = structs.replace(logged, values=np.zeros(60))
    assert learning(never, *lengths, **keys).outcome is WARN
    absent = check(facts_of(*lengths), type="improvement", min=LEVELS_50K, **keys)
    assert isinstance(absent, NotApplicable)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([1e-6, 1e-3, 1e6]),
    gain=st.floats(-5.0, 5.0),
    kind=st.sampled_from([single, rolling]),
)
def test_the_scale_of_the_rewards_decides_nothing(
    seed: int, scale: float, gain: float, kind: Any
) -> None:
    noise = np.random.default_rng(seed).normal(0.0, 1.0, 300)
    returns = -100.0 + np.linspace(0.0, gain, 300) + noise
    small, plain = (
        learning(*kind(values if kind is single else means_of_100(values)))
        for values in (scale * returns, returns)
    )
    assert small.outcome is plain.outcome
    assert small.value == pytest.approx(plain.value, rel=1e-6)


@pytest.mark.parametrize("kind", [single, rolling])
def test_returns_that_only_scatter_rarely_pass_and_never_fail(kind: Any) -> None:
    outcomes = []
    for seed in range(200):
        returns = np.random.default_rng(seed).normal(0.0, 1.0, 300)
        outcomes.append(
            learning(*kind(returns if kind is single else means_of_100(returns))).outcome
        )
    assert outcomes.count(PASS) <= 3  # beyond three standard errors: 0.1 % of them, on one side
    assert outcomes.count(FAIL) == 0


@pytest.mark.parametrize(("levels", "keys"), [(LEVELS_50K, {}), (LEVELS_1M, {"last_points": 10})])
def test_a_task_in_which_the_policy_hardly_matters_is_undecided(
    levels: dict[str, float], keys: dict[str, Any]
) -> None:
    outcomes = []
    for seed in range(100):
        episodes = np.random.default_rng(seed).normal(100.0, 10.0, (12, 10))
        found = evaluations(list(episodes.mean(axis=1)))
        found[1] = structs.replace(found[1], values=episodes.std(axis=1))
        outcomes.append(learning(*found, min=levels, **keys).outcome)
    assert outcomes.count(WARN) >= 97


@pytest.mark.parametrize(
    ("values", "keys", "outcome"),
    [
        # Returns fell and came back: the policy matters, and nothing was learned.
        ([100.0, *[40.0] * 15, *[100.0] * 15], {}, FAIL),
        ([100.0] * 31, {}, WARN),
        ([100.0] * 31, {"smallest_effect": 60.0}, FAIL),
    ],
)
def test_no_gain_in_a_full_training_fails_where_it_is_known_what_is_at_stake(
    values: list[float], keys: dict[str, Any], outcome: Outcome
) -> None:
    noise = np.random.default_rng(0).normal(0.0, 3.0, len(values))
    given = evaluations(list(np.array(values) + noise), spread=20.0)
    assert learning(*given, min=LEVELS_1M, last_points=10, **keys).outcome is outcome


@pytest.mark.parametrize(("after", "outcome"), [(60.0, PASS), (0.0, WARN)])
def test_training_returns_confirm_evaluations_that_rose_within_their_error(
    after: float, outcome: Outcome
) -> None:
    swinging = [3.0, 148, 40, 10, 60, 100]
    earned = np.r_[np.zeros(20), np.full(80, after)] + np.sin(np.arange(100))
    found = learning(*evaluations(swinging, spread=5.0)[:3], *single(earned))
    assert found.outcome is outcome, found.reason


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ([10.0, 100, 112, 103, 101], PASS),
        ([10.0, 100, 110, 60, 50], WARN),
        ([10.0, 100, 110, 20, 12], FAIL),
    ],
)
def test_retention(values: list[float], outcome: Outcome) -> None:
    found = finding(
        facts_of(*evaluations(values)),
        type="retention",
        last_points=2,
        min_points=3,
        min={"warn": 0.7, "fail": 0.3},
    )
    assert found.outcome is outcome, found.reason


@pytest.mark.parametrize("values", [[10.0, 5, 4, 3], [-1400.0, *[-1399.999] * 9]])
def test_nothing_learned_is_nothing_lost(values: list[float]) -> None:
    facts = facts_of(*evaluations(values))
    assert isinstance(check(facts, type="retention", min={"fail": 0.3}), NotApplicable)


def phases(lengths: list[float], returns: list[float]) -> list[Series]:
    """Twenty exploring episodes, then sixty of learning."""
    ends = np.cumsum([lengths[0]] * 20 + [lengths[1] + i % 2 for i in range(60)]).astype(int)
    earned = [returns[0] + i % 3 for i in range(20)] + [returns[1] + i % 3 for i in range(60)]
    return [
        series("train/episode_length", ends, np.diff(ends, prepend=0)),
        series("train/episode_reward", ends, earned),
        series("train/q1_value", [ends[19] + 1, ends[19] + 2], [1.0, 1.0]),
    ]


@pytest.mark.parametrize("kind", ["collapse", "phase_comparison"])
def test_success_that_ends_episodes_early_is_no_fault(kind: str) -> None:
    keys: dict[str, Any] = {"min": {"fail": 0.4}} if kind == "phase_comparison" else {}
    found = check(facts_of(*phases([999.0, 80.0], [-33.0, 94.0])), type=kind, **keys)
    assert isinstance(found, NotApplicable)
    assert "returns rose" in found.reason


def test_failure_that_prolongs_episodes_is_no_pass() -> None:
    facts = facts_of(*phases([80.0, 300.0], [63.0, -80.0]))
    longer = check(facts, type="phase_comparison", min={"fail": 0.4})
    assert isinstance(longer, NotApplicable)
    assert "returns fell" in longer.reason
    judged = finding(facts, type="improvement", min_points=1, min=LEVELS_50K)
    assert judged.outcome is FAIL


@pytest.mark.parametrize(("later", "outcome"), [(10.0, WARN), (-40.0, FAIL)])
def test_short_even_episodes_are_a_collapse_where_returns_fell(
    later: float, outcome: Outcome
) -> None:
    found = check(facts_of(*phases([60.0, 5.0], [10.0, later])), type="collapse")
    assert isinstance(found, Finding)
    assert found.outcome is outcome


def test_evaluations_that_rose_tell_success_where_training_returns_do_not() -> None:
    runs = phases([60.0, 5.0], [10.0, 10.0])
    assert finding(facts_of(*runs), type="collapse").outcome is WARN
    found = check(facts_of(*runs, *evaluations([-76.0, -3.0, -2.0, -2.5, -2.2])), type="collapse")
    assert isinstance(found, NotApplicable)
    assert "returns rose" in found.reason


@pytest.mark.parametrize("kind", ["collapse", "phase_comparison"])
def test_without_exploration_the_first_episodes_are_the_measure(kind: str) -> None:
    lengths = [60.0] * 5 + [6.0] * 60
    ends = np.cumsum(lengths).astype(int)
    facts = facts_of(
        series("train/episode_length", ends, lengths), series("train/q1_value", [10, 20], [1.0] * 2)
    )
    keys: dict[str, Any] = {"min": {"fail": 0.4}} if kind == "phase_comparison" else {}
    found = check(facts, type=kind, **keys)
    assert isinstance(found, Finding)
    assert found.outcome is FAIL
    assert "first" in found.reason


def test_a_loss_that_luck_explains_is_no_failure() -> None:
    """The best of many means lies above the others without anything having been learned and lost."""
    outcomes = []
    for seed in range(100):
        noise = np.random.default_rng(seed).normal(0.0, 1.0, 41)
        values = [-2.0, *(1.0 * noise[1:])]
        found = check(
            facts_of(*evaluations(values, spread=3.0)),
            type="retention",
            last_points=3,
            min={"warn": 0.7, "fail": 0.3},
        )
        outcomes.append(found.outcome if isinstance(found, Finding) else None)
    assert outcomes.count(FAIL) <= 1


def test_a_loss_smaller_than_what_matters_is_none() -> None:
    values = [0.0, 100.0, 100.2, 100.1, 97.0, 97.0, 97.0]
    found = check(facts_of(*evaluations(values, spread=30.0)), type="retention", min={"fail": 0.99})
    assert isinstance(found, NotApplicable)
    assert "less than what matters" in found.reason


def afresh_of(last: list[float], *, rounds: int = 1) -> Afresh:
    untrained = PolicyAfresh(policy="untrained", step=0, returns=tuple([100.0] * len(last)))
    policy = PolicyAfresh(policy="last", step=5_000, returns=tuple(last))
    return Afresh(format=1, first_seed=1, policies=(untrained, policy), rounds=(5,) * rounds)


def with_afresh(values: list[float], record: Afresh) -> Finding:
    facts = facts_of(*evaluations(values))
    facts.afresh = record
    return finding(facts, type="improvement", min_points=1, min=LEVELS_50K, last_points=3)


SPREAD = [float(x) for x in np.linspace(-4.0, 4.0, 20)]
WITHIN_NOISE = [100.0, 100, 101, 99, 101]


@pytest.mark.parametrize(
    ("gain", "outcome", "claim"),
    [
        (8.0, PASS, "a policy no better than the untrained policy"),
        (-8.0, FAIL, "a policy no worse than the untrained policy"),
        (0.2, WARN, "a policy no better than the untrained policy"),
    ],
)
def test_episodes_afresh_decide_what_evaluations_leave_open(
    gain: float, outcome: Outcome, claim: str
) -> None:
    found = with_afresh(WITHIN_NOISE, afresh_of([100.0 + gain + s for s in SPREAD]))
    assert found.outcome is outcome, found.reason
    assert found.certainty is not None
    assert found.certainty.claim == claim
    assert found.certainty.decided is (outcome is not WARN)
    assert "over 20 paired episodes in 1 round" in found.statistic


def test_what_evaluations_decide_is_not_asked_again() -> None:
    found = with_afresh([100.0, 120, 200, 190, 210], afresh_of([100.0 - s for s in SPREAD]))
    assert found.outcome is PASS
    assert found.statistic.endswith("in standard errors")


def test_who_looks_too_often_decides_nothing() -> None:
    better = [108.0 + s for s in SPREAD]
    assert with_afresh(WITHIN_NOISE, afresh_of(better, rounds=5)).outcome is PASS
    assert with_afresh(WITHIN_NOISE, afresh_of(better, rounds=6)).outcome is WARN


def test_the_number_of_episodes_that_would_decide() -> None:
    # A gain of one standard error of five needs nine times as many for three.
    differences = [-10.0, 0.0, 10.0, 20.0, 30.0]
    found = with_afresh(WITHIN_NOISE, afresh_of([100.0 + d for d in differences]))
    error = float(np.std(differences, ddof=1)) / math.sqrt(5)
    assert found.outcome is WARN
    assert found.certainty is not None
    assert found.certainty.more == math.ceil(5 * (3 * error / 10.0) ** 2 - 5)
    # All patterns of five signs: the mean is as large in few of 32.
    assert found.certainty.p == pytest.approx(5 / 32, abs=2 / 32)


def test_without_paired_episodes_there_is_no_probability() -> None:
    found = learning(*evaluations([100.0, 120, 200, 190, 210]), last_points=3)
    assert found.certainty is not None
    assert found.certainty.p is None
    assert found.certainty.model.endswith("standard errors")


def test_a_run_that_began_with_a_policy_is_not_held_against_an_untrained_one() -> None:
    facts = facts_of(*evaluations(WITHIN_NOISE), run=RunInfo(source="given", warm_start=True))
    facts.afresh = afresh_of([108.0 + s for s in SPREAD])
    found = finding(facts, type="improvement", min_points=1, min=LEVELS_50K, last_points=3)
    assert found.outcome is WARN
    assert found.certainty is not None
    assert found.certainty.p is None
