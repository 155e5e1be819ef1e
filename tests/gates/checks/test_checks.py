"""One table for each check type: what passes, warns, fails, and what cannot be judged."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from gates.checks.gate_file import parse_gate
from gates.checks.run import run_checks
from gates.facts.run_facts import RunFacts
from gates.findings import Finding, NotApplicable, Outcome, Verdict
from gates.judgement import judge_log
from gates.runs.run_info import RunInfo
from gates.series import Series
from tests.gates.synthetic_runs import Recipe, Run, log_of, make, series, stopped_early

PASS, WARN, FAIL = Outcome.PASS, Outcome.WARN, Outcome.FAIL
INCONCLUSIVE = Outcome.INCONCLUSIVE
NAN, INF = math.nan, math.inf


def facts_of(
    *found: Series,
    run: RunInfo | None = None,
    planned_steps: int | None = 100,
    next_steps: int | None = None,
) -> RunFacts:
    return RunFacts(
        log=log_of({s.tag: s for s in found}),
        run=run,
        stage="5k",
        planned_steps=planned_steps,
        next_steps=next_steps,
    )


def check(facts: RunFacts, **keys: Any) -> Finding | NotApplicable:
    common = {
        "id": "it",
        "title": "It",
        "group": "integrity",
        "rationale": "Because.",
        "source": "a source",
    }
    gate = parse_gate({"name": "g", "description": "d", "checks": [{**common, **keys}]}, "g.yaml")
    results = run_checks(gate, facts)
    return (*results.findings, *results.not_applicable)[0]


def finding(facts: RunFacts, **keys: Any) -> Finding:
    found = check(facts, **keys)
    assert isinstance(found, Finding)
    return found


OWN = RunInfo(source="run.json", complete=True)


@pytest.mark.parametrize(
    ("values", "keys", "outcome"),
    [
        ([1, 1, 1], {"max": {"warn": 2, "fail": 3}}, PASS),
        ([2, 2, 2], {"max": {"warn": 2, "fail": 3}}, PASS),
        ([2.5] * 3, {"max": {"warn": 2, "fail": 3}}, WARN),
        ([9, 9, 9], {"max": {"warn": 2, "fail": 3}}, FAIL),
        ([9, 9, 9], {"max": {"warn": 2}}, WARN),
        ([-9, -9, -9], {"max": {"fail": 3}}, PASS),
        ([-9, -9, -9], {"max": {"fail": 3}, "min": {"fail": -3}}, FAIL),
        ([1, 1, 1], {"min": {"warn": 2, "fail": 0}}, WARN),
        ([1, 9, 1], {"max": {"fail": 3}}, PASS),
        ([1, 9, 1], {"max": {"fail": 3}, "statistic": "max"}, FAIL),
        ([9, 1, 1], {"max": {"fail": 3}, "statistic": "max", "window": {"last_points": 2}}, PASS),
        ([INF] * 3, {"max": {"fail": 3}}, FAIL),
        ([NAN, 1, 1], {"max": {"fail": 3}}, INCONCLUSIVE),
        ([NAN] * 3, {"max": {"fail": 3}}, INCONCLUSIVE),
        ([NAN] * 3, {"min": {"fail": 3}}, INCONCLUSIVE),
        ([1], {"max": {"fail": 3}}, INCONCLUSIVE),
        ([9], {"max": {"fail": 3}}, FAIL),
        ([], {"max": {"fail": 3}}, INCONCLUSIVE),
        ([9, 1, 9, 1], {"max": {"fail": 3}, "patience": {"breaches": 2, "of": 3}}, FAIL),
        ([9, 1, 1, 9], {"max": {"fail": 3}, "patience": {"breaches": 2, "of": 3}}, PASS),
    ],
)
def test_limit(values: list[float], keys: dict[str, Any], outcome: Outcome) -> None:
    facts = facts_of(series("a/b", range(10, 10 + len(values)), values))
    found = finding(facts, type="limit", tag="a/b", min_points=2, **keys)
    assert found.outcome is outcome, found.reason


def test_a_limit_names_value_limit_and_first_breach() -> None:
    facts = facts_of(series("a/b", [10, 20, 30], [1, 7, 9]))
    found = finding(facts, type="limit", tag="a/b", min_points=1, max={"warn": 2, "fail": 4})
    assert (found.value, found.limit, found.warn_limit, found.direction) == (7, 4, 2, "max")
    assert (found.first_step, found.last_step, found.points, found.breach_step) == (10, 30, 3, 20)
    assert found.reason == "a/b is 7 (median of all points), above the limit 4, first at step 20."
    assert found.limit_source == "a source"


def test_a_share_of_the_points_never_means_too_few() -> None:
    facts = facts_of(series("a/b", range(20), range(20)))
    found = finding(
        facts, type="limit", tag="a/b", min_points=5, window={"last_share": 0.1}, max={"fail": 99}
    )
    assert found.outcome is PASS
    assert found.points == 5


@pytest.mark.parametrize(
    ("run", "optional", "required"), [(None, True, False), (None, False, True), (OWN, True, True)]
)
def test_what_is_not_logged_is_inconclusive_and_says_what_to_log(
    run: RunInfo | None, optional: bool, required: bool
) -> None:
    facts = facts_of(series("x/y", [1], [1]), run=run)
    found = finding(
        facts, type="limit", tag="a/b", max={"fail": 1}, optional_for_other_trainers=optional
    )
    assert found.outcome is INCONCLUSIVE
    assert found.required is required
    assert found.reason == "cannot be judged: a/b is not logged."


def test_a_probe_is_judged_only_where_it_is_logged() -> None:
    keys: dict[str, Any] = {"type": "limit", "tag": "a/b", "only_if_logged": True, "min_points": 1}
    keys |= {"statistic": "max_abs", "max": {"fail": 0}}
    assert isinstance(check(facts_of(series("x/y", [1], [1])), **keys), NotApplicable)
    assert finding(facts_of(series("a/b", [1, 2], [0, 0])), **keys).outcome is PASS
    assert finding(facts_of(series("a/b", [1, 2], [0, -1e-30])), **keys).outcome is FAIL


def rewards(peak: float, discount: float = 0.99, n: int = 6) -> list[Series]:
    steps = range(10, 10 + n)
    return [
        series("debug/reward_max", steps, [peak] * n),
        series("debug/reward_min", steps, [-1.0] * n),
        series("debug/done_ratio", steps, [0.1] * n),
        series("debug/effective_discount", steps, [0.9 * discount] * n),
    ]


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ([400.0] * 6, PASS),
        ([-400.0] * 6, PASS),
        ([600.0] * 6, WARN),
        ([-600.0] * 6, WARN),
        ([1.0] * 5 + [1001.0], FAIL),
        ([-1001.0] + [1.0] * 5, FAIL),
        ([-INF] + [1.0] * 5, FAIL),
        ([1.0] * 5 + [NAN], INCONCLUSIVE),
        ([1.0] * 3, INCONCLUSIVE),
    ],
)
def test_a_bound_from_the_runs_own_rewards_is_two_sided(
    values: list[float], outcome: Outcome
) -> None:
    q1 = series("train/q1_value", range(10, 10 + len(values)), values)
    found = finding(
        facts_of(q1, *rewards(10.0)),
        type="derived_limit",
        tag="train/q1_value",
        bound="q_value",
        warn_share=0.5,
    )
    assert found.outcome is outcome, found.reason
    if outcome is not INCONCLUSIVE:
        origin = found.limit_origin
        assert origin is not None
        assert (origin.formula, origin.bound) == ("max|r| / (1 - gamma)", pytest.approx(1000))
        assert origin.numbers == "10 / (1 - 0.99)"
        assert origin.factor * origin.bound == found.limit


def test_a_discount_above_one_has_no_bound_and_says_what_was_used() -> None:
    q1 = series("train/q1_value", range(10, 16), [2000.0] * 6)
    found = finding(
        facts_of(q1, *rewards(10.0, discount=1.02)),
        type="derived_limit",
        tag="train/q1_value",
        bound="q_value",
        warn_share=1.0,
    )
    assert found.outcome is WARN
    assert found.limit_origin is not None
    assert "0.99 in place of 1.02" in found.limit_origin.inputs[1]


@pytest.mark.parametrize(("q", "outcome"), [(900.0, PASS), (9_000.0, WARN), (11_000.0, FAIL)])
def test_a_discount_that_nothing_tells_may_be_the_largest_usual_one(
    q: float, outcome: Outcome
) -> None:
    logged = [s for s in rewards(10.0) if s.tag != "debug/effective_discount"]
    found = finding(
        facts_of(series("train/q1_value", range(10, 16), [q] * 6), *logged),
        type="derived_limit",
        tag="train/q1_value",
        bound="q_value",
        warn_share=1.0,
    )
    assert found.outcome is outcome, found.reason


def test_an_untrained_output_beside_tiny_rewards_is_no_breach() -> None:
    q1 = series("train/q1_value", range(10, 16), [0.3] * 6)
    found = finding(
        facts_of(q1, *rewards(1e-4)), type="derived_limit", tag="train/q1_value", bound="q_value"
    )
    # The smallest reward is -1, so only its size counts here.
    assert found.outcome is PASS


def test_without_rewards_there_is_no_bound() -> None:
    q1 = series("train/q1_value", range(10, 16), [1.0] * 6)
    found = finding(facts_of(q1), type="derived_limit", tag="train/q1_value", bound="q_value")
    assert found.outcome is INCONCLUSIVE
    assert "debug/reward_max" in found.reason


@pytest.mark.parametrize(
    ("value", "entropy", "outcome"),
    [(400.0, False, PASS), (1e6, False, FAIL), (1500.0, False, FAIL), (1500.0, True, PASS)],
)
def test_rolling_means_bound_q_where_nothing_better_is_logged(
    value: float, entropy: bool, outcome: Outcome
) -> None:
    mean = "mean over the last 100 episodes"
    tags = [
        structs.replace(
            series("train/episode_length", range(100, 900, 100), 200.0), aggregated=mean
        ),
        structs.replace(
            series("train/episode_reward", range(100, 900, 100), -200.0), aggregated=mean
        ),
        series("debug/actor_q_mean", range(100, 900, 100), -value),
    ]
    if entropy:
        tags.append(series("train/ent_coef", range(100, 900, 100), 0.1))
    found = finding(
        facts_of(*tags, run=RunInfo(source="given", train={"gamma": 0.99})),
        type="derived_limit",
        tag="debug/actor_q_mean",
        bound="q_value",
        fail_share=1.5,
    )
    assert found.outcome is outcome, found.reason
    assert found.limit_origin is not None
    assert mean in found.limit_origin.inputs[0]


def test_episode_rewards_stand_in_for_batch_rewards_and_say_so() -> None:
    steps = [5, 15, 20]
    found = finding(
        facts_of(
            series("train/q1_value", range(30, 36), [7000.0] * 6),
            series("train/episode_length", steps, [5, 10, 5]),
            series("train/episode_reward", steps, [50, 20, 50]),
            run=RunInfo(source="given", train={"gamma": 0.99}),
        ),
        type="derived_limit",
        tag="train/q1_value",
        bound="q_value",
    )
    assert found.outcome is FAIL
    assert found.limit_origin is not None
    assert "5 x the largest mean |reward| per step" in found.limit_origin.inputs[0]
    assert found.limit == pytest.approx(5 * 10 / 0.01)


@pytest.mark.parametrize(
    ("train", "loss", "outcome"),
    [
        ({}, -900.0, PASS),
        ({}, -1100.0, FAIL),
        ({"normalize_actor_loss": True}, -0.99, PASS),
        ({"normalize_actor_loss": True}, -1.2, FAIL),
        ({"normalize_actor_loss": True}, 1.2, FAIL),
        ({"normalize_actor_loss": True, "preact_penalty": 0.02}, 1.1, PASS),
        ({"normalize_actor_loss": True, "preact_penalty": 0.02}, 5.0, FAIL),
        ({"preact_penalty": 0.02}, 1000.1, PASS),
    ],
)
def test_the_range_of_a_guarded_actor_loss(
    train: dict[str, object], loss: float, outcome: Outcome
) -> None:
    steps = range(10, 16)
    facts = facts_of(
        series("train/actor_loss", steps, [loss] * 6),
        series("policy/preact_abs", steps, [1.0] * 6),
        *rewards(10.0),
        run=RunInfo(source="run.json", complete=True, train=train),
    )
    found = finding(facts, type="derived_limit", tag="train/actor_loss", bound="actor_loss")
    assert found.outcome is outcome, found.reason


@pytest.mark.parametrize(
    ("values", "outcome"),
    [([1, 2, 3], PASS), ([1, NAN, 3], FAIL), ([1, INF, 3], FAIL), ([1], INCONCLUSIVE)],
)
def test_finite(values: list[float], outcome: Outcome) -> None:
    facts = facts_of(
        series("train/a", range(5, 5 + len(values)), values), series("other/b", [1], [NAN])
    )
    found = finding(facts, type="finite", prefixes=["train/"], min_points=2)
    assert found.outcome is outcome
    assert found.breach_step == (6 if outcome is FAIL else None)


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ([NAN, NAN, 3, 4], PASS),  # no episode is over yet
        ([NAN, NAN, NAN, NAN], PASS),
        ([NAN, 2, NAN, 4], FAIL),
        ([INF, 2, 3, 4], FAIL),
    ],
)
def test_a_mean_over_no_episode_yet_is_no_fault(values: list[float], outcome: Outcome) -> None:
    means = structs.replace(
        series("train/a", range(4), values), aggregated="mean over the last episodes"
    )
    facts = facts_of(means, series("train/b", range(4), [1.0] * 4))
    found = finding(facts, type="finite", prefixes=["train/"], min_points=2)
    assert found.outcome is outcome
    own = RunInfo(source="run.json", complete=True)
    single = facts_of(series("train/a", range(4), values), run=own)
    assert finding(single, type="finite", prefixes=["train/"], min_points=2).outcome is FAIL


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ([NAN, NAN, 3, 4], PASS),  # not measured yet
        ([NAN, NAN, NAN, NAN], FAIL),
        ([1, NAN, NAN, NAN], FAIL),
        ([NAN, 2, NAN, 4], FAIL),
        ([NAN, 2, NAN, 4, NAN, 5, NAN, 6, NAN], PASS),  # not measured in every row
        ([1, NAN, 3, NAN, 4, NAN, 5, NAN, NAN, NAN], FAIL),
        ([INF, 2, 3, 4], FAIL),
    ],
)
def test_another_trainer_may_log_nan_for_what_it_did_not_measure(
    values: list[float], outcome: Outcome
) -> None:
    steps = range(91, 91 + len(values))
    facts = facts_of(series("train/critic_loss", steps, values))
    found = finding(facts, type="finite", prefixes=["train/"], min_points=2)
    assert found.outcome is outcome, found.reason


def test_what_is_never_finite_may_come_in_the_first_half_of_a_run() -> None:
    keys: dict[str, Any] = {"type": "finite", "prefixes": ["train/"], "min_points": 2}
    never = series("train/critic_loss", [10, 20, 30], NAN)
    early = facts_of(never, series("train/q1_value", [40], 1.0), planned_steps=100)
    late = facts_of(never, series("train/q1_value", [60], 1.0), planned_steps=100)
    assert finding(early, **keys).outcome is PASS
    assert finding(late, **keys).outcome is FAIL


@pytest.mark.parametrize(
    ("values", "loss", "outcome"),
    [
        ([-INF] * 4, 1.0, PASS),  # log-probability of a masked action
        ([-INF, -INF, 2, 3], 1.0, PASS),  # the best return so far
        ([1, 2, -INF, INF], 1.0, PASS),
        ([1, 2, NAN, -INF], 1.0, WARN),
        ([NAN] * 4, 1.0, WARN),
        ([NAN, NAN, 1, 2], 1.0, PASS),
        ([1, 2, NAN, NAN], NAN, FAIL),
    ],
)
def test_a_tag_that_nobody_knows_counts_with_the_losses(
    values: list[float], loss: float, outcome: Outcome
) -> None:
    facts = facts_of(
        series("policy/x", range(91, 95), values),
        series("train/critic_loss", range(91, 95), [1.0, 1.0, loss, loss]),
    )
    found = finding(facts, type="finite", prefixes=["policy/", "train/"], min_points=2)
    assert found.outcome is outcome, found.reason


def test_a_tag_that_nobody_knows_may_be_declared_to_be_nan() -> None:
    odd = series("policy/x", range(91, 95), [1, NAN, NAN, 2])
    facts = facts_of(odd, series("train/critic_loss", range(91, 95), 1.0))
    keys: dict[str, Any] = {"type": "finite", "prefixes": ["policy/", "train/"], "min_points": 2}
    assert finding(facts, **keys).outcome is WARN
    assert finding(facts, **keys, may_be_nan=["policy/x"]).outcome is PASS


@pytest.mark.parametrize(
    ("tags", "outcome"),
    [(["a", "b", "c"], PASS), (["a", "b"], WARN), (["a", "c"], INCONCLUSIVE)],
)
def test_presence(tags: list[str], outcome: Outcome) -> None:
    logged = [series(tag, [1], [1]) for tag in tags]
    other = finding(facts_of(*logged), type="presence", needed=["a", "b"], expected=["c"])
    assert other.outcome is (PASS if outcome is PASS else WARN)
    facts = facts_of(*logged, run=RunInfo(source="run.json", complete=True))
    found = finding(facts, type="presence", needed=["a", "b"], expected=["c"])
    assert found.outcome is outcome
    missing = {"a", "b", "c"} - set(tags)
    assert all(tag in found.reason for tag in missing)


def test_one_of_several_tags_is_enough() -> None:
    keys: dict[str, Any] = {"type": "presence", "needed": ["a"], "any_of": ["b", "c"]}
    assert finding(facts_of(series("a", [1], [1]), series("c", [1], [1])), **keys).outcome is PASS
    found = finding(facts_of(series("a", [1], [1])), **keys)
    assert found.outcome is WARN
    assert "one of b, c" in found.reason


@pytest.mark.parametrize(
    ("last", "planned", "outcome"),
    [
        (1000, 1000, PASS),
        (1010, 1000, PASS),
        (980, 1000, WARN),
        (940, 1000, FAIL),
        (500, 1000, FAIL),
        (1000, None, INCONCLUSIVE),
    ],
)
def test_completeness(last: int, planned: int | None, outcome: Outcome) -> None:
    facts = facts_of(
        series("train/q1_value", range(0, last + 1, 20), 1.0),
        series("strange/axis", [10**9], [1.0]),
        planned_steps=planned,
    )
    assert finding(facts, type="completeness").outcome is outcome


@pytest.mark.parametrize(
    ("rows", "outcome"),
    [
        ([*range(425, 29_000, 130), 29_349], FAIL),
        ([*range(425, 28_000, 130), 28_650, 29_349], WARN),  # rows up to 700 apart, 651 missing
        ([4000], WARN),  # one row every 4 episodes of 1,000: the next one was not due
        ([2000], FAIL),
    ],
)
def test_the_last_row_lies_up_to_the_largest_gap_before_the_end(
    rows: list[int], outcome: Outcome
) -> None:
    planned = 30_000 if rows[-1] > 4000 else 5000
    facts = facts_of(series("train/critic_loss", rows, 1.0), planned_steps=planned)
    assert finding(facts, type="completeness").outcome is outcome


def test_only_known_tags_over_environment_steps_give_a_last_step() -> None:
    updates = structs.replace(series("train/actor_loss", [56_999], 1.0), other_axis="update")
    facts = facts_of(updates, series("train/loss", [1339], 1.0), planned_steps=1000)
    assert facts.last_step is None
    found = finding(facts, type="completeness")
    assert found.outcome is WARN
    assert "known to count environment steps" in found.reason
    own = facts_of(updates, run=RunInfo(source="run.json", complete=True), planned_steps=1000)
    assert finding(own, type="completeness").outcome is INCONCLUSIVE


def test_a_step_counter_that_overflowed_is_said() -> None:
    facts = facts_of(series("train/critic_loss", [2**31 - 1, -(2**31)], 1.0), planned_steps=2**32)
    assert "overflowed" in finding(facts, type="completeness").reason


def test_a_nan_counts_in_a_tag_that_could_not_be_placed() -> None:
    loss = structs.replace(
        series("train/actor_loss", [999, 1999], [1.0, NAN]),
        other_axis="update",
        logged_as="update/loss/actor",
    )
    found = finding(facts_of(loss), type="finite", prefixes=["train/"], min_points=1)
    assert found.outcome is FAIL
    assert "update 1,999" in found.reason
    assert "update/loss/actor" in found.reason


def test_the_trainers_own_word_covers_the_last_logging_interval() -> None:
    done = RunInfo(source="run.json", complete=True, phase="finished", status_step=1000)
    q1 = series("train/q1_value", range(0, 981, 20), 1.0)
    assert finding(facts_of(q1, planned_steps=1000, run=done), type="completeness").outcome is PASS
    assert finding(facts_of(q1, planned_steps=2000, run=done), type="completeness").outcome is FAIL


def episodes(exploring: list[float], learning: list[float]) -> list[Series]:
    lengths = np.array([*exploring, *learning])
    ends = np.cumsum(lengths).astype(np.int64)
    start = int(ends[len(exploring) - 1]) if exploring else 0
    return [
        series("train/episode_length", ends, lengths),
        series("train/q1_value", [start + 1], [1.0]),
    ]


@pytest.mark.parametrize(
    ("exploring", "learning", "outcome"),
    [
        ([10.0, 12, 14, 9, 11] * 4, [10.0, 13, 15, 9, 12] * 8, PASS),
        ([50.0, 60, 55, 45, 52] * 4, [25.0, 24, 26, 23, 22] * 8, WARN),
        ([50.0, 60, 55, 45, 52] * 4, [3.0, 3, 2, 3, 4] * 8, FAIL),
        ([10.0, 200, 3, 40, 5] * 2, [9.0, 5, 180, 3, 20] * 4, PASS),
        ([50.0, 60], [3.0, 3, 2, 3, 4] * 8, INCONCLUSIVE),
    ],
)
def test_episode_lengths_are_compared_as_distributions(
    exploring: list[float], learning: list[float], outcome: Outcome
) -> None:
    facts = facts_of(*episodes(exploring, learning))
    found = finding(facts, type="phase_comparison", min={"warn": 0.8, "fail": 0.25})
    assert found.outcome is outcome, found.reason


@pytest.mark.parametrize("kind", ["phase_comparison", "collapse"])
def test_a_fixed_episode_length_is_no_collapse(kind: str) -> None:
    levels = {"min": {"fail": 0.9}} if kind == "phase_comparison" else {}
    found = check(facts_of(*episodes([200.0] * 10, [200.0] * 40)), type=kind, **levels)
    assert isinstance(found, NotApplicable) or found.outcome is PASS


@pytest.mark.parametrize(
    ("learning", "outcome"),
    [
        ([3.0, 3, 2, 3, 4] * 8, FAIL),
        ([3.0, 30, 2, 13, 40] * 8, PASS),
        ([300.0, 299, 301, 297, 298] * 8, PASS),
        ([3.0, 3, 2], INCONCLUSIVE),
    ],
)
def test_collapse(learning: list[float], outcome: Outcome) -> None:
    facts = facts_of(*episodes([50.0, 60, 30, 45, 52] * 4, learning))
    assert finding(facts, type="collapse").outcome is outcome


@pytest.mark.parametrize("median", [93.0, 95.0, 99.0, 101.0])
def test_collapse_does_not_hang_on_a_few_steps_of_exploration(median: float) -> None:
    exploring = [median - 60, median, median + 90, median - 30, median + 5]
    found = finding(facts_of(*episodes(exploring, [68.0, 66, 67] * 14)), type="collapse")
    assert found.outcome is PASS


class TestRelative:
    checks = (
        {"id": "q", "type": "limit", "tag": "train/q1_value", "max": {"fail": 1e9}},
        {"id": "change", "type": "relative", "check": "q", "max": {"warn": 2, "fail": 5}},
    )

    def judge(self, run: Run, baseline: Any = None, difference: bool = False) -> Any:
        common = {"title": "It", "group": "critic", "rationale": "Because.", "source": "s"}
        checks = [{**common, **c} for c in self.checks]
        if difference:
            checks[1] |= {"change": "difference", "max": {"fail": 1}}
        gate = parse_gate({"name": "g", "description": "d", "checks": checks}, "g.yaml")
        return judge_log(
            run.log(), run=None, directory=Path("r"),
            gate=gate, stage="5k", baseline=baseline,
        ).result  # fmt: skip

    def change(self, result: Any) -> Any:
        return next((f for f in result.findings if f.check == "change"), None)

    def test_no_baseline_no_finding(self) -> None:
        assert self.change(self.judge(make(Recipe()))) is None

    @pytest.mark.parametrize(("factor", "outcome"), [(1.0, PASS), (3.0, WARN), (9.0, FAIL)])
    def test_ratio(self, factor: float, outcome: Outcome) -> None:
        base, run = make(Recipe()), make(Recipe())
        run.set("train/q1_value", factor * run.get("train/q1_value"))
        found = self.change(self.judge(run, self.judge(base)))
        assert found.outcome is outcome
        assert found.value == pytest.approx(factor)

    def test_difference(self) -> None:
        base, run = make(Recipe()), make(Recipe())
        run.set("train/q1_value", 5.0 + run.get("train/q1_value"))
        found = self.change(self.judge(run, self.judge(base), difference=True))
        assert found.outcome is FAIL

    def test_a_failed_run_is_no_measure(self) -> None:
        short = make(Recipe())
        stopped_early(short)
        short.set("train/q1_value", 1e12)
        failed = self.judge(short)
        assert failed.verdict is Verdict.NO_GO
        assert self.change(self.judge(make(Recipe()), failed)) is None
