"""Tells two runs in one folder by their clocks, where they share no tag whose steps could fall."""

from __future__ import annotations

import numpy as np

from gates.facts.run_facts import RunFacts
from gates.findings import Finding, Outcome
from gates.series import Series
from gates.tags import CANONICAL_TAGS

LEAST_SECONDS = 60.0
"""Clock time that each writer took. Whoever converts a finished log, tag by tag, writes it faster."""
BEHIND = 0.25
"""Share of the run by which steps lag behind those written before, from which no buffering explains it."""
MOST = 0.5
"""Share of a writer's points that lag so far."""


def one_clock(facts: RunFacts) -> Finding | None:
    """Find training tags that count from the start again while others had been far ahead; None where none do.

    Evaluations may be made after a training, so they are left out, as are tags that do not count environment steps.
    """
    watched = [s for tag in sorted(CANONICAL_TAGS) if (s := _timed(facts, tag)) is not None]
    if len(facts.log.files) < 2 or len(watched) < 2:
        return None
    behind = [s for s in watched if _lags(s, [o for o in watched if o is not s])]
    if not behind:
        return None
    tags = ", ".join(s.tag for s in behind[:3]) + (" and more" if len(behind) > 3 else "")
    return Finding(
        check="one_clock",
        type="one_clock",
        title="One run by its clock",
        outcome=Outcome.WARN,
        required=True,
        reason=(
            f"{tags} count from early steps when other tags had been written for far later ones, so two runs wrote "
            "into this directory at different times or speeds. Judge each run in a directory of its own."
        ),
        fact=f"two runs may have written into the directory: {behind[0].tag} lags behind the clock",
        value=float(len(behind)),
        limit=0.0,
        direction="max",
        statistic="tags that lag behind the clock",
        points=sum(map(len, watched)),
        rationale="Mixed runs average a bad one away.",
        limit_source="steps of one run rise with its clock; heuristic share of the run",
        group="integrity",
    )


def _timed(facts: RunFacts, tag: str) -> Series | None:
    series = facts.over_env_steps(tag)
    if series is None or tag.startswith("eval/") or len(series) < 5:
        return None
    times = series.wall_times
    rising = bool((np.diff(times) >= 0).all() and (np.diff(series.steps) >= 0).all())
    return series if rising and times[-1] - times[0] >= LEAST_SECONDS else None


def _lags(series: Series, others: list[Series]) -> bool:
    """Whether most points were written after far later steps of other tags."""
    times = np.concatenate([o.wall_times for o in others])
    order = np.argsort(times, kind="stable")
    ahead = np.maximum.accumulate(np.concatenate([o.steps for o in others])[order])
    index = np.searchsorted(times[order], series.wall_times, side="left") - 1
    before = np.where(index >= 0, ahead[np.maximum(index, 0)], 0)
    last = max(int(ahead[-1]), int(series.steps[-1]))
    return float(np.mean(before - series.steps > BEHIND * last)) > MOST
