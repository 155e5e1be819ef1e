"""Chooses what is drawn when two runs are laid over each other; draws nothing."""

from __future__ import annotations

import numpy as np
from msgspec import structs

from gates.series import EventLog, Series
from reports.comparison.compare import Comparison
from reports.plots.panels import Panel, PlottedSeries, is_by_episode

_METRICS = (
    ("actor-q", "Actor Q", "value", "debug/actor_q_mean"),
    ("q1", "Replay Q1", "value", "train/q1_value"),
    ("actor-loss", "Actor loss", "value", "train/actor_loss"),
    ("critic-loss", "Critic loss", "value^2", "train/critic_loss"),
    ("actor-gradient", "Actor MLP gradient norm", "", "gradients/actor_mlp_norm"),
    ("saturation", "Share of saturated actions", "share", "policy/tanh_saturation"),
    ("episode-return", "Episode return", "reward", "train/episode_reward"),
    ("episode-length", "Episode length", "steps", "train/episode_length"),
    ("evaluation-return", "Evaluation return", "reward", "eval/mean_reward"),
    ("evaluation-length", "Evaluation episode length", "steps", "eval/mean_episode_length"),
)
_GROUPS = 50
"""Episodes are shown as medians of so many groups: single points of two runs hide each other."""


def comparison_panels(comparison: Comparison) -> tuple[Panel, ...]:
    """Return one panel for each main metric that at least one run logged."""
    panels = []
    for name, title, unit, tag in _METRICS:
        series = [
            (label, found)
            for label, run in (("A", comparison.a), ("B", comparison.b))
            if (found := _logged(run.log, tag)) is not None
        ]
        by_episode = {is_by_episode(found) for _, found in series}
        if not series or len(by_episode) > 1:
            # Episode numbers and environment steps have no common axis.
            continue
        episodes = tag.startswith("train/episode_")
        alone = f" ({series[0][0]} only)" if len(series) == 1 else ""
        panels.append(
            Panel(
                name=name,
                title=f"{title}{', medians' if episodes else ''}{alone}",
                traces=tuple(
                    PlottedSeries(series=group_medians(found) if episodes else found, label=label)
                    for label, found in series
                ),
                unit=unit,
                x_label="episodes" if by_episode == {True} else "environment steps",
            )
        )
    return tuple(panels)


def group_medians(series: Series) -> Series:
    """Return the medians of up to 50 groups of neighbouring points, each at its middle step."""
    order = np.argsort(series.steps, kind="stable")
    steps, values = series.steps[order], series.values[order]
    finite = np.flatnonzero(np.isfinite(values))
    if len(finite) < 2 * _GROUPS:
        return series
    parts = np.array_split(finite, _GROUPS)
    return structs.replace(
        series,
        steps=np.array([steps[part[len(part) // 2]] for part in parts], dtype=np.int64),
        values=np.array([np.median(values[part]) for part in parts], dtype=np.float64),
        wall_times=np.zeros(len(parts)),
    )


def _logged(log: EventLog | None, tag: str) -> Series | None:
    series = log.series.get(tag) if log is not None else None
    return series if series is not None and len(series) else None
