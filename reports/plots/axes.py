"""Axes of the plots: look, scale and ticks; decides between linear, log and symlog."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from gates.series import FloatArray
from gates.text import format_number
from reports.plots.decimate import Line, drawable
from reports.plots.figure import Figure, FigureCanvasAgg
from reports.plots.panels import Panel
from reports.text.escaping import plot_label

DPI = 150
PAPER = "#fcfcfa"
INK = "#24292f"
FAINT = "#6e7781"
SMALL = 6.5
_DECADES_FOR_LOG = 2.5
_TICKS = 5
_MOST_EMPTY = 0.35
"""Largest part of the axis that a phase without points may take."""


def new_figure(width_in: float, height_in: float, *, rows: int = 1, columns: int = 1) -> Any:
    """Return a figure with an opaque background, a canvas that needs no display, and fixed margins.

    Margins are in inches, wide enough for `-100,000` and a unit: a layout engine would take a
    quarter of the drawing time.
    """
    figure = Figure(figsize=(width_in, height_in), dpi=DPI, facecolor=PAPER)
    FigureCanvasAgg(figure)
    left, right, top, bottom, between_columns, between_rows = 0.68, 0.12, 0.24, 0.36, 0.72, 0.6
    cell_width = (width_in - left - right - (columns - 1) * between_columns) / columns
    cell_height = (height_in - top - bottom - (rows - 1) * between_rows) / rows
    figure.subplots_adjust(
        left=left / width_in,
        right=1 - right / width_in,
        top=1 - top / height_in,
        bottom=bottom / height_in,
        wspace=between_columns / cell_width,
        hspace=between_rows / cell_height,
    )
    return figure


def prepare_axes(axes: Any, panel: Panel, lines: Sequence[Line]) -> None:
    """Set title, labels, ranges and scales for what the panel is going to show."""
    _style(axes, panel, sum(line.gaps for line in lines))
    _set_steps(axes, panel, lines)
    _set_values(axes, panel, lines)


def _style(axes: Any, panel: Panel, gaps: int) -> None:
    axes.set_facecolor(PAPER)
    title = plot_label(panel.title)
    # A height that is given needs no search for one, which would measure every tick label.
    axes.set_title(
        title, fontsize=8, color=INK, loc="left", pad=4, y=1.0, fontweight="bold", parse_math=False
    )
    marked = f"; marked: {gaps:,} NaN or infinite" if gaps else ""
    axes.set_xlabel(panel.x_label + marked, fontsize=SMALL, color=FAINT, labelpad=1)
    if panel.unit:
        unit = plot_label(panel.unit)
        axes.set_ylabel(unit, fontsize=SMALL, color=FAINT, labelpad=2, parse_math=False)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(FAINT)
    axes.tick_params(labelsize=SMALL, colors=INK, length=2, width=0.6)
    axes.grid(axis="y", color="#e6e8eb", lw=0.5)
    axes.set_axisbelow(True)


def _set_steps(axes: Any, panel: Panel, lines: Sequence[Line]) -> None:
    steps = np.concatenate([line.all_steps for line in lines])
    if not len(steps):
        axes.set_xlim(0, 1)
        axes.set_xticks([])
        return
    low, high = float(steps.min()), float(steps.max())
    if panel.before_learning and panel.before_learning.until <= _MOST_EMPTY * high:
        low = min(low, 0.0)
    margin = 0.02 * (high - low) or max(1.0, abs(high) * 0.02)
    axes.set_xlim(low - margin, high + margin)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda step, _: _short_step(step)))


def _short_step(step: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "K")):
        if abs(step) >= size:
            return f"{step / size:.4g}{letter}" if abs(step) < 1e15 else f"{step:.1e}"
    return f"{step:.4g}"


def _set_values(axes: Any, panel: Panel, lines: Sequence[Line]) -> None:
    values = np.concatenate([line.values for line in lines])
    wanted = [limit.value for limit in panel.limits] if panel.show_limits else []
    limits = drawable(np.asarray(wanted, dtype=np.float64))
    values = np.concatenate([values[np.isfinite(values)], limits])
    if not len(values):
        axes.set_ylim(0, 1)
        axes.set_yticks([])
        return
    if panel.unit == "share" and values.min() >= 0 and values.max() <= 1:
        values = np.array([0.0, 1.0])
    headroom = 0.3 if len(panel.traces) > 1 else 0.15
    scale = axis_scale(values)
    if scale == "linear":
        _set_linear(axes, values, headroom)
    else:
        if scale == "log":
            axes.set_yscale("log")
        else:
            axes.set_yscale("symlog", linthresh=linear_range(values))
        transform = axes.yaxis.get_transform()
        ends = transform.transform(np.array([values.min(), values.max()]))
        size = float(ends[1] - ends[0])
        margins = np.array([-0.08 * size, headroom * size])
        axes.set_ylim(*(float(v) for v in transform.inverted().transform(ends + margins)))
        _few_decades(axes, values, scale)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_minor_locator(NullLocator())


def _set_linear(axes: Any, values: FloatArray, headroom: float) -> None:
    low, high = float(values.min()), float(values.max())
    size = high - low
    if size <= 1e-9 * max(abs(low), abs(high)):
        # A constant needs a range that does not look like a measurement.
        size = abs(high) or 1.0
        low, high = low - 0.5 * size, high + 0.5 * size
    axes.set_ylim(low - 0.08 * size, high + headroom * size)
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4))


def _tick(value: float) -> str:
    return "0" if abs(value) < 1e-300 else format_number(value, digits=3)


def axis_scale(values: FloatArray) -> str:
    """Return `log` or `symlog` when finite values span decades, otherwise `linear`."""
    magnitudes = np.abs(values[values != 0])
    if len(magnitudes) < 2:
        return "linear"
    spread = math.log10(magnitudes.max()) - math.log10(
        float(np.quantile(magnitudes, 0.02, method="lower"))
    )
    if spread < _DECADES_FOR_LOG:
        return "linear"
    return "log" if values.min() > 0 else "symlog"


def linear_range(values: FloatArray) -> float:
    """Width around 0 that stays linear: below most values, at most 12 decades below the top."""
    magnitudes = np.abs(values[values != 0])
    low = float(np.quantile(magnitudes, 0.1))
    return float(10.0 ** math.floor(math.log10(max(low, float(magnitudes.max()) * 1e-12))))


def _few_decades(axes: Any, values: FloatArray, scale: str) -> None:
    """At most about five powers of ten as ticks, however many decades the values span."""
    top = math.floor(math.log10(float(np.abs(values).max())))
    if scale == "log":
        bottom = math.ceil(math.log10(float(values.min())))
        every = max(1, math.ceil((top - bottom + 1) / _TICKS))
        ticks = [10.0**e for e in range(bottom, top + 1, every)]
    else:
        bottom = round(math.log10(linear_range(values)))
        sides = [s for s, there in ((-1.0, values.min() < 0), (1.0, values.max() > 0)) if there]
        every = max(1, math.ceil((top - bottom + 1) * len(sides) / _TICKS))
        powers = [10.0**e for e in range(top, bottom - 1, -every)]
        low, high = axes.get_ylim()
        ticks = [0.0, *(side * power for side in sides for power in powers)]
        ticks = [tick for tick in ticks if low <= tick <= high]
    if len(ticks) >= 2:
        axes.set_yticks(sorted(ticks))
