"""What a stage bought: gained, kept or lost against the stages before, at a known error."""

import numpy as np
import pytest

from gates.audit.stages_before import (
    LOST_BY_LUCK,
    StageAfresh,
    compare_stages,
    policy_to_take,
    stage_gain,
)
from gates.findings import Outcome
from gates.runs.afresh import Afresh, PolicyAfresh
from gates.sign_flips import sign_flip_p


def stage(name, *, seed=7, untrained=(0.0, 1.0), **policies):
    made = {"untrained": untrained, **policies}
    return StageAfresh(
        name,
        "run-001",
        Afresh(
            format=1,
            first_seed=seed,
            policies=tuple(
                PolicyAfresh(policy=policy, step=100, returns=tuple(map(float, returns)))
                for policy, returns in made.items()
            ),
        ),
    )


def around(mean, *, count=30, seed=0):
    return mean + np.random.default_rng(seed).normal(0.0, 5.0, count)


@pytest.mark.parametrize(
    ("own", "bought", "outcome"),
    [
        (around(140), "gained", Outcome.PASS),
        (around(101, seed=1), "kept", Outcome.PASS),
        (around(60), "lost", Outcome.WARN),
        (around(95), "kept", Outcome.PASS),
    ],
    ids=["better", "equal", "worse", "a loss of a twentieth"],
)
def test_a_stage_is_compared_with_the_best_before(own, bought, outcome):
    before = [stage("5k", last=around(20)), stage("50k", last=around(80), best=around(100))]
    mine = stage("1m", last=own)
    assert compare_stages(mine, before).bought == bought
    finding = stage_gain(mine, before)
    assert finding.outcome is outcome
    assert finding.required
    if outcome is Outcome.WARN:
        assert "take the best policy of 50k" in finding.fact


def test_the_better_policy_of_a_stage_counts():
    before = [stage("50k", last=around(100))]
    assert compare_stages(stage("1m", last=around(20), best=around(100)), before).bought == "kept"


def test_few_episodes_and_other_episodes_decide_nothing():
    before = [stage("50k", last=around(100))]
    assert compare_stages(stage("1m", last=around(20, count=5)), before).bought == "kept"
    assert stage_gain(stage("1m", seed=8, last=around(20)), before) is None
    assert stage_gain(stage("5k", last=around(20)), []) is None


def test_the_policy_to_take_is_the_best_over_what_all_ran():
    lucky = stage("5k", last=[500.0] * 5)
    stages = [lucky, stage("50k", last=around(90), best=around(100)), stage("1m", last=around(80))]
    taken = policy_to_take(stages)
    assert (taken.stage, taken.policy.policy) == ("50k", "best")
    assert policy_to_take([]) is None


def test_a_stage_that_lost_is_not_taken_because_it_ran_more_episodes():
    before = stage("50k", last=around(60, count=10), best=around(140, count=10))
    lost = stage("1m", last=around(2), best=around(6))
    assert "take the best policy of 50k" in stage_gain(lost, [before]).fact
    taken = policy_to_take([before, lost])
    assert (taken.stage, taken.policy.policy) == ("50k", "best")


def test_equal_policies_are_called_lost_no_more_often_than_allowed():
    rng = np.random.default_rng(3)
    draws, lost = 300, 0
    for _ in range(draws):
        episodes = rng.normal(100.0, 20.0, 11)
        policies = [episodes + rng.normal(0.0, 10.0, 11) for _ in range(4)]
        mine = stage("1m", last=policies[0], untrained=(100.0,))
        before = [stage("50k", last=policies[1], best=policies[2]), stage("5k", last=policies[3])]
        lost += compare_stages(mine, before).bought == "lost"
    assert lost <= 3 * LOST_BY_LUCK * draws


def test_the_sign_test_counts_every_pattern_of_few_pairs():
    assert sign_flip_p(np.array([1.0, 2.0, 3.0])) == 1 / 8
    assert sign_flip_p(np.array([-1.0, -2.0, -3.0])) == 1.0
    assert sign_flip_p(np.zeros(40)) == 1.0
    assert sign_flip_p(np.ones(60)) < 1e-3
