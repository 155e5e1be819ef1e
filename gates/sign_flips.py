"""A group-sequential sign-flip test: seeds are added look by look, and the error of all looks together is kept.

Under the null hypothesis each observation is as likely to have the other sign (Fisher 1935), so every pattern of signs
is equally likely, whatever the distribution is. At each look the patterns that would have ended the test at an earlier
one are counted as spent, as AdaStop does for two samples (Mathieu et al. 2024, arXiv 2306.10882). How much a look may
spend is the Pocock-like function of Lan and DeMets 1983.
"""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from gates.series import FloatArray

_MOST_EXACT = 14
"""Observations up to which every pattern of signs is tried; of more, so many patterns are drawn."""
_BLOCK = 1024
"""Patterns that are tried at a time."""
_ROUNDING = 1.0e-9
"""Sums that differ by less are equal: the same numbers were added in another order."""


class Looks(Struct, frozen=True, kw_only=True):
    """When a test looks at its observations, fixed before the first of them."""

    sizes: tuple[int, ...]
    """Observations at each look, rising."""
    error: float = 0.05
    """Probability, over all looks together, to find an effect where there is none."""

    @classmethod
    def in_rounds(cls, each: int, most: int, error: float = 0.05) -> Looks:
        """Return the looks after each round, the last one after `most` observations."""
        return cls(sizes=(*range(each, most, each), most), error=error)

    def spent(self, look: int) -> float:
        """Return the error that may be spent up to and with a look."""
        share = self.sizes[look] / self.sizes[-1]
        return self.error * math.log(1.0 + (math.e - 1.0) * share)


class SignFlips(Struct, frozen=True, kw_only=True):
    """What the looks so far say."""

    found: bool
    """There is an effect."""
    looks: int
    """Looks that were taken, up to the one that found it."""
    observations: int
    """That the last of these looks was about; 0 before the first."""
    p: float | None
    """Share of patterns that end the test earlier, or at this look at least as extreme; None before the first look."""
    can_find: bool
    """Whether observations to come can still show an effect."""
    adjusted: FloatArray
    """`float64[measures]`, p-value of each measure alone, corrected for their number (Westfall and Young 1993)."""


def sign_flip_p(values: FloatArray) -> float:
    """Return the share of patterns whose sum is as high as that of the observations, or higher; 1 without any."""
    found = sign_flip_test(values, Looks(sizes=(len(values),), error=1.0)).p
    return 1.0 if found is None else found


