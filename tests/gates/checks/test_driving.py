"""Checks of driving: rates with intervals, and returns that rise without driving."""

from __future__ import annotations

import numpy as np
import pytest

from gates.checks.gate_file import load_gate
from gates.diagnosis.diagnose import diagnose
from gates.errors import GateConfigError
from gates.facts.run_facts import RunFacts
from gates.findings import Finding, NotApplicable, Outcome
from gates.metrics import wilson_interval
from gates.runs.drives import FinalEvaluation
from gates.schema import plain, read
from gates.series import Series
from tests.gates.checks.test_checks import OWN, check, facts_of, finding
from tests.gates.synthetic_runs import series

PASS, WARN, FAIL = Outcome.PASS, Outcome.WARN, Outcome.FAIL
RATE = {"type": "episode_rate", "name": "collision rate", "max": {"warn": 0.1}}
COLLISIONS = ["end_collision_vehicle", "end_collision_other"]
HACKING = {"type": "reward_against_driving", "min": {"fail": 0.1}}


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    # Newcombe 1998, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)  # fmt: skip
def test_wilson_interval_is_that_of_the_tables(hits, of, low, high):
    found = wilson_interval(hits, of)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert found.estimate == hits / of


def test_wilson_interval_of_all_ends_at_one():
    assert wilson_interval(20, 20).high == pytest.approx(1.0)
    assert wilson_interval(1, 1).low > 0.0


def rates(group: str, vehicle: float, other: float, episodes: float) -> list[Series]:
    counted = "eval/episodes" if group == "eval_driving" else f"{group}/episodes"
    return [
        series(f"{group}/end_collision_vehicle", [1000], [vehicle]),
        series(f"{group}/end_collision_other", [1000], [other]),
        series(counted, [1000], [episodes]),
    ]


@pytest.mark.parametrize(
    ("rate", "episodes", "outcome"),
    [
        (0.0, 10, PASS),
        (0.3, 10, WARN),
        # 20 % of ten episodes can be chance, of a hundred it cannot.
        (0.2, 10, PASS),
        (0.2, 100, WARN),
        (0.1, 100, PASS),
    ],
)
def test_a_rate_breaks_its_level_only_with_its_whole_interval(rate, episodes, outcome):
    facts = facts_of(*rates("held_out_driving", rate, 0.0, episodes))
    found = finding(facts, **RATE, measures=COLLISIONS)
    assert found.outcome is outcome
    assert found.value == pytest.approx(wilson_interval(round(rate * episodes), episodes).low)


def test_both_kinds_of_collisions_count_and_numbers_are_said():
    facts = facts_of(*rates("held_out_driving", 0.2, 0.1, 100))
    found = finding(facts, **RATE, measures=COLLISIONS)
    assert "30 of 100 episodes on held-out routes" in found.reason
    assert "interval 21.9% to 39.6%" in found.reason
    assert found.fact == "collision rate is 30%, clearly above 10%"


def test_held_out_routes_come_first_and_evaluations_on_the_way_last():
    way = rates("eval_driving", 0.9, 0.0, 10)
    end = rates("final_driving", 0.5, 0.0, 10)
    held_out = rates("held_out_driving", 0.0, 0.0, 10)
    for found, word in (
        (way, "last evaluation"),
        ([*way, *end], "training"),
        ([*way, *end, *held_out], "held-out"),
    ):
        assert word in finding(facts_of(*found), **RATE, measures=COLLISIONS).reason


def test_too_few_episodes_decide_nothing_and_are_never_required():
    facts = facts_of(*rates("eval_driving", 1.0, 0.0, 3), run=OWN)
    found = finding(facts, **RATE, measures=COLLISIONS)
    assert (found.outcome, found.required) == (Outcome.INCONCLUSIVE, False)


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_rates_that_are_no_numbers_never_pass(broken):
    facts = facts_of(*rates("eval_driving", broken, 0.0, 10))
    assert finding(facts, **RATE, measures=COLLISIONS).outcome is Outcome.INCONCLUSIVE


