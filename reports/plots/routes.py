"""Draws routes from above: how the driver by rules drove them, how the policy did, and where it ended and why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from reports.plots.axes import FAINT, INK, PAPER, SMALL, new_figure
from reports.plots.draw import as_picture
from reports.plots.endings import COLOURS
from reports.plots.panels import DrivenRoute

COLUMNS = 6
PANEL_IN = 1.35
LEGEND_IN = 0.5
ROUTE = "#c9ced6"
SCALE_M = 50.0


def routes_picture(routes: Sequence[DrivenRoute], *, title: str) -> Image.Image:
    """Draw one small map for each route, all to the same scale."""
    columns = min(COLUMNS, len(routes))
    rows = -(-len(routes) // columns)
    figure = new_figure(PANEL_IN * COLUMNS, PANEL_IN * rows + LEGEND_IN)
    reach = max(_reach(route) for route in routes)
    top = 1.0 - 0.6 * LEGEND_IN / (PANEL_IN * rows + LEGEND_IN)
    height = PANEL_IN / (PANEL_IN * rows + LEGEND_IN)
    for number, route in enumerate(routes):
        row, column = divmod(number, columns)
        axes = figure.add_axes(
            (column / COLUMNS, top - (row + 1) * height, 0.96 / COLUMNS, 0.94 * height)
        )
        _draw(axes, route, reach)
        if number == 0:
            axes.plot([-reach, SCALE_M - reach], [-0.95 * reach] * 2, color=FAINT, lw=1)
            axes.text(-reach, -0.88 * reach, f"{SCALE_M:.0f} m", fontsize=SMALL, color=FAINT)
    figure.text(0.01, 0.985, title, fontsize=8, color=INK, va="top")
    _legend(figure, routes)
    return as_picture(figure)


def _draw(axes, route: DrivenRoute, reach: float) -> None:  # type: ignore[no-untyped-def]
    axes.set_facecolor(PAPER)
    # What is ahead goes up, what is left goes left.
    middle = _middle(route)
    if route.reference is not None:
        axes.plot(
            middle[1] - route.reference[:, 1], route.reference[:, 0] - middle[0],
            color=ROUTE, lw=4, solid_capstyle="round",
        )  # fmt: skip
    x, y = middle[1] - route.line[:, 1], route.line[:, 0] - middle[0]
    colour = COLOURS.get(route.ending, INK)
    axes.plot(x, y, color=colour, lw=1.2)
    axes.plot(x[:1], y[:1], marker="o", ms=2.5, color=INK)
    axes.plot(x[-1:], y[-1:], marker="X" if _bad(route.ending) else "o", ms=5, color=colour)
    axes.set_xlim(-1.05 * reach, 1.05 * reach)
    axes.set_ylim(-1.05 * reach, 1.05 * reach)
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_color("#e3e6ea")


def _legend(figure, routes: Sequence[DrivenRoute]) -> None:  # type: ignore[no-untyped-def]
    from matplotlib.lines import Line2D

    ended = [name for name in COLOURS if any(route.ending == name for route in routes)]
    handles = [
        Line2D([], [], color=COLOURS[name], lw=1.2, marker="X" if _bad(name) else "o", ms=4,
               label=name.replace("_", " "))
        for name in ended
    ]  # fmt: skip
    if any(route.reference is not None for route in routes):
        handles.append(Line2D([], [], color=ROUTE, lw=4, label="driver by rules"))
    figure.legend(
        handles=handles, loc="lower left", ncols=6, fontsize=SMALL, frameon=False, labelcolor=INK
    )


def _bad(ending: str) -> bool:
    return ending not in ("goal", "time_limit")


def _points(route: DrivenRoute) -> np.ndarray:
    lines = [route.line] if route.reference is None else [route.line, route.reference]
    return np.concatenate([[[0.0, 0.0]], *lines])


def _middle(route: DrivenRoute) -> np.ndarray:
    points = _points(route)
    middle: np.ndarray = 0.5 * (points.min(axis=0) + points.max(axis=0))
    return middle


def _reach(route: DrivenRoute) -> float:
    return max(1.0, float(np.max(np.ptp(_points(route), axis=0))) / 2.0)
