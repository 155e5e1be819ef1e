"""What a run became, told from its evaluations alone; no gate is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from tests.recipe_bench.recipes import Task

Outcome = Literal["learned", "did not", "unclear"]

LEARNED, NOT_LEARNED = 0.5, 0.1
"""Share of the way from random actions to a good policy."""
LAST = 3
"""Evaluations that count, from the end: single ones swing."""


def share_learned(run: Path, task: Task) -> float:
    """Return how far the mean of the last evaluations is on the way from random actions to a good policy."""
    from gates.events.reader import read_events

    returns = read_events(run).series["eval/mean_reward"].values[1:][-LAST:]
    finite = returns[np.isfinite(returns)]
    if not len(finite):
        return 0.0
    way = task.good_return - task.random_return
    return float((finite.mean() - task.random_return) / way)


def outcome(share: float) -> Outcome:
    """Name a share."""
    if share >= LEARNED:
        return "learned"
    return "did not" if share <= NOT_LEARNED else "unclear"
