"""The binomial probability of counts, held against its tables."""

from __future__ import annotations

import pytest

from gates.metrics import binomial_p


@pytest.mark.parametrize(
    ("hits", "of", "rate", "p"),
    [
        (3, 10, 0.1, 0.0701908264),
        (10, 10, 0.5, 0.5**10),
        (0, 10, 0.1, 1.0),
        (1, 1, 0.0, 0.0),
        (1, 1, 1.0, 1.0),
        (600, 2_000, 0.25, 2.335e-7),
    ],
)
def test_binomial_probability(hits: int, of: int, rate: float, p: float) -> None:
    assert binomial_p(hits, of, rate) == pytest.approx(p, rel=0.02)
