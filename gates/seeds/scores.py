"""One number per seed: how well its policy did, without noise, at the end of the training."""

from __future__ import annotations

import math
from collections.abc import Sequence

from msgspec import Struct

from gates.progress import EvaluationPoint

END_SHARE = 0.75
"""Evaluations from this share of the planned steps on count as the end of the training."""


class SeedScore(Struct, frozen=True, kw_only=True):
    """The evaluation return of one seed at the end of its training."""

    value: float
    """Mean over the evaluations at the end; always finite."""
    evaluations: int
    first_step: int
    last_step: int
    standard_error: float | None
    """Of the value, from the spread inside the evaluations; None when that was not logged."""
    episodes: int | None
    """Over all these evaluations."""
    untrained: float | None
    """Mean return of the evaluation at step 0; None without one."""


def seed_score(
    evaluations: Sequence[EvaluationPoint], planned_steps: int | None
) -> SeedScore | None:
    """Reduce a seed's evaluations to one score; None when it was not evaluated at its end.

    Evaluation swings widely while a policy learns, so all evaluations of the last quarter are
    averaged and never the best one chosen. A run that ended before its last quarter has no score,
    and neither has one with an evaluation there that is not finite.
    """
    if not planned_steps:
        return None
    end = [e for e in evaluations if e.step >= END_SHARE * planned_steps and e.step > 0]
    returns = [e.mean_return for e in end]
    finite = [value for value in returns if value is not None and math.isfinite(value)]
    if not finite or len(finite) < len(returns):
        return None
    start = next((e.mean_return for e in evaluations if e.step == 0), None)
    return SeedScore(
        value=sum(finite) / len(finite),
        evaluations=len(end),
        first_step=end[0].step,
        last_step=end[-1].step,
        standard_error=_standard_error(end),
        episodes=_episodes(end),
        untrained=start if start is not None and math.isfinite(start) else None,
    )


def _episodes(evaluations: Sequence[EvaluationPoint]) -> int | None:
    counts = [e.episodes for e in evaluations]
    known = [count for count in counts if count is not None and count > 0]
    return sum(known) if len(known) == len(counts) else None


def _standard_error(evaluations: Sequence[EvaluationPoint]) -> float | None:
    episodes = _episodes(evaluations)
    spreads = [e.std_return for e in evaluations]
    known = [spread for spread in spreads if spread is not None and math.isfinite(spread)]
    if episodes is None or not known or len(known) < len(spreads):
        return None
    return math.sqrt(sum(spread**2 for spread in known) / len(known) / episodes)