def sign_flip_test(
    values: FloatArray, looks: Looks, *, two_sided: bool = False, foresee: bool = True
) -> SignFlips:
    """Test whether observations lie above 0, or with `two_sided` away from 0, at every look that they reach.

    Of several measures the most extreme counts: each is divided by its root mean square, which a flip leaves as it is.

    Args:
        values: `float64[n]`, or `float64[n, measures]`; in the order in which they were observed. All finite.
        looks: The plan. Observations behind the last look are left out.
        two_sided: Effects of both signs count.
        foresee: Find out whether observations to come can still show an effect, which takes as long as a test of
            all of them; without it they are thought to.

    Raises:
        ValueError: A value is not finite; what is missing has to be counted by the caller, against the effect.
    """
    table = np.asarray(values, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    if not np.isfinite(table).all():
        raise ValueError("every observation must be finite")
    result = _test(table, looks, two_sided=two_sided)
    if not result.can_find or not foresee:
        return result
    return structs.replace(result, can_find=_could_find(table, looks, two_sided=two_sided))


def _test(table: FloatArray, looks: Looks, *, two_sided: bool) -> SignFlips:
    taken = [size for size in looks.sizes if size <= len(table)]
    p, adjusted = None, np.ones(table.shape[1])
    for look, size in enumerate(taken):
        p, adjusted = _look(table[:size], looks, look, two_sided=two_sided)
        if p <= looks.spent(look):
            return SignFlips(
                found=True,
                looks=look + 1,
                observations=size,
                p=p,
                can_find=False,
                adjusted=adjusted,
            )
    return SignFlips(
        found=False,
        looks=len(taken),
        observations=taken[-1] if taken else 0,
        p=p,
        can_find=len(taken) < len(looks.sizes),
        adjusted=adjusted,
    )


def _look(
    table: FloatArray, looks: Looks, look: int, *, two_sided: bool
) -> tuple[float, FloatArray]:
    """Return the p-value of one look and that of each measure alone."""
    signs = _patterns(len(table))
    ended = np.zeros(len(signs), dtype=bool)
    for earlier in range(look):
        size = looks.sizes[earlier]
        _, extremes = _statistics(table[:size], signs[:, :size], two_sided=two_sided)
        ended |= _ends(extremes, ended, looks.spent(earlier))
    own, extremes = _statistics(table, signs, two_sided=two_sided)
    p = float(np.mean(ended | (extremes >= own.max(initial=-np.inf) - _ROUNDING)))
    return p, np.array([np.mean(extremes >= each - _ROUNDING) for each in own])


def _ends(extremes: FloatArray, ended: NDArray[np.bool_], may_spend: float) -> NDArray[np.bool_]:
    """Return which patterns would end the test at this look: the most extreme ones that the plan can afford."""
    left = math.floor(may_spend * len(ended) + _ROUNDING) - int(ended.sum())
    open_ = np.sort(extremes[~ended])[::-1]
    if left <= 0 or len(open_) == 0:
        return np.zeros_like(ended)
    if left < len(open_):
        # Equal patterns end together or not at all.
        affordable = open_[:left][open_[:left] > open_[left] + _ROUNDING]
        if len(affordable) == 0:
            return np.zeros_like(ended)
        limit = affordable[-1]
    else:
        limit = open_[-1]
    ends: NDArray[np.bool_] = ~ended & (extremes >= limit - _ROUNDING)
    return ends


def _statistics(
    table: FloatArray, signs: NDArray[np.int8], *, two_sided: bool
) -> tuple[FloatArray, FloatArray]:
    """Return the statistic of each measure as observed, and the largest of all measures under each pattern."""
    size = np.sqrt(np.sum(np.square(table), axis=0))
    scaled = np.divide(table, size, out=np.zeros_like(table), where=size > 0)
    # In blocks: all signs as numbers of 64 bits would take much memory.
    blocks = [signs[at : at + _BLOCK] @ scaled for at in range(0, len(signs), _BLOCK)]
    flipped, observed = np.concatenate(blocks), scaled.sum(axis=0)
    if two_sided:
        flipped, observed = np.abs(flipped), np.abs(observed)
    return observed, flipped.max(axis=1, initial=-np.inf)


def _could_find(table: FloatArray, looks: Looks, *, two_sided: bool) -> bool:
    """Tell whether an effect would be found if all observations to come spoke for it, each as much as the largest."""
    most = np.abs(table).max(axis=0, initial=0.0)
    direction = np.where(table.sum(axis=0) < 0, -1.0, 1.0) if two_sided else 1.0
    coming = np.tile(most * direction, (looks.sizes[-1] - len(table), 1))
    return _test(np.concatenate([table, coming]), looks, two_sided=two_sided).found


def _patterns(count: int) -> NDArray[np.int8]:
    """Return patterns of signs, `int8[patterns, count]`: all of them, or many; the first changes nothing."""
    if count <= _MOST_EXACT:
        bits = ((np.arange(2**count)[:, None] >> np.arange(count)) & 1).astype(np.int8)
    else:
        rng = np.random.default_rng(0)
        bits = rng.integers(0, 2, size=(2**_MOST_EXACT, count)).astype(np.int8)
        bits[0] = 0
    patterns: NDArray[np.int8] = 1 - 2 * bits
    return patterns
