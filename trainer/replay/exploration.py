"""How the actions that an environment received differ from the policy's own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

INSIDE = 0.999
"""Size of a policy's action below which noise can move it to both sides."""
ROUNDING = 1e-6
"""Difference of two actions below which they are the same."""
LEAST = 250
"""Independent steps that tell whether noise goes to one side: chance gives 0.06 then."""


def exploration_tags(
    action: NDArray[np.floating], policy: NDArray[np.floating]
) -> dict[str, float]:
    """Describe the noise on actions, both `float[steps, envs, action_dim]` in [-1, 1].

    Args:
        action: What the environment received.
        policy: The policy's action without noise; NaN where actions are drawn at random.
    """
    noise = np.asarray(action, dtype=np.float64) - policy
    size = np.abs(noise)
    if not np.isfinite(size).any():
        return {}
    tags = {"env/exploration": float(np.nanmean(size))}
    sides = _sides(noise, np.asarray(action), np.asarray(policy))
    if len(sides):
        tags["env/exploration_side"] = float(max(sides, key=abs))
    return tags


def _sides(
    noise: NDArray[np.floating], action: NDArray[np.floating], policy: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Return the share of steps with positive noise less that with negative noise, of each entry of the actions.

    Clipping shortens noise and leaves its sign. Noise that keeps its side for a while, as that of Ornstein and
    Uhlenbeck, counts for as few steps as are independent; entries in which these are not enough are left out.
    """
    free = np.isfinite(noise) & (np.abs(policy) < INSIDE)
    count = free.sum(axis=(0, 1))
    apart = 1.0 - _correlation_of_steps(noise, free & (np.abs(action) < 1.0))
    enough = count * apart / (2.0 - apart) >= LEAST
    above, below = (
        (free & side).sum(axis=(0, 1)) for side in (noise > ROUNDING, noise < -ROUNDING)
    )
    sides: NDArray[np.floating] = (above - below)[enough] / count[enough]
    return sides


def _correlation_of_steps(
    noise: NDArray[np.floating], known: NDArray[np.bool_]
) -> NDArray[np.floating]:
    """Return the correlation of noise with that of the step before, at least 0, by entry; 1 where it is unknown."""
    both = known[1:] & known[:-1]
    count = np.maximum(both.sum(axis=(0, 1)), 1)
    now, before = (np.where(both, each, 0.0) for each in (noise[1:], noise[:-1]))
    means = [each.sum(axis=(0, 1)) / count for each in (now, before)]
    now, before = (
        np.where(both, each - mean, 0.0) for each, mean in zip((now, before), means, strict=True)
    )
    product = (now * before).sum(axis=(0, 1))
    size = np.sqrt((now * now).sum(axis=(0, 1)) * (before * before).sum(axis=(0, 1)))
    found = np.divide(product, size, out=np.zeros_like(size), where=size > ROUNDING**2 * count)
    return np.where(count < LEAST // 2, 1.0, found.clip(0.0, 1.0))
