"""Draws how training episodes ended: stacked bars over environment steps."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from PIL import Image

from reports.plots.axes import FAINT, INK, PAPER, SMALL, new_figure
from reports.plots.draw import as_picture

SIZE_IN = (7.0, 2.2)
COLOURS = {
    "goal": "#1f8a4c",
    "time_limit": "#8ccfa4",
    "stalled": "#b8bec6",
    "off_road": "#e0a030",
    "wrong_way": "#b06fc0",
    "collision_other": "#e07050",
    "collision_vehicle": "#b3261e",
}
"""From harmless at the bottom of a bar to grave at its top."""


def endings_picture(
    edges: np.ndarray, shares: Mapping[str, np.ndarray], *, title: str
) -> Image.Image:
    """Draw one bar for each group of episodes.

    Args:
        edges: `float64[groups + 1]`, environment steps.
        shares: By ending, `float64[groups]`; NaN leaves a gap.
        title: Above the picture.
    """
    figure = new_figure(*SIZE_IN)
    axes = figure.add_subplot()
    axes.set_facecolor(PAPER)
    bottom = np.zeros(len(edges) - 1)
    widths = np.diff(edges)
    for ending in (name for name in COLOURS if name in shares):
        height = np.nan_to_num(shares[ending])
        axes.bar(
            edges[:-1], height, widths * 0.94, bottom=bottom, align="edge",
            color=COLOURS[ending], lw=0, label=ending.replace("_", " "),
        )  # fmt: skip
        bottom += height
    axes.set_ylim(0.0, 1.0)
    axes.set_xlim(float(edges[0]), float(edges[-1]))
    axes.set_yticks([0.0, 0.5, 1.0], ["0%", "50%", "100%"])
    axes.xaxis.set_major_formatter(lambda step, _: f"{step:,.0f}")
    axes.tick_params(labelsize=SMALL, colors=FAINT, length=2)
    axes.set_title(title, fontsize=8, color=INK, loc="left")
    axes.set_xlabel("environment steps", fontsize=SMALL, color=FAINT)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    box = axes.get_position()
    axes.set_position((box.x0, box.y0, box.width * 0.82, box.height))
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1.01, 0.5),
        fontsize=SMALL, frameon=False, labelcolor=INK, handlelength=1.0,
    )  # fmt: skip
    return as_picture(figure)
