"""Noise on actions: how much there is of it, and whether it goes to both sides."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from trainer.replay.exploration import exploration_tags

SHAPE = (1_000, 1, 3)
Noise = Callable[[np.random.Generator], np.ndarray]


def _policy(rng: np.random.Generator) -> np.ndarray:
    """Actions that wander and spend much of their time near the bounds."""
    return np.tanh(np.cumsum(rng.normal(0.0, 0.05, SHAPE), axis=0) + 0.5)


def _side(noise: Noise, seed: int = 0) -> float | None:
    rng = np.random.default_rng(seed)
    policy = _policy(rng)
    action = np.clip(policy + noise(rng), -1.0, 1.0)
    return exploration_tags(action, policy).get("env/exploration_side")


def _slow(rng: np.random.Generator) -> np.ndarray:
    """Noise after Ornstein and Uhlenbeck, as Stable-Baselines3 draws it."""
    noise = np.zeros(SHAPE)
    for step in range(1, len(noise)):
        noise[step] = noise[step - 1] * (1.0 - 0.15 * 0.01) + rng.normal(0.0, 0.02, SHAPE[1:])
    return noise


@pytest.mark.parametrize("deviation", [0.01, 0.1, 0.6])
def test_clipping_shortens_noise_and_leaves_its_side(deviation: float) -> None:
    sides = [_side(lambda rng: rng.normal(0.0, deviation, SHAPE), seed) for seed in range(20)]
    known = [side for side in sides if side is not None]
    assert len(known) > 10
    assert max(map(abs, known)) < 0.25


@pytest.mark.parametrize(
    ("noise", "least"),
    [
        (lambda rng: rng.normal(0.1, 0.2, SHAPE), 0.3),
        (lambda rng: np.abs(rng.normal(0.0, 0.2, SHAPE)), 0.99),
        (lambda rng: rng.uniform(0.0, 0.3, SHAPE), 0.99),
        (lambda _: np.full(SHAPE, 0.1), 0.99),
    ],
    ids=["a mean of half a deviation", "size only", "uniform from 0", "an offset"],
)
def test_noise_to_one_side_is_told(noise: Noise, least: float) -> None:
    side = _side(noise)
    assert side is not None
    assert side > least
    below = _side(lambda rng: -noise(rng))
    assert below is not None
    assert below < -least


def test_one_entry_of_the_action_is_enough() -> None:
    def noise(rng: np.random.Generator) -> np.ndarray:
        drawn = rng.normal(0.0, 0.2, SHAPE)
        drawn[..., 1] -= 0.3
        return drawn

    side = _side(noise)
    assert side is not None
    assert side < -0.7


def test_noise_that_stays_on_its_side_for_long_is_not_judged() -> None:
    assert all(_side(_slow, seed) is None for seed in range(20))


def test_a_policy_at_its_bounds_shows_nothing() -> None:
    rng = np.random.default_rng(0)
    policy = np.ones(SHAPE)
    tags = exploration_tags(np.clip(policy + rng.normal(0.0, 0.2, SHAPE), -1.0, 1.0), policy)
    assert tags.keys() == {"env/exploration"}


def test_random_steps_are_left_out() -> None:
    rng = np.random.default_rng(0)
    policy, action = np.full(SHAPE, np.nan), rng.uniform(-1.0, 1.0, SHAPE)
    assert exploration_tags(action, policy) == {}
    policy[-100:] = 0.5
    action[-100:] = 0.9
    assert exploration_tags(action, policy) == {"env/exploration": pytest.approx(0.4)}


def test_no_noise_is_on_no_side() -> None:
    policy = _policy(np.random.default_rng(0))
    assert exploration_tags(policy, policy) == {"env/exploration": 0.0, "env/exploration_side": 0.0}
