"""How well the policy drives: beside the untrained one and other drivers, and how training episodes ended."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from gates.metrics import Interval, wilson_interval
from gates.runs.drives import Drives, Episode, FinalEvaluation
from gates.series import EventLog
from gates.tags import ENDINGS
from gates.text import format_number, format_share
from reports.context import DrivenBeside
from reports.plots.panels import DrivenRoute

_DRIVERS = {
    "policy": "this policy",
    "untrained": "untrained policy",
    "rule_based": "driver by rules",
    "random": "random actions",
}
_ROUTES = {"training": "training", "held_out": "held-out"}
_COLLISIONS = ("collision_vehicle", "collision_other")
_OFF_ROAD = ("off_road", "wrong_way")


class DrivingRow(Struct, frozen=True, kw_only=True):
    """How one driver drove one set of routes; None where it is not known."""

    driver: str
    routes: str
    episodes: int
    success: Interval
    collisions: float
    """Share of the episodes that ended in one."""
    off_road: float
    """The same off the road or on the wrong side."""
    route_completion: float
    score_2_0: float
    score_2_1: float
    mean_speed_mps: float
    comfortable_share: float
    mean_return: float


class DrivingView(Struct, frozen=True, kw_only=True):
    """What the report says about driving; texts are unescaped."""

    headline: str
    """The result in one sentence; empty without rows."""
    rows: tuple[DrivingRow, ...]
    conditions: tuple[str, ...]
    """What was driven in, one line for each set of routes."""
    missing: tuple[str, ...]
    """Why routes were not driven."""


def driving_view(
    log: EventLog, final: FinalEvaluation | None, beside: Sequence[DrivenBeside] = ()
) -> DrivingView | None:
    """Collect rows of the evaluation at the end, and the last and first ones on the way; None without any.

    Args:
        log: The run's series.
        final: What its drivers drove at the end.
        beside: Other runs that drove the same routes.
    """
    drives = final.drives if final is not None else ()
    rows = tuple(_row(each) for each in drives if each.episodes)
    if not any(row.driver == _DRIVERS["policy"] for row in rows):
        rows += tuple(_on_the_way(log))
    if not rows:
        return None
    rows += tuple(
        replace(_row(d), driver=other.driver)
        for other in beside
        for d in other.final.drives
        if d.driver == "policy" and d.routes == "held_out" and d.episodes
    )
    return DrivingView(
        headline=_headline(rows),
        rows=rows,
        conditions=tuple(dict.fromkeys(_conditions(each) for each in drives)),
        missing=tuple(
            dict.fromkeys(f"{_ROUTES[d.routes]} routes: {d.missing}" for d in drives if d.missing)
        ),
    )


def _row(drives: Drives) -> DrivingRow:
    episodes = drives.episodes
    return DrivingRow(
        driver=_DRIVERS[drives.driver],
        routes=_ROUTES[drives.routes],
        episodes=len(episodes),
        success=wilson_interval(sum(e.success for e in episodes), len(episodes)),
        collisions=_share(episodes, _COLLISIONS),
        off_road=_share(episodes, _OFF_ROAD),
        route_completion=_mean(e.route_completion for e in episodes),
        score_2_0=_mean(e.driving_score_2_0 for e in episodes),
        score_2_1=_mean(e.driving_score_2_1 for e in episodes),
        mean_speed_mps=_mean(e.mean_speed_mps for e in episodes),
        comfortable_share=_mean(e.comfortable_share for e in episodes),
        mean_return=_mean(e.total for e in episodes),
    )


def _share(episodes: Sequence[Episode], endings: tuple[str, ...]) -> float:
    return sum(e.ending in endings for e in episodes) / len(episodes)


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))


def _on_the_way(log: EventLog) -> list[DrivingRow]:
    """Return the last evaluation and the first one, of tags: a run may have been stopped before its end."""
    success = log.series.get("eval_driving/success")
    if success is None or not len(success):
        return []
    steps = sorted({int(success.steps[-1]), int(success.steps[0])}, reverse=True)
    found = (_evaluation(log, step, number == 0) for number, step in enumerate(steps))
    return [row for row in found if row is not None]


def _evaluation(log: EventLog, step: int, last: bool) -> DrivingRow | None:
    def value(tag: str) -> float:
        series = log.series.get(tag)
        values = series.values[series.steps == step] if series is not None else np.empty(0)
        return float(values[-1]) if len(values) else float("nan")

    def ended(endings: tuple[str, ...]) -> float:
        return sum(value(f"eval_driving/end_{ending}") for ending in endings)

    episodes, success = value("eval/episodes"), value("eval_driving/success")
    if not episodes >= 1 or not 0.0 <= success <= 1.0 or episodes > 1e6:
        return None
    count = int(episodes)
    return DrivingRow(
        driver=_DRIVERS["policy"] if last else f"policy at step {step:,}",
        routes=_ROUTES["training"],
        episodes=count,
        success=wilson_interval(round(success * count), count),
        collisions=ended(_COLLISIONS),
        off_road=ended(_OFF_ROAD),
        route_completion=value("eval_driving/route_completion"),
        score_2_0=value("eval_driving/driving_score_2_0"),
        score_2_1=value("eval_driving/driving_score_2_1"),
        mean_speed_mps=value("eval_driving/mean_speed_mps"),
        comfortable_share=value("eval_driving/comfortable_share"),
        mean_return=value("eval/mean_reward"),
    )


def _headline(rows: tuple[DrivingRow, ...]) -> str:
    """Say how many routes succeed, and how far the policy is from the driver by rules."""
    own = [row for row in rows if row.driver == _DRIVERS["policy"]]
    if not own:
        return ""
    best = next((row for row in own if row.routes == _ROUTES["held_out"]), own[0])
    text = f"{format_share(best.success.estimate)} of {best.episodes} {best.routes} routes succeed"
    rules = next((row for row in rows if row.driver == _DRIVERS["rule_based"]), None)
    if rules is None or rules.routes != best.routes:
        return f"{text}."
    gap = best.mean_return - rules.mean_return
    word = "higher" if gap > 0 else "lower"
    return (
        f"{text}; the driver by rules: {format_share(rules.success.estimate)}. "
        f"The policy's return is {format_number(abs(gap), digits=3)} {word}."
    )


def _conditions(drives: Drives) -> str:
    settings = (f"{name.replace('_', ' ')} {_written(v)}" for name, v in drives.conditions.items())
    return f"{_ROUTES[drives.routes]} routes: {', '.join(settings)}"


def _written(value: str | float | list[str]) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return value if isinstance(value, str) else format_number(value, digits=12)


def driven_routes(final: FinalEvaluation | None) -> tuple[DrivenRoute, ...]:
    """Return the held-out routes whose driven lines were kept, each beside the line of the driver by rules."""
    held_out = (
        {d.driver: d.episodes for d in final.drives if d.routes == "held_out"} if final else {}
    )
    rules = held_out.get("rule_based", ())
    return tuple(
        DrivenRoute(
            line=np.array(episode.line_m),
            reference=np.array(rules[number].line_m)
            if number < len(rules) and rules[number].line_m
            else None,
            ending=episode.ending,
        )
        for number, episode in enumerate(held_out.get("policy", ()))
        if episode.line_m
    )


class EndingsOverTraining(Struct, frozen=True, kw_only=True, eq=False):
    """How training episodes ended, in groups of equally many environment steps."""

    edges: np.ndarray
    """`float64[groups + 1]`, environment steps."""
    shares: dict[str, np.ndarray]
    """By ending, `float64[groups]`; NaN where no episode ended. Endings that never happened are left out."""
    episodes: int


GROUPS = 25
"""Groups of episodes at most."""


def endings_over_training(log: EventLog) -> EndingsOverTraining | None:
    """Group the endings of training episodes by step; None where they are not logged or all at one step."""
    found = {ending: log.series.get(f"driving/end_{ending}") for ending in ENDINGS}
    present = {ending: series for ending, series in found.items() if series is not None}
    steps = next((series.steps for series in present.values()), np.empty(0))
    if len(steps) < 2 or any(len(s) != len(steps) for s in present.values()):
        return None
    first, last = float(np.min(steps)), float(np.max(steps))
    if not last > first:
        return None
    groups = min(GROUPS, max(1, len(steps) // 4))
    edges = np.linspace(first, last, groups + 1)
    place = np.clip(np.searchsorted(edges, steps, side="right") - 1, 0, groups - 1)
    count = np.bincount(place, minlength=groups).astype(float)
    shares: dict[str, np.ndarray] = {}
    for ending, series in present.items():
        values = np.clip(np.nan_to_num(series.values), 0.0, 1.0)
        if values.any():
            total = np.bincount(place, weights=values, minlength=groups)
            shares[ending] = np.divide(total, count, out=np.full(groups, np.nan), where=count > 0)
    return EndingsOverTraining(edges=edges, shares=shares, episodes=len(steps)) if shares else None
