from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gates.progress import EvaluationPoint
from gates.seeds.scores import seed_score
from gates.seeds.statistics import bootstrap_interval, interquartile_mean

SCORES = st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=12)


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([], math.nan),
        ([7.0], 7.0),
        ([1.0, 3.0], 2.0),
        ([0.0, 0.0, 9.0], 3.0),
        ([0.0, 1.0, 3.0, 1e9], 2.0),
        ([100.0, 1.0, 2.0, 3.0, -50.0], 2.0),
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 800.0], 4.5),
        ([1.0, 2.0, 3.0, math.nan], math.nan),
        ([1.0, 2.0, 3.0, math.nan, 5.0, 6.0], math.nan),
    ],
)
def test_interquartile_mean(scores: list[float], expected: float) -> None:
    value = interquartile_mean(np.array(scores))
    assert value == expected or (math.isnan(value) and math.isnan(expected))


def test_interquartile_mean_is_scipy_s_trimmed_mean() -> None:
    stats = pytest.importorskip("scipy.stats", reason="scipy is not installed")
    rng = np.random.default_rng(3)
    for count in range(1, 40):
        scores = rng.normal(size=count)
        expected = stats.trim_mean(scores, proportiontocut=0.25)
        assert interquartile_mean(scores) == pytest.approx(expected)


@given(SCORES)
def test_the_interval_holds_the_estimate_and_repeats_in_any_order(scores: list[float]) -> None:
    interval = bootstrap_interval([np.array(scores)], resamples=300)
    again = bootstrap_interval([np.array(scores[::-1])], resamples=300)
    assert interval is not None
    assert interval == again
    assert min(scores) - 1e-6 <= interval.low <= interval.high <= max(scores) + 1e-6


@pytest.mark.parametrize("scores", [[], [1.0], [1.0, 2.0]])
def test_too_few_scores_give_no_interval(scores: list[float]) -> None:
    assert bootstrap_interval([np.array(scores)]) is None
    assert bootstrap_interval([np.array([1.0, 2.0, 3.0]), np.array(scores)]) is None


def test_seeds_are_drawn_inside_their_stratum() -> None:
    """Two tasks on different scales: mixed draws would vary by the distance between the tasks."""
    near, far = np.array([1.0, 1.1, 1.2, 1.3]), np.array([1001.0, 1001.1, 1001.2, 1001.3])

    def mean(rows: np.ndarray) -> np.ndarray:
        return rows.mean(axis=1)

    apart = bootstrap_interval([near, far], statistic=mean)
    mixed = bootstrap_interval([np.concatenate([near, far])], statistic=mean)
    assert apart is not None
    assert mixed is not None
    assert apart.high - apart.low < 0.3
    assert mixed.high - mixed.low > 100


def test_ten_seeds_cover_the_truth_about_as_often_as_promised() -> None:
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(300):
        interval = bootstrap_interval([rng.normal(size=10)], resamples=400)
        assert interval is not None
        hits += interval.low <= 0 <= interval.high
    assert 0.85 < hits / 300 < 0.99


def points(*values: tuple[int, float | None]) -> list[EvaluationPoint]:
    return [EvaluationPoint(step=s, mean_return=v, std_return=2.0, episodes=5) for s, v in values]


@pytest.mark.parametrize(
    ("evaluations", "planned", "value"),
    [
        (points((0, 1.0), (1000, 9.0)), 1000, 9.0),
        (points((0, 1.0), (500, 99.0), (750, 4.0), (1000, 8.0)), 1000, 6.0),
        (points((0, 1.0)), 1000, None),
        (points((0, 1.0), (500, 9.0)), 1000, None),
        (points((750, 4.0), (1000, math.nan)), 1000, None),
        (points((750, 4.0), (1000, None)), 1000, None),
        (
            points(
                (750, math.inf),
            ),
            1000,
            None,
        ),
        ([], 1000, None),
        (points((1000, 9.0)), None, None),
        (points((0, 9.0)), 0, None),
    ],
)
def test_a_seed_s_score_is_the_mean_of_its_last_quarter(
    evaluations: list[EvaluationPoint], planned: int | None, value: float | None
) -> None:
    score = seed_score(evaluations, planned)
    assert (score.value if score else None) == value


def test_a_score_tells_its_own_noise() -> None:
    score = seed_score(points((0, 1.0), (800, 4.0), (1000, 8.0)), 1000)
    assert score is not None
    assert score.untrained == 1.0
    assert (score.evaluations, score.episodes, score.first_step, score.last_step) == (
        2,
        10,
        800,
        1000,
    )
    assert score.standard_error == pytest.approx(2.0 / math.sqrt(10))
    silent = seed_score([EvaluationPoint(step=1000, mean_return=1.0)], 1000)
    assert silent is not None
    assert (silent.standard_error, silent.episodes, silent.untrained) == (None, None, None)
