"""Tells when a training can no longer earn a GO; only by rules that a stage file switches on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flows.settings.long_stage import HopelessSettings
from flows.training.live.interim import InterimVerdict
from gates.facts.learning import EVALUATION
from gates.facts.run_facts import RunFacts
from gates.series import FloatArray
from gates.text import format_number, format_share


def lost_at_interim_gates(
    verdicts: Sequence[InterimVerdict], settings: HopelessSettings
) -> tuple[str, str] | None:
    """Return the check that the last interim gates all failed, with a sentence; None while there is hope."""
    needed = settings.interim_no_go
    if needed is None or len(verdicts) < needed:
        return None
    last = verdicts[-needed:]
    always = set(last[0].failed_live).intersection(*(v.failed_live for v in last[1:]))
    if not always:
        return None
    check = sorted(always)[0]
    steps = " and ".join(f"{v.step:,}" for v in last)
    return check, f"failed at the interim gates of steps {steps} ({last[-1].deciding.rstrip('.')})."


def stands_still_below_goal(facts: RunFacts, settings: HopelessSettings) -> str | None:
    """Say why the goal can no longer be reached; None while it can, or without evidence.

    A policy that still learns acts differently at each evaluation, and returns show it. One that is far from its goal
    and earns the same again and again has stopped, unless rewards are so rare that nothing was found yet.
    """
    goal, series = settings.goal_return, facts.series(EVALUATION)
    if goal is None or series is None or facts.learning_starts is None:
        return None
    returns = series.values[series.steps > facts.learning_starts.value]
    if not stand_still(returns, goal, settings):
        return None
    newest = returns[-settings.goal_evaluations :]
    low, high = format_number(float(newest.min())), format_number(float(newest.max()))
    return (
        f"the last {settings.goal_evaluations} evaluations lie between {low} and {high}, which is at most "
        f"{format_share(settings.goal_tolerance)} of what is missing to the goal {format_number(goal)}."
    )


def stand_still(returns: FloatArray, goal: float, settings: HopelessSettings) -> bool:
    """Tell whether the newest returns are all below the goal and alike, beside what is missing."""
    newest = returns[-settings.goal_evaluations :]
    if len(newest) < settings.goal_evaluations or not np.isfinite(newest).all():
        return False
    missing = goal - float(newest.max())
    return missing > 0 and float(np.ptp(newest)) <= settings.goal_tolerance * missing
