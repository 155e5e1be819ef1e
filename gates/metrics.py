"""Pure reductions of series: windows, statistics, growth fits and bootstrap intervals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from msgspec import Struct, structs

from gates.series import FloatArray, IntArray, Series

Statistic = Literal["mean", "median", "min", "max", "max_abs", "last", "p05", "p95", "std", "cv"]

_NORMAL_95 = 1.959963984540054
"""Standard normal deviation that 95 % lie within."""

STATISTIC_WORDS: dict[Statistic, str] = {
    "mean": "mean",
    "median": "median",
    "min": "minimum",
    "max": "maximum",
    "max_abs": "largest absolute value",
    "last": "last value",
    "p05": "5th percentile",
    "p95": "95th percentile",
    "std": "standard deviation",
    "cv": "coefficient of variation",
}


class Reduced(Struct, frozen=True, kw_only=True):
    """One number and where it comes from."""

    value: float
    """NaN when there are no points or one of them is NaN."""
    first_step: int | None
    last_step: int | None
    points: int
    """Points in the window, NaN included."""
    nan_points: int


def window(
    series: Series, *, last_share: float | None = None, last_points: int | None = None
) -> Series:
    """Return the end of a series: the last share (0-1] or the last number of points; all of it when neither is given.

    A share is of the points, never fewer than one, so that a series that is logged more densely at the end
    keeps its meaning.
    """
    count = len(series)
    if last_share is not None:
        count = min(count, max(1, round(count * last_share)))
    elif last_points is not None:
        count = min(count, last_points)
    start = len(series) - count
    return series.where(slice(start, None))


def magnitudes(series: Series) -> Series:
    """Return the absolute values."""
    return structs.replace(series, values=np.abs(series.values))


def reduce(series: Series, statistic: Statistic) -> Reduced:
    """Reduce a series to one number; a NaN among its points makes the number NaN."""
    values = series.values
    nan_points = int(np.isnan(values).sum())
    usable = len(values) > 0 and nan_points == 0
    with np.errstate(invalid="ignore", over="ignore"):
        value = float(_REDUCTIONS[statistic](values)) if usable else float("nan")
    return Reduced(
        value=value,
        first_step=int(series.steps.min()) if len(series) else None,
        last_step=int(series.steps.max()) if len(series) else None,
        points=len(values),
        nan_points=nan_points,
    )


def _cv(values: FloatArray) -> float:
    mean = abs(float(np.mean(values)))
    return float(np.std(values)) / mean if mean > 0 else float("nan")


_REDUCTIONS: dict[Statistic, Callable[[FloatArray], float]] = {
    "mean": lambda v: float(np.mean(v)),
    "median": lambda v: float(np.median(v)),
    "min": lambda v: float(np.min(v)),
    "max": lambda v: float(np.max(v)),
    "max_abs": lambda v: float(np.max(np.abs(v))),
    "last": lambda v: float(v[-1]),
    # "nearest" keeps infinities that interpolation would turn into NaN.
    "p05": lambda v: float(np.quantile(v, 0.05, method="nearest")),
    "p95": lambda v: float(np.quantile(v, 0.95, method="nearest")),
    "std": lambda v: float(np.std(v)),
    "cv": _cv,
}


def finite_median(values: FloatArray) -> float:
    """Median of the finite values, NaN without any."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else float("nan")


def first_breach(series: Series, broken: np.ndarray) -> int | None:
    """Return the step of the first point that breaks a limit."""
    hits = np.flatnonzero(broken)
    return int(series.steps[hits[0]]) if len(hits) else None


def sustained(values: FloatArray, points: int, of: int, *, high: bool) -> float:
    """Return the highest (or lowest) level that `points` of any `of` consecutive values reach.

    NaN reaches none; the result is NaN when no window holds enough other values.
    """
    sign = 1.0 if high else -1.0
    signed = np.where(np.isnan(values), -np.inf, sign * values)
    size = min(of, len(signed))
    if size < points or np.count_nonzero(~np.isnan(values)) < points:
        return float("nan")
    windows = np.lib.stride_tricks.sliding_window_view(signed, size)
    reached = np.partition(windows, size - points, axis=1)[:, size - points]
    return sign * float(reached.max())


def align(*series: Series) -> tuple[IntArray, tuple[FloatArray, ...]]:
    """Return the steps that all series share, rising, with each one's last value at them.

    Series whose steps count different things share none.
    """
    if len({s.other_axis for s in series}) > 1:
        series = tuple(s.where(slice(0, 0)) for s in series)
    lasts = [_last_per_step(s) for s in series]
    common = lasts[0][0]
    for steps, _ in lasts[1:]:
        common = np.intersect1d(common, steps, assume_unique=True)
    return common, tuple(values[np.searchsorted(steps, common)] for steps, values in lasts)


