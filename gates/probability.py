"""How often luck alone shows what was seen: p values, each with the model that stands behind it."""

from __future__ import annotations

import math

import numpy as np

from gates.series import FloatArray

_ROUNDING = 1e-12


def sign_flip_p(differences: FloatArray, *, flips: int = 19_999, seed: int = 0) -> float:
    """Return the probability of a mean difference so low, or lower, where the sign of each is a coin (Fisher 1935).

    All sign patterns of few pairs are counted, else `flips` random ones; equal input gives equal output.
    """
    count = len(differences)
    # A sum in another order is another number in its last digit, and what was seen counts as one of the patterns.
    observed = float(np.sum(differences)) + _ROUNDING * float(np.sum(np.abs(differences)))
    if 2**count <= flips:
        patterns = (np.arange(2**count)[:, None] >> np.arange(count)) & 1
        return float(np.mean((1.0 - 2.0 * patterns) @ differences <= observed))
    drawn = np.random.default_rng(seed).integers(0, 2, size=(flips, count), dtype=np.int8)
    as_low = int(np.sum((1.0 - 2.0 * drawn) @ differences <= observed))
    return (as_low + 1) / (flips + 1)


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
