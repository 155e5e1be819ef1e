"""Evaluations of the policy without noise: untrained, last and best."""

from __future__ import annotations

import numpy as np
from msgspec import Struct

from gates.progress import EvaluationPoint
from gates.series import EventLog, Series

_TAGS = {
    "mean_return": "eval/mean_reward",
    "std_return": "eval/std_reward",
    "mean_episode_length": "eval/mean_episode_length",
    "time_limit_share": "eval/time_limit_share",
    "episodes": "eval/episodes",
}


class NamedEvaluation(Struct, frozen=True, kw_only=True):
    """An evaluation with its part in the story: `untrained`, `first`, `last`, `best`."""

    name: str
    point: EvaluationPoint


def evaluation_points(log: EventLog) -> tuple[EvaluationPoint, ...]:
    """Return every evaluation of a run, ordered by step; tags that were not logged stay None."""
    by_step: dict[int, dict[str, float]] = {}
    for name, tag in _TAGS.items():
        for step, value in _points(log.series.get(tag)):
            by_step.setdefault(step, {})[name] = value
    return tuple(_point(step, by_step[step]) for step in sorted(by_step))


def _points(series: Series | None) -> list[tuple[int, float]]:
    if series is None:
        return []
    return [(int(s), float(v)) for s, v in zip(series.steps, series.values, strict=True)]


def _point(step: int, values: dict[str, float]) -> EvaluationPoint:
    episodes = values.get("episodes", np.nan)
    return EvaluationPoint(
        step=step,
        mean_return=values.get("mean_return"),
        std_return=values.get("std_return"),
        mean_episode_length=values.get("mean_episode_length"),
        time_limit_share=values.get("time_limit_share"),
        episodes=int(episodes) if np.isfinite(episodes) else None,
    )


def notable_evaluations(
    points: tuple[EvaluationPoint, ...], explored_until: int | None
) -> tuple[NamedEvaluation, ...]:
    """Pick the untrained (or first), the last and the best evaluation; each point once.

    The first evaluation counts as untrained only when it was made before the first update could be.
    """
    if not points:
        return ()
    first = points[0]
    untrained = first.step == 0 or (explored_until is not None and first.step <= explored_until)
    named = [NamedEvaluation(name="untrained" if untrained else "first", point=first)]
    if len(points) > 1:
        best = best_evaluation(points)
        last = points[-1]
        name = "last and best" if best is last else "last"
        named.append(NamedEvaluation(name=name, point=last))
        if best is not None and best is not last and best is not first:
            named.append(NamedEvaluation(name="best", point=best))
        if best is first:
            named[0] = NamedEvaluation(name=f"{named[0].name} and best", point=first)
    return tuple(named)


def best_evaluation(points: tuple[EvaluationPoint, ...]) -> EvaluationPoint | None:
    """Return the evaluation with the highest finite mean return."""
    usable = [p for p in points if p.mean_return is not None and np.isfinite(p.mean_return)]
    return max(usable, key=lambda point: point.mean_return or 0.0, default=None)
