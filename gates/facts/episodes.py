"""Finished training episodes: their lengths, returns and ends."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from msgspec import Struct

from gates.facts.values import Fact
from gates.series import FloatArray, IntArray


class Episodes(Struct, frozen=True, eq=False, kw_only=True, dict=True):
    """Finished training episodes in the order in which they were written."""

    end_steps: IntArray
    lengths: FloatArray
    returns: FloatArray | None
    """None when they were not logged for the same episodes."""
    terminated: FloatArray | None
    """1 where a termination ended the episode, 0 where the time limit did; None when not logged."""
    time_limit: Fact | None
    """Steps after which the environment cuts an episode off, when the lengths or the configuration show one."""

    def __len__(self) -> int:
        return len(self.lengths)

    @cached_property
    def ended_by_termination(self) -> np.ndarray:
        """`bool[n]`; where it is not logged, an episode shorter than the time limit counts as terminated."""
        if self.terminated is not None:
            return self.terminated > 0.5
        limit = self.time_limit.value if self.time_limit else float("inf")
        return self.lengths < limit


def mean_so_far(
    episodes: Episodes,
    amounts: FloatArray,
    steps: IntArray,
    newest: float = float("inf"),
    *,
    with_running: bool = False,
) -> FloatArray:
    """Return sum of `amounts` over sum of lengths of the episodes that ended by each step; NaN before the first.

    Only the newest steps count, as many as the replay buffer holds. `with_running` also counts the steps of episodes
    that have not ended: for what happens only at an end, short episodes come first and would be taken for all.
    """
    order = np.argsort(episodes.end_steps, kind="stable")
    usable = np.isfinite(amounts[order]) & np.isfinite(episodes.lengths[order])
    ends = episodes.end_steps[order][usable]
    sums = np.concatenate([[0.0], np.cumsum(amounts[order][usable])])
    lengths = np.concatenate([[0.0], np.cumsum(episodes.lengths[order][usable])])
    last = np.searchsorted(ends, steps, side="right")
    first = np.searchsorted(ends, steps - newest, side="right")
    # A buffer smaller than the newest episode holds a part of that one.
    first = np.minimum(first, np.maximum(last - 1, 0))
    result = np.full(len(steps), np.nan)
    valid = last > 0
    taken = np.maximum(lengths[last] - lengths[first], 1.0)
    if with_running:
        taken = np.maximum(taken, np.minimum(steps, newest))
    result[valid] = ((sums[last] - sums[first]) / taken)[valid]
    return result


def time_limit(lengths: FloatArray, terminated: FloatArray | None) -> Fact | None:
    """Return the length at which the environment cuts episodes off, when these lengths show one."""
    finite = lengths[np.isfinite(lengths)]
    if not len(finite):
        return None
    longest = float(finite.max())
    if terminated is not None:
        cut = lengths[(terminated < 0.5) & np.isfinite(lengths)]
        return (
            Fact(value=float(cut.max()), source="longest episode that no termination ended")
            if len(cut)
            else None
        )
    at_top = int((finite == longest).sum())
    if at_top >= 3 and longest > 1:
        return Fact(
            value=longest, source=f"{at_top} episodes end at exactly {longest:g} steps, none later"
        )
    return None
