"""Finds out whether a run's evaluations stopped to improve; noise neither ends a run nor keeps it alive."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from gates.facts.run_facts import RunFacts
from gates.runs.ended_early import PlateauRule
from gates.series import FloatArray, IntArray

TAG = "eval/mean_reward"


class Plateau(Struct, frozen=True, kw_only=True):
    """Evaluations without an improvement, from the last one to the newest."""

    since_step: int
    """Step of the last improvement."""
    last_step: int
    """Step of the newest evaluation."""
    best: float
    """Mean return of the best evaluation."""
    evaluations: int
    """Evaluations since the last improvement."""


def plateau_of(facts: RunFacts, rule: PlateauRule, until_step: float = np.inf) -> Plateau | None:
    """Return the plateau that a run has reached; None while it may still improve, or without evidence.

    Only evaluations after the first update, and up to a step, count.
    """
    series, start = facts.series(TAG), facts.learning_starts
    if series is None or start is None:
        return None
    trained = (series.steps > start.value) & (series.steps <= until_step)
    return find_plateau(series.steps[trained], series.values[trained], rule)


def find_plateau(steps: IntArray, values: FloatArray, rule: PlateauRule) -> Plateau | None:
    """Return the plateau at the end of these evaluations, None when there is none.

    An improvement is an evaluation, or a mean of `rule.window` neighbours, that exceeds all earlier ones of
    its kind by more than `rule.min_delta`: a single lucky evaluation hides no slow rise. Evaluations that have
    risen since then by more than a standard error of their slope are no plateau: a loss is being made up for.
    An evaluation that is not finite is no evidence of anything.
    """
    usable = np.isfinite(values)
    order = np.argsort(steps[usable], kind="stable")
    steps, values = steps[usable][order], values[usable][order]
    if not len(steps):
        return None
    since = max(
        _last_improvement(values, rule.min_delta, offset=0),
        _last_improvement(_means(values, rule.window), rule.min_delta, offset=rule.window - 1),
    )
    newest, count = int(steps[-1]), len(steps) - 1 - since
    if (
        newest - int(steps[since]) < rule.steps
        or count < rule.evaluations
        or newest < rule.not_before
        or _rises(steps[since + 1 :], values[since + 1 :])
    ):
        return None
    return Plateau(
        since_step=int(steps[since]),
        last_step=newest,
        best=float(values.max()),
        evaluations=count,
    )


def _means(values: FloatArray, size: int) -> FloatArray:
    if len(values) < size:
        return values[:0]
    return np.convolve(values, np.ones(size) / size, mode="valid")


def _last_improvement(values: FloatArray, min_delta: float, *, offset: int) -> int:
    """Return the index of the evaluation that completed the last improvement; 0 without one."""
    best, last = -np.inf, 0
    for index, value in enumerate(values.tolist()):
        if value > best + min_delta:
            best, last = value, index + offset
    return last


def _rises(steps: IntArray, values: FloatArray) -> bool:
    """Tell whether a line through the evaluations rises by more than a standard error of its slope."""
    if len(values) < 3:
        return False
    x = (steps - steps.mean()) / max(1.0, float(np.ptp(steps)))
    spread = float(x @ x)
    if spread <= 0.0:
        return False
    slope = float(x @ values) / spread
    rest = values - values.mean() - slope * x
    error = float(np.sqrt(rest @ rest / (len(values) - 2) / spread))
    return slope > max(error, 1e-9 * float(np.abs(values).max()))
