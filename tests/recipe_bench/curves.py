"""Evaluation curves with their endings: of trained recipes, and published ones that are no part of the project."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gates.series import FloatArray
from tests.recipe_bench.outcome import LEARNED, Outcome, outcome
from tests.recipe_bench.recipes import TASKS
from tests.recipe_bench.runs import Trained

LAST_SHARE = 0.1
"""Evaluations at the end of a published curve whose mean is its result."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Curve:
    """Evaluations of one training after its first update."""

    source: str
    task: str
    shares: FloatArray
    """Of the budget, rising, at each evaluation."""
    returns: FloatArray
    goal: float
    """Return of a policy that has learned the task, half of the way to a good one."""
    became: Outcome


def of_recipes(runs: Iterable[Trained], source: str) -> list[Curve]:
    """Return the curves of trained recipes."""
    found = []
    for run in runs:
        task, start = TASKS[run.case.task], run.facts_at(1.0).learning_starts
        shares, returns = run.curve
        trained = shares > (start.value / run.steps if start else 0.0)
        goal = task.random_return + LEARNED * (task.good_return - task.random_return)
        found.append(
            Curve(
                source=source,
                task=run.case.task,
                shares=shares[trained],
                returns=returns[trained],
                goal=goal,
                became=run.became,
            )
        )
    return found


def published(folder: Path) -> list[Curve]:
    """Read published curves; the best training of a task is what a good policy reaches.

    `enduro-ppo.npz` holds `returns[runs, evaluations]` of HPO-RL-Bench (Shala et al. 2024), which begins at 0;
    `td3-authors.npz` one array `TASK_SEED[evaluations]` for each run of Fujimoto et al. 2018, the untrained policy
    first.
    """
    with np.load(folder / "enduro-ppo.npz", allow_pickle=False) as file:
        enduro = [row.astype(float) for row in file["returns"]]
    found = _of_task("HPO-RL-Bench, PPO", "Enduro", enduro, start=0.0, first=0)
    with np.load(folder / "td3-authors.npz", allow_pickle=False) as file:
        arrays: Mapping[str, FloatArray] = {name: file[name].astype(float) for name in file.files}
    tasks = dict.fromkeys(name.rsplit("_", 1)[0] for name in arrays)
    for task in tasks:
        rows = [row for name, row in arrays.items() if name.rsplit("_", 1)[0] == task]
        start = float(np.median([row[0] for row in rows]))
        found += _of_task("TD3's authors", task, rows, start=start, first=1)
    return found


def _of_task(
    source: str, task: str, rows: list[FloatArray], *, start: float, first: int
) -> list[Curve]:
    ends = [float(row[-max(1, round(LAST_SHARE * len(row))) :].mean()) for row in rows]
    way = max(ends) - start
    return [
        Curve(
            source=source,
            task=task,
            shares=(np.arange(first, len(row)) + 1 - first) / (len(row) - first),
            returns=row[first:],
            goal=start + LEARNED * way,
            became=outcome((end - start) / way),
        )
        for row, end in zip(rows, ends, strict=True)
    ]