@pytest.mark.parametrize("name", ["50k", "1m"])
def test_no_check_of_driving_applies_without_its_tags(name):
    facts = facts_of(series("eval/mean_reward", [0, 1000], [1.0, 2.0]), run=OWN)
    kinds = ("episode_rate", "reward_against_driving", "reward_ranks_drivers")
    checks = [
        c
        for c in load_gate(name).checks
        if c.type in kinds or getattr(c, "tag", "").startswith("eval_driving/")
    ]
    assert len(checks) >= 3
    for one in checks:
        assert isinstance(check(facts, **plain(one)), NotApplicable), one.id


def test_an_unknown_measure_is_a_mistake():
    with pytest.raises(GateConfigError, match="did you mean 'end_stalled'"):
        check(facts_of(), **RATE, measures=["end_staled"])


def run(returns, completion, success=None, *, spread=5.0, first=0) -> list[Series]:
    count = len(returns)
    steps = first + 1000 * np.arange(count)
    success = [0.0] * count if success is None else success
    return [
        series("eval/mean_reward", steps, returns),
        series("eval/std_reward", steps, [spread] * count),
        series("eval/episodes", steps, [10.0] * count),
        series("eval_driving/route_completion", steps, completion),
        series("eval_driving/success", steps, success),
        series("train/q1_value", [500, 510], [1.0, 1.0]),
    ]


RISING = [-20.0, 0.0, 10.0, 22.0, 25.0, 24.0, 26.0]
FLAT = [0.05, 0.04, 0.06, 0.05, 0.05, 0.04, 0.05]


def test_returns_that_rise_without_driving_fail_and_are_named():
    facts = facts_of(*run(RISING, FLAT))
    found = finding(facts, **HACKING)
    assert found.outcome is FAIL
    assert "driving did not get better" in found.fact
    assert "-20" in found.reason
    assert "0.05" in found.reason
    assert next(d.cause for d in diagnose(facts, (found,)).diagnoses) == "reward_hacking"


def test_a_small_rise_of_returns_is_enough_where_driving_fell():
    little = [-16.0, -15.0, -12.0, -10.0, -9.0, -9.5, -9.0]
    falling = [0.31, 0.2, 0.1, 0.1, 0.11, 0.1, 0.1]
    assert finding(facts_of(*run(little, falling)), **HACKING).outcome is FAIL
    assert isinstance(check(facts_of(*run(little, FLAT)), **HACKING), NotApplicable)


@pytest.mark.parametrize(
    ("completion", "success"),
    [
        # More of the route is driven, although every episode still ends in a crash.
        ([0.05, 0.1, 0.2, 0.3, 0.35, 0.33, 0.36], None),
        # The same part of the routes, but more of them to the end.
        ([0.3] * 7, [0.0, 0.1, 0.2, 0.3, 0.3, 0.3, 0.3]),
        # Little more of the route, but beyond any doubt.
        ([0.1, 0.16, 0.17, 0.165, 0.17, 0.168, 0.17], None),
        # So uncertain that it may have become better.
        ([0.05, 0.3, 0.0, 0.4, 0.0, 0.3, 0.05], None),
    ],
)
def test_returns_that_rise_with_driving_pass(completion, success):
    assert finding(facts_of(*run(RISING, completion, success)), **HACKING).outcome is PASS


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(run([-20.0] * 7, FLAT), id="returns that did not rise"),
        pytest.param(run(RISING, FLAT, spread=30.0), id="a rise within single episodes' spread"),
        pytest.param(run(RISING, [0.9] * 7, [0.9] * 7), id="routes that were driven already"),
        pytest.param(run(RISING, FLAT, first=2000), id="no evaluation before learning"),
        pytest.param(run(RISING, FLAT)[:3], id="no driving"),
        pytest.param(run([-20.0], [0.1]), id="one evaluation"),
    ],
)
def test_nothing_is_said_without_a_rise_to_explain(found):
    assert isinstance(check(facts_of(*found), **HACKING), NotApplicable)


