"""Draws panels as small PNG files with matplotlib.

Uses figures of its own and never pyplot, so nothing global changes and no display is needed.
"""

from __future__ import annotations

import io
import itertools
import math
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from gates.series import FloatArray, Series
from reports.plots.axes import DPI, FAINT, INK, SMALL, new_figure, prepare_axes
from reports.plots.decimate import Line, drawable, thin
from reports.plots.panels import BeforeLearning, LimitLine, Panel, PlottedSeries
from reports.text.escaping import plot_label

PANEL_SIZE_IN = (4.2, 2.1)
MAX_BYTES = 60_000
"""Upper bound of one PNG file."""

_ALARM = "#c4320a"
_CAUTION = "#946300"
_SHADE = "#e4e7eb"
_WINDOW = "#dbe9f9"
_COLOURS = (
    "#0b5fa5", "#b35900", "#2a7f4f", "#7d3c98", "#946300",
    "#00808a", "#a3216f", "#5a5f66", "#4f6b00", "#c4320a",
)  # fmt: skip
_LEGEND_COLUMNS, _MOST_IN_LEGEND = 5, 15
_SINGLE_POINTS = 60
"""Lines with fewer points show each of them."""


def draw_panel(panel: Panel) -> bytes:
    """Draw one panel as a PNG with its own opaque background."""
    return png(panel_picture(panel))


def draw_overview(panels: Sequence[Panel], *, columns: int = 3) -> bytes:
    """Draw panels as small multiples in one PNG."""
    return png(overview_picture(panels, columns=columns))


def panel_picture(panel: Panel) -> Image.Image:
    """Draw one panel."""
    figure = new_figure(*PANEL_SIZE_IN)
    _draw(figure.add_subplot(), panel)
    return as_picture(figure)


def overview_picture(panels: Sequence[Panel], *, columns: int = 3) -> Image.Image:
    """Draw panels as small multiples in one picture."""
    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = new_figure(3.55 * columns, 2.0 * rows, rows=rows, columns=columns)
    for i, panel in enumerate(panels):
        _draw(figure.add_subplot(rows, columns, i + 1), panel)
    return as_picture(figure)


def _draw(axes: Any, panel: Panel) -> None:
    lines = [thin(trace.series) for trace in panel.traces]
    prepare_axes(axes, panel, lines)
    if panel.before_learning is not None:
        label_on_top = len(panel.traces) == 1 and not panel.note
        _shade_before_learning(axes, panel.before_learning, label_on_top)
    if panel.window is not None:
        axes.axvspan(*(float(step) for step in panel.window), color=_WINDOW, lw=0, zorder=0)
    for trace, line, colour in zip(panel.traces, lines, itertools.cycle(_COLOURS), strict=False):
        _draw_trace(axes, trace, line, colour)
    _mark_gaps(axes, lines)
    for limit in panel.limits:
        _draw_limit(axes, limit, panel.limits)
    if panel.breach_step is not None:
        _draw_breach(axes, panel, panel.breach_step)
    if panel.note:
        _annotate(axes, panel.note, 0.02, 0.97, "left")
    if 1 < len(panel.traces) <= _MOST_IN_LEGEND:
        axes.legend(
            loc="upper left", ncols=min(len(panel.traces), _LEGEND_COLUMNS), fontsize=6, frameon=False,
            labelcolor=INK, handlelength=1.0, handletextpad=0.4, columnspacing=0.9,
            borderaxespad=0.1, borderpad=0.2,
        )  # fmt: skip


def _shade_before_learning(axes: Any, phase: BeforeLearning, label_on_top: bool) -> None:
    left, right = axes.get_xlim()
    end = min(float(phase.until), right)
    if end <= left:
        return
    axes.axvspan(left, end, color=_SHADE, lw=0, zorder=0)
    if end - left > 0.012 * len(phase.label) * (right - left):
        axes.text(
            left + 0.01 * (right - left), 0.97 if label_on_top else 0.02, phase.label,
            transform=axes.get_xaxis_transform(), fontsize=5.5, color=FAINT,
            va="top" if label_on_top else "bottom",
        )  # fmt: skip


def _draw_trace(axes: Any, trace: PlottedSeries, line: Line, colour: str) -> None:
    label = plot_label(trace.label)
    if trace.style == "episodes":
        size = 5 if len(line.values) < 400 else 2
        axes.scatter(line.steps, line.values, s=size, color=colour, alpha=0.35, lw=0)
        axes.plot(*_running_median(trace.series), color=INK, lw=1.2, label=label)
        return
    marker = "o" if len(line.values) < _SINGLE_POINTS else ""
    axes.plot(line.steps, line.values, color=colour, lw=1.0, label=label, marker=marker, ms=2.2)


