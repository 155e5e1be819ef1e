"""Pictures of any values: denormal, huge, constant, NaN and infinity, one point, no point."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gates.series import Series
from reports.plots.draw import draw_overview, draw_panel
from reports.plots.panels import LimitLine, Panel, PlottedSeries

SIZES = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0.0, 5e-324, 1e-310, 1e-40, -1e-40, 1e-12, 1.0, 1e12, 1e300, -1e300, 1.7e308]),
    st.integers(-320, 308).map(lambda power: 10.0**power),
)
VALUES = st.lists(SIZES, max_size=12)
LIMITS = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=2)


def panel(
    values: list[float], limits: list[float], style: str = "line", *, more: bool = False
) -> Panel:
    steps = np.arange(len(values), dtype=np.int64)
    series = Series(
        tag="t", steps=steps, values=np.array(values, dtype=np.float64), wall_times=steps * 1.0
    )
    traces = (PlottedSeries(series=series, label="a", style=style),)
    return Panel(
        name="p",
        title="Any values",
        traces=traces * 2 if more else traces,
        limits=tuple(LimitLine(value=limit, label=f"limit {limit:g}") for limit in limits),
        breach_step=1,
        window=(0, 3),
    )


def is_picture(content: bytes) -> bool:
    return Image.open(io.BytesIO(content)).format == "PNG"


@settings(max_examples=25, deadline=None)
@given(VALUES, LIMITS, st.sampled_from(["line", "episodes"]), st.booleans())
def test_any_values_are_drawn(
    values: list[float], limits: list[float], style: str, more: bool
) -> None:
    assert is_picture(draw_panel(panel(values, limits, style, more=more)))


@pytest.mark.parametrize(
    "values",
    [
        [],
        [1e-40],
        [-3e-40, 0.0, 1e-43],
        [-1e-40, 0.0, 1e-38, 2e-36],
        [1e300, -1e300, 1e-300],
        [np.nan] * 5,
        [np.inf, -np.inf],
        [7.0] * 40,
    ],
)
def test_an_overview_of_awkward_values_is_drawn(values: list[float]) -> None:
    assert is_picture(draw_overview([panel(values, [1e308, -1e308]), panel(values, [])]))
