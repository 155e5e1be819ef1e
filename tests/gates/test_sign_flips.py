from __future__ import annotations

import numpy as np
import pytest

from gates.sign_flips import Looks, sign_flip_test

ROUNDS = Looks.in_rounds(3, 10)


def test_rounds_end_with_the_budget_and_never_spend_more_than_the_error():
    assert ROUNDS.sizes == (3, 6, 9, 10)
    assert Looks.in_rounds(3, 9).sizes == (3, 6, 9)
    assert Looks.in_rounds(5, 3).sizes == (3,)
    spent = [ROUNDS.spent(look) for look in range(4)]
    assert spent == sorted(spent)
    assert spent[-1] == pytest.approx(ROUNDS.error)


@pytest.mark.parametrize(
    ("values", "found", "observations", "p"),
    [
        # Three seeds cannot decide at 5 %: luck alone gives three times the same sign in one of eight.
        ([1, 1, 1], False, 3, 1 / 8),
        ([1, 1, 1, 1, 1], False, 3, 1 / 8),
        ([1] * 6, True, 6, 1 / 64),
        # What comes after the decision changes nothing.
        ([1] * 6 + [-9] * 4, True, 6, 1 / 64),
        # One against eight, where the test at six would have ended with none against it: 7 and 7 more of 512.
        ([1, -1] + [1] * 7, True, 9, 14 / 512),
        ([-1] * 6, False, 6, 1.0),
        ([], False, 0, None),
    ],
)
def test_a_decision_comes_at_the_first_look_that_can_afford_it(values, found, observations, p):
    test = sign_flip_test(np.array(values, dtype=float), ROUNDS)
    assert (test.found, test.observations) == (found, observations)
    assert test.p == (None if p is None else pytest.approx(p))


def test_what_cannot_be_found_any_more_is_said_before_the_budget_is_spent():
    assert sign_flip_test(np.ones(3), ROUNDS).can_find
    assert not sign_flip_test(-np.ones(3), ROUNDS).can_find
    assert not sign_flip_test(np.array([-9.0, 1, 1]), ROUNDS).found


def test_of_two_sides_both_are_found_and_the_measure_that_moved_is_named():
    rng = np.random.default_rng(0)
    looks = Looks(sizes=(8, 12), error=0.02)
    values = rng.normal(size=(12, 40))
    assert not sign_flip_test(values, looks, two_sided=True).found
    values[:, 7] -= 9.0
    test = sign_flip_test(values, looks, two_sided=True)
    assert test.found
    assert np.argmin(test.adjusted) == 7
    assert np.sum(test.adjusted < 0.05) == 1


def test_a_measure_that_never_moves_says_nothing():
    test = sign_flip_test(np.zeros((12, 3)), Looks(sizes=(8, 12), error=0.02), two_sided=True)
    assert not test.found
    assert test.p == 1.0


def test_a_missing_value_is_refused():
    with pytest.raises(ValueError, match="finite"):
        sign_flip_test(np.array([1.0, np.nan, 1.0]), ROUNDS)


@pytest.mark.parametrize("draw", ["normal", "cauchy", "signs", "skewed magnitudes"])
def test_no_effect_is_found_in_at_most_the_error(draw):
    rng = np.random.default_rng(1)
    make = {
        "normal": lambda: rng.normal(size=10),
        "cauchy": lambda: rng.standard_cauchy(10),
        "signs": lambda: rng.choice([-1.0, 1.0], 10),
        "skewed magnitudes": lambda: rng.choice([-1.0, 1.0], 10) * rng.exponential(size=10) ** 3,
    }[draw]
    found = np.mean([sign_flip_test(make(), ROUNDS).found for _ in range(1_000)])
    assert found <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 1_000)


def test_more_seeds_than_every_pattern_can_be_tried_for():
    looks = Looks.in_rounds(10, 30)
    values = np.random.default_rng(2).normal(0.8, 1.0, size=30)
    test = sign_flip_test(values, looks)
    assert test.found
    assert test == sign_flip_test(values, looks) or np.array_equal(
        test.adjusted, sign_flip_test(values, looks).adjusted
    )
