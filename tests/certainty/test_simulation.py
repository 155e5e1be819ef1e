"""A reduced simulation: where nothing was learned, probabilities are small no more often than they say."""

from __future__ import annotations

import math

import pytest

from gates.facts.afresh import ERROR_OF_ALL_LOOKS
from tests.certainty.simulation import NOMINAL, RETURNS, np, paired, rates, until_decided

ALWAYS_TRIED = ("skewed (exponential)", "success or failure, one in five")


def most(level: float, draws: int) -> float:
    """Return what a share may be by the luck of the draws, four standard errors above the nominal error."""
    return level + 4.0 * math.sqrt(level * (1.0 - level) / draws)


@pytest.mark.parametrize("simulated", [paired, rates])
def test_probabilities_hold(simulated) -> None:
    draws = 400
    for kind, shares in simulated(draws):
        for level, share in zip(NOMINAL, shares, strict=True):
            assert share <= most(level, draws), (kind, level)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=() if kind in ALWAYS_TRIED else pytest.mark.slow)
        for kind in RETURNS
    ],
)
def test_looking_again_keeps_the_error(kind: str) -> None:
    draws, rng = 40, np.random.default_rng(3)
    said = [until_decided(rng, RETURNS[kind], 0.0)[0] for _ in range(draws)]
    for side in (1, -1):
        assert said.count(side) / draws <= most(ERROR_OF_ALL_LOOKS, draws)


def test_a_gain_that_matters_is_found() -> None:
    rng = np.random.default_rng(4)
    assert sum(until_decided(rng, RETURNS["normal"], 20.0)[0] == 1 for _ in range(20)) >= 19
