"""Statistics over seeds: interquartile mean and stratified bootstrap interval (Agarwal et al. 2021)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gates.metrics import Interval
from gates.series import FloatArray

LEAST_FOR_INTERVAL = 3
"""Below this number of scores a bootstrap can only repeat the scores themselves."""
RESAMPLES = 10_000


def interquartile_mean(scores: FloatArray) -> float:
    """Return the mean of the middle half of the scores; NaN when there are none or one is NaN.

    A quarter of them, rounded down, is cut off at either end: nothing of up to three scores, one
    at each end of four to seven. Robust against a single outlier, unlike the mean, and less
    wasteful than the median (Agarwal et al. 2021, section 4.3).
    """
    return float(_middle_mean(np.asarray(scores, dtype=np.float64)[None, :])[0])


def bootstrap_interval(
    strata: Sequence[FloatArray],
    *,
    statistic: Callable[[FloatArray], FloatArray] | None = None,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval | None:
    """Return a statistic over all scores with its percentile interval; None with too few of them.

    Seeds are drawn with replacement inside each stratum, so that every task keeps its number of
    seeds (Agarwal et al. 2021, section 4.1). The generator is seeded and scores are sorted first:
    equal scores give an equal interval, in whatever order they come.

    Args:
        strata: One score per seed, for each task; float64[seeds] each.
        statistic: From float64[resamples, scores] to float64[resamples]; the interquartile mean
            when absent.
        confidence: Of the interval.
        resamples: Number of draws.
    """
    reduce = statistic or _middle_mean
    sorted_strata = [np.sort(np.asarray(scores, dtype=np.float64)) for scores in strata]
    if not sorted_strata or min(map(len, sorted_strata)) < LEAST_FOR_INTERVAL:
        return None
    rng = np.random.default_rng(0)
    drawn = [rng.choice(scores, size=(resamples, len(scores))) for scores in sorted_strata]
    values = reduce(np.concatenate(drawn, axis=1))
    tail = (1.0 - confidence) / 2.0
    return Interval(
        estimate=float(reduce(np.concatenate(sorted_strata)[None, :])[0]),
        low=float(np.quantile(values, tail)),
        high=float(np.quantile(values, 1.0 - tail)),
    )


def _middle_mean(rows: FloatArray) -> FloatArray:
    count = rows.shape[1]
    if count == 0:
        return np.full(len(rows), np.nan)
    cut = count // 4
    means: FloatArray = np.sort(rows, axis=1)[:, cut : count - cut].mean(axis=1)
    # Sorting moves NaN to the end, where it would be cut off.
    return np.where(np.isnan(rows).any(axis=1), np.nan, means)
