"""Tells when a training can no longer earn a GO; only by rules that a stage file switches on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from flows.settings.long_stage import HopelessSettings
from flows.training.live.interim import InterimVerdict
from gates.facts.plateau import TAG
from gates.facts.run_facts import RunFacts
from gates.series import FloatArray, IntArray
from gates.text import format_number

_WINDOW = 3
"""Neighbouring evaluations whose mean counts as one: single ones swing widely."""
_SPAN = 4
"""Evaluations over which a pace is measured."""
_DEVIATION = 1.0 / (0.6745 * 2.0**0.5)
"""From the median distance of two neighbours to the standard deviation of normal noise."""


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


def goal_out_of_reach(
    facts: RunFacts, settings: HopelessSettings, planned_steps: int
) -> str | None:
    """Say why the goal can no longer be reached; None while it can, or without evidence.

    The best mean of some evaluations, going on until the planned end at twice the fastest pace that
    the run ever showed, must stay below the goal by more than twice the noise of one evaluation. While
    the newest evaluation stands out above all means there is hope.
    """
    goal, series = settings.goal_return, facts.series(TAG)
    if goal is None or series is None or facts.learning_starts is None:
        return None
    keep = (series.steps > facts.learning_starts.value) & np.isfinite(series.values)
    steps, values = series.steps[keep], series.values[keep]
    if not len(steps) or int(steps[-1]) < settings.goal_from_share * planned_steps:
        return None
    paced = fastest_pace(steps, values)
    if paced is None:
        return None
    best, pace = paced
    left = max(0, planned_steps - int(steps[-1]))
    noise = float(np.median(np.abs(np.diff(values)))) * _DEVIATION
    if float(values[-1]) > best + 2.0 * noise:
        return None  # It is breaking away from all that it did before.
    reach = max(best + 2.0 * pace * left, float(values.max())) + 2.0 * noise
    if reach >= goal:
        return None
    return (
        f"from the best mean of {_WINDOW} evaluations {format_number(best)}, at twice the fastest pace "
        f"so far ({format_number(pace * 100_000)} per 100,000 steps) and with twice the noise {format_number(noise)}, "
        f"step {planned_steps:,} would reach {format_number(reach)}, below the goal {format_number(goal)}."
    )


def fastest_pace(steps: IntArray, values: FloatArray) -> tuple[float, float] | None:
    """Return the best mean of neighbouring evaluations and the steepest rise of those means, per step.

    None with too few evaluations for two independent paces.
    """
    if len(values) < _WINDOW + 2 * _SPAN:
        return None
    means = np.convolve(values, np.ones(_WINDOW) / _WINDOW, mode="valid")
    ends = steps[_WINDOW - 1 :].astype(np.float64)
    rises = (means[_SPAN:] - means[:-_SPAN]) / np.maximum(ends[_SPAN:] - ends[:-_SPAN], 1.0)
    return float(means.max()), max(0.0, float(rises.max()))
