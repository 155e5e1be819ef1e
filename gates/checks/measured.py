"""A measured number, compared with its levels: outcome, sentence and the numbers that repeat it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from msgspec import Struct

from gates.checks.keys import Patience
from gates.facts.bounds import Bound
from gates.facts.breach import Breach, broken_since
from gates.findings import LimitOrigin, Outcome, Side
from gates.metrics import Reduced, first_breach, sustained
from gates.series import FloatArray, Series
from gates.text import as_sentence, format_limit, format_number, format_pair, format_plural


class Measured(Struct, frozen=True, kw_only=True):
    """One measured number with everything that repeats it."""

    reduced: Reduced
    series: Series
    """Points in the window."""
    whole: Series | None = None
    """Points among which the first breach is looked for; None when the value is on another scale than the series."""
    subject: str
    """What was measured."""
    name: str = ""
    """The same in fewer words; `subject` when empty."""
    fact: Callable[[Breach], str] | None = None
    """What a broken level means, in short; without it value and level are told."""
    statistic: str
    """How the points became one number."""
    points: int | None = None
    """Logged points behind the number, where `reduced` counts something else."""
    note: str = ""
    """What the reader must know about the number."""
    unit: str = ""
    limit_source: str = ""
    """Where the levels come from, when it is not the check's own source."""
    bound: Bound | None = None
    """What the levels are shares of, when they follow from the run."""
    tag: str = ""
    """Series to plot; that of `series` when empty."""


def compare(
    measured: Measured, sides: tuple[Side, ...], patience: Patience | None, *, least: int
) -> dict[str, Any]:
    """Return the fields of a finding; NaN and fewer points than `least` are INCONCLUSIVE, never PASS."""
    whole, name = measured.whole, measured.name or measured.subject
    outcome, side, level, value = _worst(measured, sides, patience)
    shown = level if level is not None else _first_level(side)
    count = measured.reduced.points if measured.points is None else measured.points
    statistic, breach = measured.statistic, None
    if patience is not None:
        statistic = f"reached by {patience.breaches} of {patience.of} points in a row"
        least = max(least, patience.breaches)
    why = "" if outcome is Outcome.FAIL else _undecided(measured, name, value, count, least)
    if why:
        outcome, shown = Outcome.INCONCLUSIVE, _first_level(side)
        reason, fact = f"{measured.subject} cannot be judged: {why}.", f"not decided, {why}"
    else:
        if outcome is not Outcome.PASS and level is not None:
            breach = _breach(outcome, value, side, level, whole)
        relation = _relation(outcome, side, shown, breach, measured)
        told, _ = format_pair(value, shown)
        reason = f"{measured.subject} is {told} ({statistic}), {relation}."
        fact = "" if breach is None else _fact(measured, name, breach)
    return {
        "outcome": outcome,
        "reason": f"{reason} {as_sentence(measured.note)}." if measured.note else reason,
        "fact": fact,
        "value": value,
        "limit": shown,
        "warn_limit": side.warn,
        "direction": side.direction,
        "sides": sides,
        "statistic": f"{measured.subject}: {statistic}",
        "unit": measured.unit,
        "tag": measured.tag or measured.series.tag,
        "on_axis": whole is not None,
        "first_step": measured.reduced.first_step,
        "last_step": measured.reduced.last_step,
        "points": count,
        "breach_step": None if breach is None else breach.first_step,
        **({"limit_source": measured.limit_source} if measured.limit_source else {}),
        "limit_origin": _origin(measured.bound, side, shown),
        "derived_from": measured.series.derived_from,
    }


def _undecided(measured: Measured, name: str, value: float, count: int, least: int) -> str:
    """Say why a number decides nothing; empty when it does."""
    reduced = measured.reduced
    if reduced.nan_points:
        return f"{reduced.nan_points:,} of {reduced.points:,} points of {name} are NaN"
    if count < least:
        return f"{name} has {format_plural(count, 'point')}, {least} are needed"
    return f"{name} is not a number" if np.isnan(value) else ""


def _worst(
    measured: Measured, sides: tuple[Side, ...], patience: Patience | None
) -> tuple[Outcome, Side, float | None, float]:
    """Return the gravest outcome with its side, the level that was broken and the value that was compared."""

    def value_of(side: Side) -> float:
        if patience is None:
            return measured.reduced.value
        points, of, high = patience.breaches, patience.of, side.direction == "max"
        return sustained(measured.series.values, points, of, high=high)

    def breaks(side: Side, level: float | None) -> bool:
        return bool(_broken(side, np.array([value_of(side)]), level)[0])

    for side in sides:
        if breaks(side, side.fail):
            return Outcome.FAIL, side, side.fail, value_of(side)
    for side in sides:
        if breaks(side, side.warn):
            return Outcome.WARN, side, side.warn, value_of(side)
    return Outcome.PASS, sides[0], None, value_of(sides[0])


def _broken(side: Side, values: FloatArray, level: float | None) -> np.ndarray:
    """`bool[n]`: which values break a level; NaN breaks none."""
    if level is None:
        return np.zeros(len(values), dtype=bool)
    with np.errstate(invalid="ignore"):
        return values > level if side.direction == "max" else values < level


def _first_level(side: Side) -> float | None:
    return side.fail if side.fail is not None else side.warn


def _breach(
    outcome: Outcome, value: float, side: Side, level: float, whole: Series | None
) -> Breach:
    first = since = None
    axis = "step"
    if whole is not None:
        axis = whole.other_axis or axis
        broken = _broken(side, whole.values, level)
        first = first_breach(whole, broken)
        since = broken_since(whole.steps, broken)
    return Breach(
        outcome=outcome,
        value=value,
        level=level,
        direction=side.direction,
        axis=axis,
        first_step=first,
        since_step=since,
    )


def _fact(measured: Measured, name: str, breach: Breach) -> str:
    if measured.fact is not None:
        return measured.fact(breach)
    value, _ = format_pair(breach.value, breach.level)
    if measured.bound is not None:
        bound = measured.bound.high if breach.direction == "max" else measured.bound.low
        times = format_number(breach.value / bound, digits=3)
        return f"{name} is {value}, {times} times its bound, {breach.beyond}"
    return f"{name} is {value}, {breach.beyond}"


def _origin(bound: Bound | None, side: Side, limit: float | None) -> LimitOrigin | None:
    """Tell how a limit follows from a bound."""
    if bound is None or limit is None:
        return None
    high = side.direction == "max"
    end, formula = (bound.high, bound.high_from) if high else (bound.low, bound.low_from)
    return LimitOrigin(
        factor=limit / end,
        bound=end,
        formula=formula.text,
        numbers=formula.numbers,
        inputs=bound.inputs,
    )


def _relation(
    outcome: Outcome, side: Side, limit: float | None, breach: Breach | None, measured: Measured
) -> str:
    if limit is None:
        return "without a level"
    if breach is None:
        relation = "within" if side.direction == "max" else "not below"
    else:
        relation = "above" if side.direction == "max" else "below"
    word = "the warning level" if outcome is Outcome.WARN or side.fail is None else "the limit"
    text = f"{relation} {word} {format_limit(limit)}"
    axis, last = measured.series.other_axis or "step", measured.reduced.last_step
    if breach is not None and breach.first_step is not None:
        return f"{text}, first at {axis} {breach.first_step:,}"
    return text if last is None else f"{text} at {axis} {last:,}"
