"""Chooses what is drawn of several seeds: each metric in one panel, one line per seed."""

from __future__ import annotations

import numpy as np

from gates.progress import EvaluationPoint
from gates.series import Series
from reports.comparison.panels import group_medians
from reports.context import JointContext
from reports.plots.panels import Panel, PlottedSeries

_Q_TAGS = (
    ("actor-q", "Actor Q", "debug/actor_q_mean"),
    ("q1", "Replay Q1", "train/q1_value"),
)


def joint_panels(context: JointContext) -> tuple[Panel, ...]:
    """Return the evaluation return and the Q value of every seed that has any."""
    seeds = sorted(context.shown)
    evaluations = {
        seed: series
        for seed in seeds
        if (series := _evaluation_series(context.shown[seed].evaluations)) is not None
    }
    panels = []
    if evaluations:
        panels.append(_panel("evaluation-return", "Evaluation return", "reward", evaluations))
    for name, title, tag in _Q_TAGS:
        found = {
            seed: group_medians(series)
            for seed in seeds
            if (log := context.shown[seed].log) is not None
            and (series := log.series.get(tag)) is not None
            and len(series)
        }
        if found:
            panels.append(_panel(name, title, "value", found))
            break
    return tuple(panels)


def _panel(name: str, title: str, unit: str, series: dict[int, Series]) -> Panel:
    return Panel(
        name=name,
        title=title,
        unit=unit,
        traces=tuple(
            PlottedSeries(series=found, label=f"seed {seed}") for seed, found in series.items()
        ),
    )


def _evaluation_series(points: tuple[EvaluationPoint, ...]) -> Series | None:
    known = [(point.step, point.mean_return) for point in points if point.mean_return is not None]
    if not known:
        return None
    steps, returns = zip(*known, strict=True)
    return Series(
        tag="eval/mean_reward",
        steps=np.array(steps, dtype=np.int64),
        values=np.array(returns, dtype=np.float64),
        wall_times=np.zeros(len(steps)),
    )
