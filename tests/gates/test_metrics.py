from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gates.metrics import (
    Statistic,
    align,
    bootstrap_ratio,
    first_breach,
    fit_growth,
    reduce,
    sustained,
    window,
)
from tests.gates.synthetic_runs import series

INF, NAN = math.inf, math.nan


@pytest.mark.parametrize(
    ("statistic", "values", "expected"),
    [
        ("mean", [1, 2, 6], 3.0),
        ("median", [1, 2, 60], 2.0),
        ("min", [3, -2, 5], -2.0),
        ("max", [3, -2, 5], 5.0),
        ("max_abs", [3, -7, 5], 7.0),
        ("last", [3, -7, 5], 5.0),
        ("p95", list(range(101)), 95.0),
        ("p05", list(range(101)), 5.0),
        ("p95", [1, INF], INF),
        ("p95", [INF, INF, INF], INF),
        ("median", [INF, INF, 1], INF),
        ("std", [2, 4], 1.0),
        ("cv", [2, 4], 1 / 3),
        ("cv", [-2, -4], 1 / 3),
        ("cv", [0, 0], NAN),
        ("mean", [], NAN),
        ("max", [1, NAN], NAN),
        ("mean", [INF, -INF], NAN),
    ],
)
def test_statistics(statistic: Statistic, values: list[float], expected: float) -> None:
    reduced = reduce(series("t", range(len(values)), values), statistic)
    assert reduced.value == pytest.approx(expected, nan_ok=True)
    assert reduced.points == len(values)
    assert reduced.nan_points == sum(math.isnan(v) for v in values)


def test_a_reduction_names_its_steps_whatever_their_order() -> None:
    reduced = reduce(series("t", [30, 10, 20], [1, 2, 3]), "mean")
    assert (reduced.first_step, reduced.last_step) == (10, 30)


@pytest.mark.parametrize(
    ("keys", "steps"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"last_share": 0.4}, [4, 5]),
        ({"last_share": 0.01}, [5]),
        ({"last_points": 3}, [3, 4, 5]),
        ({"last_points": 9}, [1, 2, 3, 4, 5]),
    ],
)
def test_windows(keys: dict[str, float], steps: list[int]) -> None:
    cut = window(series("t", range(1, 6), range(5)), **keys)  # type: ignore[arg-type]
    assert cut.steps.tolist() == steps


def test_the_first_breach_skips_nan() -> None:
    found = series("t", [10, 20, 30], [NAN, 1, 5])
    assert first_breach(found, found.values > 2) == 30
    assert first_breach(found, found.values > 9) is None


@pytest.mark.parametrize(
    ("hits", "breaches", "of", "expected"),
    [
        ([1, 0, 1, 0, 1], 3, 5, True),
        ([1, 1, 0, 0, 0, 1], 3, 5, False),
        ([0, 0, 1, 1, 1], 3, 3, True),
        ([1, 1], 2, 5, True),
        ([1], 2, 5, False),
        ([], 1, 1, False),
    ],
)
def test_patience(hits: list[int], breaches: int, of: int, expected: bool) -> None:
    values = np.array(hits, dtype=np.float64)
    assert bool(sustained(values, breaches, of, high=True) > 0.5) is expected
    assert bool(sustained(-values, breaches, of, high=False) < -0.5) is expected


def test_nan_sustains_no_level() -> None:
    values = np.array([np.nan, 5.0, np.nan, 4.0])
    assert sustained(values, 2, 3, high=True) == 4.0
    assert np.isnan(sustained(values, 3, 4, high=True))


def test_alignment_takes_shared_steps_and_last_values() -> None:
    steps, (a, b) = align(
        series("a", [3, 1, 3, 5], [30, 10, 31, 50]), series("b", [1, 3, 4], [1, 3, 4])
    )
    assert steps.tolist() == [1, 3]
    assert a.tolist() == [10, 31]
    assert b.tolist() == [1, 3]


@given(
    st.lists(st.tuples(st.integers(0, 30), st.floats(-5, 5)), max_size=20),
    st.lists(st.tuples(st.integers(0, 30), st.floats(-5, 5)), max_size=20),
)
def test_alignment_equals_dictionaries(
    first: list[tuple[int, float]], second: list[tuple[int, float]]
) -> None:
    a, b = dict(first), dict(second)
    steps, (left, right) = align(
        series("a", [s for s, _ in first], [v for _, v in first]),
        series("b", [s for s, _ in second], [v for _, v in second]),
    )
    assert steps.tolist() == sorted(a.keys() & b.keys())
    assert left.tolist() == [a[s] for s in steps.tolist()]
    assert right.tolist() == [b[s] for s in steps.tolist()]


@pytest.mark.parametrize("exponent", [0.5, 1.0, 4.5])
def test_a_power_law_is_found(exponent: float) -> None:
    x = np.arange(1.0, 200.0)
    growth = fit_growth(x, -3.0 * x**exponent)
    assert growth is not None
    assert growth.law == "power law"
    assert growth.rate == pytest.approx(exponent, rel=1e-6)
    assert growth.r_squared == pytest.approx(1.0)


def test_an_exponential_is_found_and_its_doubling() -> None:
    x = np.arange(1.0, 200.0)
    growth = fit_growth(x, 2.0 ** (x / 20.0))
    assert growth is not None
    assert growth.law == "exponential"
    assert growth.doubling == pytest.approx(20.0)
    assert growth.r_squared > growth.rival_r_squared


def test_too_little_to_fit() -> None:
    assert fit_growth(np.arange(1.0, 5.0), np.arange(1.0, 5.0)) is None
    assert fit_growth(np.ones(9), np.arange(9.0)) is None
    assert fit_growth(np.arange(9.0), np.full(9, NAN)) is None


def test_a_falling_value_never_doubles() -> None:
    growth = fit_growth(np.arange(1.0, 50.0), 1.0 / np.arange(1.0, 50.0))
    assert growth is not None
    assert growth.doubling == INF


def test_the_bootstrap_is_seeded_and_covers_the_ratio() -> None:
    rng = np.random.default_rng(0)
    sample, reference = rng.normal(20, 2, 200), rng.normal(10, 2, 150)
    first, again = bootstrap_ratio(sample, reference), bootstrap_ratio(sample, reference)
    assert first == again
    assert first.low < 2.0 < first.high
    assert first.low <= first.estimate <= first.high


def test_long_samples_are_thinned() -> None:
    interval = bootstrap_ratio(np.ones(200_000), np.full(200_000, 2.0), resamples=100)
    assert interval.estimate == 0.5