def test_route_completion_is_judged_as_evaluations_are():
    keys = next(c for c in load_gate("50k").checks if c.id == "route_completion")
    rising = run(RISING, [0.05, 0.2, 0.3, 0.4, 0.5, 0.5, 0.6])
    found = check(facts_of(*rising), **plain(keys))
    assert isinstance(found, Finding)
    assert found.outcome is PASS
    found = check(facts_of(*run(RISING, FLAT)), **plain(keys))
    assert found.outcome is WARN
    assert not found.required


RANKS = {"type": "reward_ranks_drivers", "max": {"fail": 0.1}}


def drives(driver: str, returns, completion, success) -> dict:
    count = len(returns)
    columns = zip(returns, np.resize(completion, count), np.resize(success, count), strict=True)
    return {
        "driver": driver,
        "routes": "held_out",
        "conditions": {},
        "missing": "",
        "episodes": [
            {
                "return": float(total),
                "ending": "time_limit",
                "success": bool(good),
                "route_completion": float(share),
                "mean_speed_mps": 5.0,
                "comfortable_share": 1.0,
                "driving_score_2_0": 0.0,
                "driving_score_2_1": 0.0,
            }
            for total, share, good in columns
        ],
    }


def ranked(policy: dict, rules: dict | None):
    final = {"format": 1, "step": 1000, "drives": [policy, *([rules] if rules else [])]}
    log = facts_of(series("held_out_driving/route_completion", [1000], [0.5])).log
    return RunFacts(
        log=log,
        run=None,
        stage="50k",
        planned_steps=1000,
        final=read(final, FinalEvaluation),
    )


GOOD = drives("rule_based", [-60.0 + k for k in range(20)], 1.0, True)


def test_who_earns_more_than_a_driver_who_drives_better_is_named():
    facts = ranked(drives("policy", [10.0 + k for k in range(20)], 0.2, False), GOOD)
    found = finding(facts, **RANKS)
    assert (found.outcome, found.value) == (FAIL, 1.0)
    assert "return 19.5, route completion 20%, success 0%" in found.reason
    assert "return -50.5, route completion 100%, success 100%" in found.reason
    assert next(d.cause for d in diagnose(facts, (found,)).diagnoses) == "reward_hacking"


@pytest.mark.parametrize(
    ("completion", "success", "outcome"),
    [
        (1.0, True, PASS),
        (0.95, True, PASS),
        # Three of twenty fail: fewer than two standard errors from a tenth.
        (1.0, [True] * 17 + [False] * 3, PASS),
        (1.0, [True] * 10 + [False] * 10, FAIL),
        (0.8, True, FAIL),
    ],
)
def test_who_earns_more_and_drives_as_well_passes(completion, success, outcome):
    policy = drives("policy", [10.0 + k for k in range(20)], completion, success)
    assert finding(ranked(policy, GOOD), **RANKS).outcome is outcome


@pytest.mark.parametrize("shift", [0.0, 1e3, -1e3])
@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_a_policy_that_still_learns_is_never_accused(shift, scale):
    learner = drives("policy", scale * (np.arange(20.0) - 70.0) + shift, 0.1, False)
    rules = drives("rule_based", scale * np.arange(20.0) + shift, 1.0, True)
    assert isinstance(check(ranked(learner, rules), **RANKS), NotApplicable)


@pytest.mark.parametrize(
    ("policy", "rules"),
    [
        pytest.param(drives("policy", [5.0] * 20, 0.1, False), None, id="nobody drives by rules"),
        pytest.param(drives("policy", [5.0] * 3, 0.1, False), GOOD, id="other routes"),
        pytest.param(
            drives("policy", [-50.0, 90.0] * 10, 0.1, False),
            drives("rule_based", [30.0, -20.0] * 10, 1.0, True),
            id="returns that chance explains",
        ),
    ],
)
def test_nothing_is_compared_without_a_clear_difference(policy, rules):
    assert isinstance(check(ranked(policy, rules), **RANKS), NotApplicable)
