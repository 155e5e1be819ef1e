"""Chooses what the plots of a stage show; draws nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
from msgspec import Struct

from gates.findings import Finding, Outcome
from gates.series import EventLog, Series
from gates.text import format_count, format_limit, format_number

MAX_CHECK_PLOTS = 8
"""More failed checks than this are listed without a plot: one page, and 300 KB in the flow's UI."""


class DrivenRoute(Struct, frozen=True, kw_only=True, eq=False):
    """One route; lines are `float64[points, 2]`, (ahead, left) of where the episode began, in m."""

    line: np.ndarray
    """The policy's."""
    reference: np.ndarray | None
    """That of the driver by rules; None where none drove it."""
    ending: str


class PlottedSeries(Struct, frozen=True, kw_only=True, eq=False):
    """A series in a panel."""

    series: Series
    label: str = ""
    """For the legend; empty when the panel shows one series only."""
    style: str = "line"
    """`line`, or `episodes`: single points with a running median."""


class LimitLine(Struct, frozen=True, kw_only=True):
    """A limit on the panel's own axis."""

    value: float
    label: str


class BeforeLearning(Struct, frozen=True, kw_only=True):
    """The steps before the first update."""

    until: int
    label: str
    """`random actions`, or `before the first logged update` when more is not known."""


class Panel(Struct, frozen=True, kw_only=True, eq=False):
    """One small plot over environment steps."""

    name: str
    """For the file name: the check, or the metric family."""
    title: str
    traces: tuple[PlottedSeries, ...]
    x_label: str = "environment steps"
    unit: str = ""
    limits: tuple[LimitLine, ...] = ()
    show_limits: bool = True
    """Whether the axis must reach the limits, or names those off the scale only."""
    breach_step: int | None = None
    window: tuple[int, int] | None = None
    """Steps that the check's statistic was taken over."""
    before_learning: BeforeLearning | None = None
    """The phase without updates, shaded."""
    note: str = ""
    """Shown in the panel, for numbers that are not on its axis."""


def check_panels(
    findings: Iterable[Finding], log: EventLog, before_learning: BeforeLearning | None
) -> tuple[tuple[Finding, Panel], ...]:
    """Return a panel for each judged finding that is no PASS and has a series, in the given order."""
    panels: list[tuple[Finding, Panel]] = []
    for finding in findings:
        series = log.series.get(finding.tag) if finding.tag else None
        shown = finding.outcome is not Outcome.PASS and not finding.unjudged
        if not shown or series is None or not len(series):
            continue
        panels.append((finding, _check_panel(finding, series, before_learning)))
        if len(panels) == MAX_CHECK_PLOTS:
            break
    return tuple(panels)


def _check_panel(finding: Finding, series: Series, before_learning: BeforeLearning | None) -> Panel:
    sign = axis_sign(finding, series)
    note = ""
    if not sign and finding.value is not None:
        note = f"{finding.statistic or 'value'}: {format_number(finding.value, finding.unit)}"
        if finding.limit is not None:
            note += f", limit {format_limit(finding.limit)}"
    by_episode = is_by_episode(series)
    return Panel(
        name=finding.check,
        title=f"{finding.outcome.value}: {finding.title}",
        traces=(PlottedSeries(series=series, style=_style(series.tag)),),
        x_label="episodes"
        if by_episode
        else f"{series.other_axis}s"
        if series.other_axis
        else "environment steps",
        unit=finding.unit if sign and finding.unit != "1" else "",
        limits=_limit_lines(finding, sign) if sign else (),
        breach_step=finding.breach_step,
        window=None if by_episode else _window(finding, series),
        before_learning=None if by_episode or series.other_axis else before_learning,
        note=note,
    )


def _window(finding: Finding, series: Series) -> tuple[int, int] | None:
    """Return the steps that the statistic was taken over, unless that is nearly all of them."""
    if finding.first_step is None or finding.last_step is None:
        return None
    first, last = int(series.steps.min()), int(series.steps.max())
    if finding.last_step - finding.first_step > 0.9 * (last - first):
        return None
    return (finding.first_step, finding.last_step)


def _style(tag: str) -> str:
    return "episodes" if tag.startswith("train/episode_") else "line"


def is_by_episode(series: Series) -> bool:
    """Whether a series counts episodes (1, 2, 3, ... without a hole) and not environment steps."""
    return (
        _style(series.tag) == "episodes"
        and len(series) >= 3
        and bool(np.all(np.diff(series.steps) == 1))
    )


def _limit_lines(finding: Finding, sign: float) -> tuple[LimitLine, ...]:
    """Return the limit first; `sign` is -1 for a limit on the magnitude of negative values."""
    lines: list[LimitLine] = []
    if finding.limit is not None and math.isfinite(finding.limit):
        value = sign * finding.limit
        lines.append(LimitLine(value=value, label=f"limit {format_limit(value)}"))
    warn = finding.warn_limit
    if warn is not None and math.isfinite(warn) and warn != finding.limit:
        lines.append(LimitLine(value=sign * warn, label=f"warns at {format_limit(sign * warn)}"))
    return tuple(lines)


