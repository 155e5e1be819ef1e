"""Draws panels as small PNG files; the only module that knows matplotlib.

Uses figures of its own and never pyplot, so nothing global changes and no display is needed.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, NullLocator
from PIL import Image

from gates.series import FloatArray, Series
from reports.decimate import Line, thin
from reports.escaping import plot_label
from reports.number_format import format_number
from reports.plot_panels import LimitLine, Panel, Trace

PANEL_SIZE_IN = (5.0, 2.3)
DPI = 150
MAX_BYTES = 60_000
"""Upper bound of one PNG file."""

_PAPER = "#fcfcfa"
_INK = "#24292f"
_FAINT = "#8c959f"
_LIMIT = "#c4320a"
_BREACH = "#c4320a"
_SHADE = "#e4e7eb"
_WINDOW = "#dbe9f9"
_COLOURS = ("#0b5fa5", "#b35900", "#2a7f4f", "#7d3c98")
_SMALL = 6.5
_DECADES_FOR_LOG = 2.5
_SINGLE_POINTS = 60
"""Lines with fewer points show each of them."""


def draw_panel(panel: Panel) -> bytes:
    """Draw one panel as a PNG with its own opaque background."""
    figure = _figure(*PANEL_SIZE_IN)
    _draw(figure.add_subplot(), panel)
    return _png(figure)


def draw_overview(panels: Sequence[Panel], *, columns: int = 3) -> bytes:
    """Draw panels as small multiples in one PNG."""
    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = _figure(3.55 * columns, 1.95 * rows)
    for i, panel in enumerate(panels):
        _draw(figure.add_subplot(rows, columns, i + 1), panel)
    return _png(figure)


def _figure(width_in: float, height_in: float) -> Any:
    figure = Figure(figsize=(width_in, height_in), dpi=DPI, facecolor=_PAPER, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _draw(axes: Any, panel: Panel) -> None:
    _style_axes(axes, panel)
    lines = [thin(trace.series) for trace in panel.traces]
    _set_steps(axes, panel, lines)
    _set_values(axes, panel, lines)
    if panel.explored_until:
        _shade_exploration(axes, panel.explored_until)
    if panel.window is not None:
        axes.axvspan(*(float(step) for step in panel.window), color=_WINDOW, lw=0, zorder=0)
    for trace, line, colour in zip(panel.traces, lines, _COLOURS, strict=False):
        _draw_trace(axes, trace, line, colour)
    for limit in panel.limits:
        _draw_limit(axes, limit)
    if panel.breach_step is not None:
        _draw_breach(axes, panel, panel.breach_step)
    if panel.note:
        _annotate(axes, panel.note, 0.02, 0.97, "left")
    if len(panel.traces) > 1:
        axes.legend(
            loc="best", fontsize=_SMALL, frameon=True, facecolor=_PAPER, edgecolor="none",
            framealpha=0.8, handlelength=1.2, borderpad=0.2, labelspacing=0.2,
        )  # fmt: skip


def _style_axes(axes: Any, panel: Panel) -> None:
    axes.set_facecolor(_PAPER)
    axes.set_title(
        plot_label(panel.title), fontsize=8, color=_INK, loc="left", pad=4, fontweight="bold",
        parse_math=False,
    )  # fmt: skip
    axes.set_xlabel("environment steps", fontsize=_SMALL, color=_FAINT, labelpad=1)
    if panel.unit:
        axes.set_ylabel(
            plot_label(panel.unit), fontsize=_SMALL, color=_FAINT, labelpad=2, parse_math=False
        )
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_FAINT)
    axes.tick_params(labelsize=_SMALL, colors=_INK, length=2, width=0.6)
    axes.grid(axis="y", color="#e6e8eb", lw=0.5)
    axes.set_axisbelow(True)


def _set_steps(axes: Any, panel: Panel, lines: Sequence[Line]) -> None:
    steps = np.concatenate([np.concatenate([line.steps, line.gap_steps]) for line in lines])
    low, high = float(steps.min()), float(steps.max())
    if panel.explored_until:
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
    values = values[np.isfinite(values)]
    wanted = [limit.value for limit in panel.limits] if panel.show_limits else []
    all_values = np.concatenate([values, np.asarray(wanted, dtype=np.float64)])
    if not len(all_values):
        axes.set_ylim(0, 1)
        axes.set_yticks([])
        return
    scale = _scale(all_values)
    if scale == "log":
        axes.set_yscale("log")
        low, high = np.log10(all_values.min()), np.log10(all_values.max())
        margin = 0.08 * (high - low)
        axes.set_ylim(10 ** (low - margin), 10 ** (high + 2 * margin))
    elif scale == "symlog":
        axes.set_yscale("symlog", linthresh=_linear_range(all_values))
        axes.set_ylim(*_symlog_range(axes, all_values))
    else:
        low, high = float(all_values.min()), float(all_values.max())
        margin = 0.08 * (high - low) or max(abs(high) * 0.08, 1e-6)
        axes.set_ylim(low - margin, high + 1.5 * margin)
        axes.yaxis.set_major_locator(MaxNLocator(nbins=4))
    if scale != "linear":
        _few_decades(axes, all_values, scale)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _tick(value)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_minor_locator(NullLocator())


def _tick(value: float) -> str:
    return "0" if abs(value) < 1e-300 else format_number(value, digits=3)


def _scale(values: FloatArray) -> str:
    magnitudes = np.abs(values[values != 0])
    if len(magnitudes) < 2:
        return "linear"
    spread = math.log10(magnitudes.max()) - math.log10(float(np.quantile(magnitudes, 0.02)))
    if spread < _DECADES_FOR_LOG:
        return "linear"
    return "log" if values.min() > 0 else "symlog"


def _linear_range(values: FloatArray) -> float:
    """Width around 0 that stays linear: below most values, at most 12 decades below the top."""
    magnitudes = np.abs(values[values != 0])
    low = float(np.quantile(magnitudes, 0.1))
    return float(10 ** math.floor(math.log10(max(low, float(magnitudes.max()) * 1e-12))))


def _symlog_range(axes: Any, values: FloatArray) -> tuple[float, float]:
    transform = axes.yaxis.get_transform()
    ends = transform.transform(np.array([values.min(), values.max()]))
    margin = 0.08 * (ends[1] - ends[0])
    low, high = transform.inverted().transform(ends + np.array([-margin, 2 * margin]))
    return float(low), float(high)


def _few_decades(axes: Any, values: FloatArray, scale: str) -> None:
    """At most about five powers of ten as ticks, however many decades the values span."""
    top = math.floor(math.log10(float(np.abs(values).max())))
    if scale == "log":
        bottom = math.ceil(math.log10(float(values.min())))
        every = max(1, math.ceil((top - bottom + 1) / 5))
        ticks = [10.0**e for e in range(bottom, top + 1, every)]
    else:
        bottom = round(math.log10(_linear_range(values)))
        sides = [s for s, there in ((-1.0, values.min() < 0), (1.0, values.max() > 0)) if there]
        every = max(1, math.ceil((top - bottom + 1) * len(sides) / 5))
        powers = [10.0**e for e in range(top, bottom - 1, -every)]
        ticks = [0.0, *(side * power for side in sides for power in powers)]
        low, high = axes.get_ylim()
        ticks = [tick for tick in ticks if low <= tick <= high]
    if len(ticks) >= 2:
        axes.set_yticks(sorted(ticks))


def _shade_exploration(axes: Any, until: int) -> None:
    left, right = axes.get_xlim()
    axes.axvspan(left, min(float(until), right), color=_SHADE, lw=0, zorder=0)
    if float(until) - left > 0.12 * (right - left):
        axes.text(
            left + 0.01 * (right - left), 0.02, "random actions", transform=_x_data_y_axes(axes),
            fontsize=5.5, color=_FAINT, va="bottom", ha="left",
        )  # fmt: skip


def _x_data_y_axes(axes: Any) -> Any:
    return axes.get_xaxis_transform()


def _draw_trace(axes: Any, trace: Trace, line: Line, colour: str) -> None:
    label = plot_label(trace.label)
    if trace.style == "episodes":
        size = 5 if len(line.values) < 400 else 2
        axes.scatter(line.steps, line.values, s=size, color=colour, alpha=0.35, lw=0)
        steps, medians = _running_median(trace.series)
        axes.plot(steps, medians, color=_INK, lw=1.2, label=label)
    else:
        few = len(line.values) < _SINGLE_POINTS
        axes.plot(
            line.steps, line.values, color=colour, lw=1.0, label=label,
            marker="o" if few else "", ms=2.2,
        )  # fmt: skip
    if len(line.gap_steps):
        at = np.full(len(line.gap_steps), 0.03)
        axes.plot(
            line.gap_steps, at, transform=_x_data_y_axes(axes), color=_LIMIT, marker="x", ms=3.5,
            mew=0.8, ls="", clip_on=False,
        )  # fmt: skip
        _annotate(axes, f"{line.gaps:,} values NaN or infinite", 0.02, 0.1, "left")


def _running_median(series: Series) -> tuple[FloatArray, FloatArray]:
    """Median of about 50 equal groups of points, at the last step of each group."""
    order = np.argsort(series.steps, kind="stable")
    steps, values = series.steps[order].astype(np.float64), series.values[order]
    keep = np.isfinite(values)
    groups = max(1, min(50, int(keep.sum()) // 5))
    parts = [p for p in np.array_split(np.flatnonzero(keep), groups) if len(p)]
    return (
        np.array([steps[part[len(part) // 2]] for part in parts]),
        np.array([np.median(values[part]) for part in parts]),
    )


def _draw_limit(axes: Any, limit: LimitLine) -> None:
    low, high = axes.get_ylim()
    if low <= limit.value <= high:
        axes.axhline(limit.value, color=_LIMIT, lw=0.9, ls=(0, (4, 2)))
        axes.annotate(
            plot_label(limit.label), (1, limit.value), xycoords=("axes fraction", "data"),
            xytext=(-2, 2), textcoords="offset points", ha="right", va="bottom",
            fontsize=_SMALL, color=_LIMIT, parse_math=False,
        )  # fmt: skip
    else:
        above = limit.value > high
        _annotate(axes, f"{limit.label}, off the scale", 0.98, 0.97 if above else 0.1, "right")


def _draw_breach(axes: Any, panel: Panel, step: int) -> None:
    left, right = axes.get_xlim()
    if not left <= step <= right:
        return
    axes.axvline(float(step), color=_BREACH, lw=0.8, ls=":")
    series = panel.traces[0].series
    there = series.values[series.steps == step]
    there = there[np.isfinite(there)]
    if len(there) and panel.limits:
        axes.plot([float(step)], [there[-1]], marker="o", ms=4, mfc="none", mec=_BREACH, ls="")
    late = step > left + 0.6 * (right - left)
    axes.annotate(
        f"step {step:,}", (float(step), 0), xycoords=("data", "axes fraction"),
        xytext=(-3 if late else 3, 3), textcoords="offset points", fontsize=_SMALL,
        color=_BREACH, ha="right" if late else "left", va="bottom",
    )  # fmt: skip


def _annotate(axes: Any, text: str, x: float, y: float, side: str) -> None:
    axes.text(
        x, y, plot_label(text, longest=90), transform=axes.transAxes, fontsize=_SMALL,
        color=_LIMIT, ha=side, va="top" if y > 0.5 else "bottom", parse_math=False,
    )  # fmt: skip


def _png(figure: Any) -> bytes:
    """Render to a PNG of few colours; flat plots lose nothing and shrink to a third."""
    figure.canvas.draw()
    pixels = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB")
    for colours in (128, 64, 24, 8):
        content = io.BytesIO()
        pixels.quantize(colours).save(content, "PNG", optimize=True, dpi=(DPI, DPI))
        if content.tell() <= MAX_BYTES:
            break
    return content.getvalue()