def _last_per_step(series: Series) -> tuple[IntArray, FloatArray]:
    order = np.argsort(series.steps, kind="stable")
    steps, values = series.steps[order], series.values[order]
    keep = np.append(steps[1:] != steps[:-1], True) if len(steps) else np.zeros(0, dtype=bool)
    return steps[keep], values[keep]


class Growth(Struct, frozen=True, kw_only=True):
    """A fit of |value| against progress; the better one of a power law and an exponential."""

    law: Literal["power law", "exponential"]
    rate: float
    """Exponent of the power law, or growth per unit of progress of the logarithm."""
    r_squared: float
    """Of the logarithms."""
    rival_r_squared: float
    """Of the law that fits worse."""
    doubling: float
    """Progress in which the value doubles at the end of the series; infinite when it falls."""
    points: int


def fit_growth(progress: FloatArray, values: FloatArray, *, floor: float = 1e-6) -> Growth | None:
    """Fit |values| > floor against progress > 0; None with fewer than five usable points or no spread in progress."""
    magnitude = np.abs(values)
    usable = np.isfinite(magnitude) & (magnitude > floor) & (progress > 0)
    x, y = progress[usable], np.log(magnitude[usable])
    if len(x) < 5 or float(x.max()) <= float(x.min()):
        return None
    power, exponential = _line(np.log(x), y), _line(x, y)
    end = float(x.max())
    # An exponential is believed only over three doublings; extrapolated from less it forecasts nonsense.
    if power[1] >= exponential[1] or abs(exponential[0]) * float(np.ptp(x)) < np.log(8.0):
        rate, r_squared = power
        doubling = end * (2.0 ** (1.0 / rate) - 1.0) if rate > 1e-3 else float("inf")
        return Growth(law="power law", rate=rate, r_squared=r_squared,
                      rival_r_squared=exponential[1], doubling=doubling, points=len(x))  # fmt: skip
    rate, r_squared = exponential
    doubling = float(np.log(2.0)) / rate if rate > 0 else float("inf")
    return Growth(law="exponential", rate=rate, r_squared=r_squared,
                  rival_r_squared=power[1], doubling=doubling, points=len(x))  # fmt: skip


def _line(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Return slope and R squared of the least-squares line."""
    dx, dy = x - x.mean(), y - y.mean()
    variance = float(dx @ dx)
    slope = float(dx @ dy) / variance if variance > 0 else 0.0
    total = float(dy @ dy)
    residual = dy - slope * dx
    r_squared = 1.0 - float(residual @ residual) / total if total > 0 else 0.0
    return slope, r_squared


class Interval(Struct, frozen=True, kw_only=True):
    """An interval around an estimate."""

    estimate: float
    low: float
    high: float


def wilson_interval(hits: int, of: int) -> Interval:
    """Return the 95 % interval of a share of at least one case (Wilson 1927)."""
    square = _NORMAL_95 * _NORMAL_95 / of
    share = hits / of
    middle = (share + 0.5 * square) / (1.0 + square)
    half = float(np.sqrt(square * (share * (1.0 - share) + 0.25 * square))) / (1.0 + square)
    return Interval(estimate=share, low=max(0.0, middle - half), high=min(1.0, middle + half))


def binomial_p(hits: int, of: int, rate: float) -> float:
    """Return the probability of `hits` or more of `of`, each with the same rate."""
    if hits <= 0 or rate >= 1.0:
        return 1.0
    if rate <= 0.0:
        return 0.0
    log_all = math.lgamma(of + 1)
    logs = (
        log_all
        - math.lgamma(k + 1)
        - math.lgamma(of - k + 1)
        + k * math.log(rate)
        + (of - k) * math.log1p(-rate)
        for k in range(hits, of + 1)
    )
    return min(1.0, math.fsum(map(math.exp, logs)))


def bootstrap_ratio(
    sample: FloatArray,
    reference: FloatArray,
    *,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return the ratio of the medians of two samples with its percentile interval (Efron 1979).

    Samples longer than 2,000 are thinned evenly first; the generator is seeded, so equal input gives equal output.
    """
    rng = np.random.default_rng(seed)
    sample, reference = _thin(sample), _thin(reference)
    tops = np.median(rng.choice(sample, size=(resamples, len(sample))), axis=1)
    bottoms = np.median(rng.choice(reference, size=(resamples, len(reference))), axis=1)
    ratios = tops / np.maximum(np.abs(bottoms), 1e-12)
    tail = (1.0 - confidence) / 2.0
    return Interval(
        estimate=float(np.median(sample) / max(abs(float(np.median(reference))), 1e-12)),
        low=float(np.quantile(ratios, tail)),
        high=float(np.quantile(ratios, 1.0 - tail)),
    )


def _thin(values: FloatArray, limit: int = 2000) -> FloatArray:
    if len(values) <= limit:
        return values
    return values[np.linspace(0, len(values) - 1, limit).astype(np.int64)]