def axis_sign(finding: Finding, series: Series) -> float:
    """Return 1 when a finding is on the scale of its series, -1 when its negative is, else 0.

    A mean or a maximum lies within the range of the values that it was taken from, a largest
    magnitude within it or its mirror image. Where the first breach is known, the series must break
    the limit there as well.
    """
    if not finding.on_axis or finding.value is None or math.isnan(finding.value):
        return 0.0
    if not finding.direction:
        return 0.0
    if math.isinf(finding.value):
        return 1.0 if bool(np.any(series.values == finding.value)) else 0.0
    finite = series.values[np.isfinite(series.values)]
    if not len(finite):
        return 0.0
    slack = 1e-6 * max(1.0, abs(finding.value))
    low, high = float(finite.min()) - slack, float(finite.max()) + slack
    for sign in (1.0, -1.0):
        if low <= sign * finding.value <= high and _breaks(finding, series, sign):
            return sign
    return 0.0


def _breaks(finding: Finding, series: Series, sign: float) -> bool:
    if finding.breach_step is None or finding.limit is None:
        return sign > 0 or finding.direction == "max"
    there = sign * series.values[series.steps == finding.breach_step]
    broken = there > finding.limit if finding.direction == "max" else there < finding.limit
    return bool(broken.any())


def overview_panels(
    findings: Iterable[Finding], log: EventLog, before_learning: BeforeLearning | None
) -> tuple[Panel, ...]:
    """Return one panel for each metric family that was logged: the small multiples of a run."""
    by_tag: dict[str, list[Finding]] = {}
    for finding in findings:
        by_tag.setdefault(finding.tag, []).append(finding)
    panels: list[Panel] = []
    for name, title, unit, tags in _OVERVIEW:
        traces = tuple(
            PlottedSeries(series=log.series[tag], label=label, style=_style(tag))
            for tag, label in tags.items()
            if tag in log.series and len(log.series[tag]) and not log.series[tag].other_axis
        )
        if not traces:
            continue
        by_episode = any(is_by_episode(trace.series) for trace in traces)
        limits = [line for tag in tags for line in _overview_limits(tag, by_tag, log)]
        panels.append(
            Panel(
                name=name,
                title=title,
                traces=traces,
                unit=unit,
                limits=_distinct(limits),
                show_limits=False,
                x_label="episodes" if by_episode else "environment steps",
                before_learning=None if by_episode else before_learning,
            )
        )
    return tuple(panels)


def overview_missing(log: EventLog) -> tuple[str, ...]:
    """Return the titles of the families of which nothing was logged."""
    return tuple(
        title
        for _, title, _, tags in _OVERVIEW
        if not any(tag in log.series and len(log.series[tag]) for tag in tags)
    )


def _overview_limits(
    tag: str, by_tag: Mapping[str, list[Finding]], log: EventLog
) -> Iterable[LimitLine]:
    for finding in by_tag.get(tag, ()):
        sign = axis_sign(finding, log.series[tag]) if tag in log.series else 0.0
        if sign:
            yield from _limit_lines(finding, sign)[:1]


def _distinct(limits: Iterable[LimitLine]) -> tuple[LimitLine, ...]:
    return tuple({limit.value: limit for limit in limits}.values())


_OVERVIEW: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    (
        "actor-q",
        "Actor Q and replay Q1",
        "value",
        {"debug/actor_q_mean": "actor Q", "train/q1_value": "replay Q1"},
    ),
    ("actor-loss", "Actor loss", "value", {"train/actor_loss": ""}),
    ("episode-length", "Episode length", "steps", {"train/episode_length": ""}),
    (
        "gradients",
        "Gradient norms",
        "",
        {
            "gradients/actor_cnn_norm": "actor CNN",
            "gradients/actor_mlp_norm": "actor MLP",
            "gradients/critic_cnn_norm": "critic CNN",
            "gradients/critic_mlp_norm": "critic MLP",
        },
    ),
    ("saturation", "Share of saturated actions", "share", {"policy/tanh_saturation": ""}),
    ("evaluation", "Evaluation return", "reward", {"eval/mean_reward": ""}),
)


def describe_panel(panel: Panel) -> str:
    """Say in words what a plot shows, for readers who do not see it."""
    points = sum(len(trace.series) for trace in panel.traces)
    tags = ", ".join(trace.series.tag for trace in panel.traces)
    text = f"{panel.title}: {tags} over environment steps, {format_count(points)} points"
    if panel.limits:
        text += ", " + ", ".join(limit.label for limit in panel.limits)
    if panel.breach_step is not None:
        text += f", first breach at step {format_count(panel.breach_step)}"
    return text
