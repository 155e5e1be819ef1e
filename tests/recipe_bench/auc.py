"""How well a number foretells failure: the area under the ROC curve within groups, with an interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gates.series import FloatArray

DRAWS = 2_000


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a sign said of one run, and what the run became."""

    group: str
    """Only runs of one group are compared: a task is easy or hard whatever a sign says."""
    value: float
    """Higher speaks for failure."""
    failed: bool


@dataclass(frozen=True, kw_only=True)
class Auc:
    """Share of pairs, a failed run and one that learned, in which the failed one has the higher value."""

    value: float
    """Ties are half."""
    low: float
    high: float
    """95 % interval, runs drawn again within group and outcome."""
    failed: int
    learned: int
    """Runs of groups that have both."""


def auc(told: Sequence[Told], *, seed: int = 0) -> Auc | None:
    """Return the area within groups; None where no group has both outcomes."""
    groups = []
    for name in sorted({t.group for t in told}):
        failed, learned = (
            np.array([t.value for t in told if t.group == name and t.failed is kind])
            for kind in (True, False)
        )
        if len(failed) and len(learned):
            groups.append((failed, learned))
    if not groups:
        return None
    rng = np.random.default_rng(seed)
    draws = [
        _area([(rng.choice(f, len(f)), rng.choice(g, len(g))) for f, g in groups])
        for _ in range(DRAWS)
    ]
    low, high = np.quantile(draws, (0.025, 0.975))
    return Auc(
        value=_area(groups),
        low=float(low),
        high=float(high),
        failed=sum(len(f) for f, _ in groups),
        learned=sum(len(g) for _, g in groups),
    )


def _area(groups: Sequence[tuple[FloatArray, FloatArray]]) -> float:
    won = sum(
        float((f[:, None] > g[None]).sum() + 0.5 * (f[:, None] == g[None]).sum()) for f, g in groups
    )
    return won / sum(len(f) * len(g) for f, g in groups)
