"""The bounds on Q follow from the rewards and the discount."""

import math

import numpy as np
import pytest

from gates.facts.bounds import UNTRAINED_Q, Bound, highest_reward, q_reach, q_value_bound
from gates.facts.values import Fact, Missing
from gates.series import Series


def _fact(value: float) -> Fact:
    return Fact(value=value, source="test")


def _series(values: list[float]) -> Series:
    n = len(values)
    return Series(
        tag="debug/reward_max",
        steps=np.arange(n),
        values=np.array(values, dtype=float),
        wall_times=np.zeros(n),
    )


@pytest.mark.parametrize(
    ("highest", "largest", "gamma", "high"),
    [
        (0.8, 5.0, 0.99, 80.0),  # a crash costs much more than driving earns
        (10.0, 10.0, 0.99, 1000.0),
        (-0.01, 16.0, 0.98, 40.0),  # negative rewards only: a twentieth of 800
        (0.0, 0.001, 0.9, UNTRAINED_Q),
        (1.0, 1.0, 1.2, 100.0),  # no bound at such a discount: that of 0.99 stands in
    ],
)
def test_reach_is_the_best_reward_for_ever(highest, largest, gamma, high):
    bound = q_reach(_fact(highest), _fact(largest), _fact(gamma))
    assert isinstance(bound, Bound)
    assert bound.high == pytest.approx(high)
    assert bound.low == -math.inf


def test_reach_is_never_wider_than_the_two_sided_bound():
    for highest in (-5.0, 0.1, 1.0, 5.0):
        reach = q_reach(_fact(highest), _fact(5.0), _fact(0.99))
        assert reach.high <= q_value_bound(_fact(5.0), _fact(0.99)).high


def test_without_rewards_there_is_no_reach():
    missing = Missing(reason="nothing logged", tags=())
    assert isinstance(q_reach(missing, _fact(5.0), _fact(0.99)), Missing)
    assert isinstance(q_reach(_fact(5.0), missing, _fact(0.99)), Missing)
    assert isinstance(highest_reward(None), Missing)
    assert isinstance(highest_reward(_series([math.nan])), Missing)


def test_highest_reward_ignores_what_is_not_finite():
    assert highest_reward(_series([1.0, math.nan, 3.0, math.inf])).value == 3.0