def _running_median(series: Series) -> tuple[FloatArray, FloatArray]:
    """Median of about 50 equal groups of points, at the middle of each group."""
    order = np.argsort(series.steps, kind="stable")
    steps, values = series.steps[order].astype(np.float64), drawable(series.values[order])
    finite = np.flatnonzero(np.isfinite(values))
    groups = max(1, min(50, len(finite) // 5))
    parts = [part for part in np.array_split(finite, groups) if len(part)]
    return (
        np.array([steps[part[len(part) // 2]] for part in parts]),
        np.array([np.median(values[part]) for part in parts]),
    )


_GAP_MARKS = (("nan_steps", "x", 0.03), ("low_steps", "v", 0.03), ("high_steps", "^", 0.97))


def _mark_gaps(axes: Any, lines: Sequence[Line]) -> None:
    """Mark NaN and -infinity at the bottom, +infinity at the top: no axis has a place for them."""
    for name, marker, height in _GAP_MARKS:
        steps = np.concatenate([getattr(line, name) for line in lines])
        if not len(steps):
            continue
        axes.plot(
            steps, np.full(len(steps), height), transform=axes.get_xaxis_transform(),
            color=_ALARM, marker=marker, ms=3.5, mew=1.0, ls="", clip_on=False,
        )  # fmt: skip


def _draw_limit(axes: Any, limit: LimitLine, limits: Sequence[LimitLine]) -> None:
    low, high = axes.get_ylim()
    first = limit is limits[0]
    below = limit.value < max(other.value for other in limits)
    colour = _ALARM if first else _CAUTION
    if not low <= limit.value <= high:
        text = f"{limit.label}, off the scale"
        if limit.value > high:
            _annotate(axes, text, 0.98, 0.97, "right", FAINT)
        else:
            _annotate(axes, text, 0.02, 0.03, "left", FAINT)
        return
    axes.axhline(limit.value, color=colour, lw=0.9, ls=(0, (4, 2)) if first else ":")
    # Labels stand on the outer side of near lines, so that no line covers one.
    axes.annotate(
        plot_label(limit.label), (1 if first else 0, limit.value),
        xycoords=("axes fraction", "data"), xytext=(-2 if first else 2, -2 if below else 2),
        textcoords="offset points", ha="right" if first else "left",
        va="top" if below else "bottom", fontsize=SMALL, color=colour, parse_math=False,
    )  # fmt: skip


def _draw_breach(axes: Any, panel: Panel, step: int) -> None:
    left, right = axes.get_xlim()
    if not left <= step <= right:
        return
    axes.axvline(float(step), color=_ALARM, lw=0.8, ls=":")
    series = panel.traces[0].series
    there = series.values[series.steps == step]
    there = there[np.isfinite(there)]
    low, high = axes.get_ylim()
    if panel.limits and len(there) and low <= there[-1] <= high:
        axes.plot([float(step)], [there[-1]], marker="o", ms=4, mfc="none", mec=_ALARM, ls="")
    late = step > left + 0.6 * (right - left)
    axes.annotate(
        f"step {step:,}", (float(step), 0.03 if panel.note else 0.97),
        xycoords=("data", "axes fraction"), xytext=(-3 if late else 3, 0),
        textcoords="offset points", fontsize=SMALL, color=_ALARM,
        ha="right" if late else "left", va="bottom" if panel.note else "top",
    )  # fmt: skip


def _annotate(axes: Any, text: str, x: float, y: float, side: str, colour: str = _ALARM) -> None:
    axes.text(
        x, y, "\n".join(textwrap.wrap(plot_label(text, longest=120), 64)), transform=axes.transAxes, fontsize=SMALL,
        color=colour, ha=side, va="top" if y > 0.5 else "bottom", parse_math=False,
    )  # fmt: skip


def as_picture(figure: Any) -> Image.Image:
    """Render a figure."""
    figure.canvas.draw()
    return Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB")


def png(picture: Image.Image) -> bytes:
    """Write a picture as a PNG of few colours; flat plots lose nothing and shrink to a third.

    It may run beside drawing, in another thread.
    """
    for colours in (128, 64, 24, 8):
        content = io.BytesIO()
        few = picture.quantize(colours, method=Image.Quantize.FASTOCTREE)
        few.save(content, "PNG", compress_level=6, dpi=(DPI, DPI))
        if content.tell() <= MAX_BYTES:
            break
    return content.getvalue()
