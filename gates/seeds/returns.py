"""How well the seeds' evaluation returns are known, and what their spread comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from gates.findings import Finding, Outcome
from gates.metrics import Interval
from gates.seeds.result import SeedVerdict, seed_names, seeds_finding
from gates.seeds.statistics import LEAST_FOR_INTERVAL, interquartile_mean
from gates.series import FloatArray
from gates.text import format_number

_WIDE_SHARE = 0.5
"""An interval is wide when its half exceeds this share of the gain over the untrained policy."""
_NOISE_FACTOR = 2.0
"""Evaluation noise explains a spread between seeds of up to so many times its own size."""


def returns_agree(
    seeds: Sequence[SeedVerdict], returns: Interval | None, *, learning_judged: bool
) -> Finding | None:
    """Say whether the seeds' returns are known well enough; None where learning is not judged.

    Wide means: half of the interval is more than half of what was gained over the untrained policy.
    """
    scored = [(seed.seed, seed.score) for seed in seeds if seed.score is not None]
    if not learning_judged or not scored:
        return None
    values = np.array([score.value for _, score in scored])
    absent = [seed.seed for seed in seeds if seed.score is None]
    notes, fact = [], ""
    if absent:
        fact = "not every seed has a return"
        notes.append(
            f"{seed_names(absent)} {'has' if len(absent) == 1 else 'have'} no return at the end "
            "and cannot be counted, so the mean is too favourable"
        )
    outcome = Outcome.WARN if absent else Outcome.PASS
    starts = [score.untrained for _, score in scored if score.untrained is not None]
    gain = interquartile_mean(values) - float(np.mean(starts)) if starts else None
    half = (returns.high - returns.low) / 2 if returns is not None else None
    if returns is None or half is None:
        outcome, fact = Outcome.INCONCLUSIVE, "too few returns for an interval"
        notes.insert(0, f"{len(scored)} returns give no interval, {LEAST_FOR_INTERVAL} are needed")
    elif gain is not None and half > _WIDE_SHARE * abs(gain):
        outcome, fact = Outcome.WARN, "returns spread widely"
        notes.insert(0, f"the interval is wide: {_spread_cause(seeds)}")
    return seeds_finding(
        "returns_agree",
        "Returns agree across seeds",
        outcome=outcome,
        required=False,
        reason=f"{_returns_text(values, returns, gain)}{'; ' if notes else ''}{'; '.join(notes)}.",
        fact=fact,
        value=half,
        limit=None if gain is None else _WIDE_SHARE * abs(gain),
        direction="max",
        statistic="half of the 95 % interval of the interquartile mean",
        limit_source="half of the gain over the untrained policy; heuristic",
        rationale="A wide interval means that the next seed may end anywhere in it.",
    )


def _returns_text(values: FloatArray, returns: Interval | None, gain: float | None) -> str:
    text = f"interquartile mean {format_number(interquartile_mean(values))}"
    if returns is not None:
        text += f" [{format_number(returns.low)}, {format_number(returns.high)}]"
    text += f" of {len(values)} seeds"
    return text if gain is None else f"{text}, {format_number(gain)} over the untrained policy"


def _spread_cause(seeds: Sequence[SeedVerdict]) -> str:
    """Tell evaluation noise from real differences: standard error inside a seed, spread between."""
    scored = [(seed.seed, seed.score) for seed in seeds if seed.score is not None]
    errors = [score.standard_error for _, score in scored if score.standard_error is not None]
    values = np.array([score.value for _, score in scored])
    worst = min(scored, key=lambda item: item[1].value)
    text = f"worst is seed {worst[0]} with {format_number(worst[1].value)}"
    if len(errors) < len(scored):
        return text
    noise = math.sqrt(float(np.mean(np.square(errors))))
    spread = float(np.std(values, ddof=1))
    numbers = (
        f"standard deviation {format_number(spread)} between seeds, {format_number(noise)} expected"
    )
    if spread <= _NOISE_FACTOR * noise:
        return (
            f"{text}, and evaluation alone explains it ({numbers} from it): evaluate more episodes"
        )
    return (
        f"{text}, more than evaluation explains ({numbers} from it): the outcome hangs on the seed"
    )
