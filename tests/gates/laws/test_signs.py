"""Signs: what each one measures, and where it says nothing."""

from __future__ import annotations

import numpy as np
import pytest

from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.laws.quantity import Quantity
from gates.laws.table import LawName, evaluate
from gates.runs.run_info import RunInfo
from tests.gates.synthetic_runs import log_of, series

STEPS = np.arange(0, 55_000, 5_000)
TRAIN = {"learning_starts": 1_000, "gamma": 0.9}


def facts(train: dict | None = None, *, warm_start: bool = False, **tags: object) -> RunFacts:
    named = {tag.replace("__", "/"): values for tag, values in tags.items()}
    run = RunInfo(
        source="run.json",
        planned_steps=50_000,
        train=TRAIN | (train or {}),
        warm_start=warm_start,
    )
    log = log_of({tag: series(tag, STEPS, values) for tag, values in named.items()})
    return RunFacts(log=log, run=run, stage="50k", planned_steps=50_000)


def evaluations(mean: object, length: object, spread: object = 1.7, **more: object) -> RunFacts:
    keys = {"agent__actor_updates": STEPS, "eval__episodes": 10.0} | more
    return facts(
        eval__mean_reward=mean, eval__mean_episode_length=length, eval__std_reward=spread, **keys
    )


def value(law: LawName, found: RunFacts) -> float:
    quantity = evaluate(law, found)
    assert isinstance(quantity, Quantity), quantity
    return float(quantity.series.values[-1])


def why_not(law: LawName, found: RunFacts) -> str:
    missing = evaluate(law, found)
    assert isinstance(missing, Missing), missing
    assert missing.not_applicable
    return missing.reason


LAW: LawName = "evaluations_repeat"
MOVING = [-1.234567, *np.linspace(-2.7, -1.9, 5), *[-3.456789] * 5]
LENGTHS = [20.0, *np.linspace(15.1, 18.3, 5), *[9.7] * 5]


@pytest.mark.parametrize("equal", [1, 2, 4, 5, 10])
def test_evaluations_that_are_equal_to_the_last_bit_are_counted(equal: int) -> None:
    rng = np.random.default_rng(0)
    mean = rng.normal(-3.0, 0.3, len(STEPS))
    mean[0] = 1.23456
    mean[-equal:] = mean[-1]
    assert value(LAW, evaluations(mean, 17.3)) == equal


def test_a_copy_of_the_untrained_policy_that_acts_is_found() -> None:
    assert value(LAW, evaluations(-3.456789, 17.3)) == 10


def test_training_episodes_tell_counts_from_a_return_that_is_whole_by_chance() -> None:
    tags = {"eval__mean_reward": 7.4, "eval__mean_episode_length": 17.3, "eval__std_reward": 1.7}
    tags |= {"agent__actor_updates": STEPS, "eval__episodes": 10.0}
    assert "count steps" in why_not(LAW, facts(**tags))
    whole = np.arange(3.0, 14.0)
    assert "count steps" in why_not(LAW, facts(train__episode_reward=whole, **tags))
    assert value(LAW, facts(train__episode_reward=whole * np.pi, **tags)) == 10


@pytest.mark.parametrize("last", [-3.4567891, -3.45679])
def test_the_last_bit_tells(last: float) -> None:
    mean = [*MOVING[:-1], last]
    assert value(LAW, evaluations(mean, LENGTHS)) == 1


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (evaluations([6.1, 7.3, *[1000.0] * 9], [6.1, 7.3, *[1000.0] * 9], 0.0), "one return"),
        (evaluations([-50.0] * 11, [50.0] * 11, 0.0), "one return"),
        (evaluations([6.1, 7.3, *[5.2] * 9], [6.1, 7.3, *[5.2] * 9]), "count steps"),
        (evaluations([-0.61, -0.73, *[-0.52] * 9], [6.1, 7.3, *[5.2] * 9]), "count steps"),
        (evaluations([3.1, 2.2, *[2.9] * 9], [50.0] * 11), "count steps"),
        (evaluations([-9.87654, *[-3.456789] * 10], LENGTHS[:1] + [9.7] * 10), "above the policy"),
        (evaluations(MOVING, LENGTHS, agent__actor_updates=7.0), "not updated"),
        (evaluations([*MOVING[:-1], np.nan], LENGTHS), "finite"),
    ],
    ids=[
        "solved at the time limit",
        "no goal is ever reached",
        "a reward for each step",
        "a cost of a tenth for each step",
        "whole rewards",
        "better than untrained",
        "no update",
        "not finite",
    ],
)
def test_equal_evaluations_that_may_be_sound_are_no_finding(found: RunFacts, words: str) -> None:
    assert words in why_not(LAW, found)


def test_a_policy_that_was_carried_over_may_stand_still() -> None:
    tags = {
        "eval__mean_reward": -3.456789,
        "eval__mean_episode_length": 17.3,
        "eval__std_reward": 1.7,
        "agent__actor_updates": STEPS,
    }
    assert "untrained" in why_not(LAW, facts(warm_start=True, **tags))


@pytest.mark.parametrize(
    ("expected", "earned", "excess"),
    [
        (10.0, 10.0, 0.0),
        (100.0, 10.0, 0.9),
        (-1.0, -10.0, 0.9),
        (5.0, 10.0, -0.5),
        (9.0, -9.0, 2.0),
    ],
)
def test_q_at_the_start_is_held_against_the_return(
    expected: float, earned: float, excess: float
) -> None:
    found = facts(
        eval__start_q=expected,
        eval__discounted_return=earned,
        eval__mean_episode_length=50.0,
        eval__time_limit_share=0.0,
    )
    assert value("overestimation_at_start", found) == pytest.approx(excess)


def test_a_return_that_was_cut_off_goes_on() -> None:
    cut = {"eval__mean_episode_length": 10.0, "eval__time_limit_share": 1.0}
    earned = (1.0 - 0.9**10) / (1.0 - 0.9)
    whole = facts(eval__start_q=10.0, eval__discounted_return=earned, **cut)
    assert value("overestimation_at_start", whole) == pytest.approx(0.0, abs=1e-9)
    far = facts({"gamma": 0.999}, eval__start_q=10.0, eval__discounted_return=earned, **cut)
    assert "time limit" in why_not("overestimation_at_start", far)
    clipped = facts({"reward_clip": 1.0}, eval__start_q=10.0, eval__discounted_return=1.0, **cut)
    assert "clipped" in why_not("overestimation_at_start", clipped)


def test_the_worse_network_counts() -> None:
    found = facts(
        units__actor_dormant=0.1,
        units__critic_dormant=0.4,
        features__actor_rank=np.linspace(20.0, 5.0, len(STEPS)),
        features__critic_rank=10.0,
    )
    assert value("dormant_units", found) == 0.4
    assert value("feature_rank", found) == 0.25


@pytest.mark.parametrize(
    "law",
    [LAW, "overestimation_at_start", "critics_disagree", "dormant_units", "feature_rank"],
)
def test_signs_say_nothing_where_nothing_is_logged(law: LawName) -> None:
    assert why_not(law, facts(train__critic_loss=1.0))
