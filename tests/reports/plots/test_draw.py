"""Draws real figures and looks at their pixels."""

import io
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gates.series import Series
from reports.plots.axes import axis_scale, linear_range
from reports.plots.draw import MAX_BYTES, draw_overview, draw_panel
from reports.plots.panels import BeforeLearning, LimitLine, Panel, PlottedSeries, overview_panels

RED = (196, 50, 10)


def _series(values, steps=None, tag="t"):
    steps = np.arange(len(values)) if steps is None else np.asarray(steps)
    return Series(
        tag=tag, steps=steps.astype(np.int64), values=np.asarray(values, float), wall_times=steps
    )


def _panel(values, steps=None, **more):
    style = more.pop("style", "line")
    trace = PlottedSeries(series=_series(values, steps), style=style)
    return Panel(name="p", title=more.pop("title", "Title"), traces=(trace,), **more)


def _pixels(png):
    image = Image.open(io.BytesIO(png))
    assert image.format == "PNG"
    return np.asarray(image.convert("RGB")).astype(int)


def _red(png):
    """Pixels in the colour of limits and breaches."""
    return (np.abs(_pixels(png) - RED).sum(axis=2) < 40).nonzero()


def test_the_background_is_opaque_so_that_dark_pages_stay_readable():
    image = Image.open(io.BytesIO(draw_panel(_panel([1, 2, 3]))))
    assert "A" not in image.mode
    assert "transparency" not in image.info
    assert min(_pixels(draw_panel(_panel([1, 2, 3])))[0, 0]) > 240


def test_a_limit_is_drawn_where_it_belongs():
    plain = draw_panel(_panel([1, 2, 3]))
    assert len(_red(plain)[0]) == 0
    limited = draw_panel(_panel([1, 2, 3], limits=(LimitLine(value=2.0, label="limit 2"),)))
    rows, counts = np.unique(_red(limited)[0], return_counts=True)
    height = _pixels(limited).shape[0]
    assert 0.35 * height < rows[counts.argmax()] < 0.65 * height


def test_a_failed_check_reaches_for_its_limit_and_an_overview_does_not():
    limit = (LimitLine(value=1e4, label="limit 10,000"),)
    failed = _red(draw_panel(_panel([10, 20, 30], limits=limit)))
    calm = _red(draw_panel(_panel([10, 20, 30], limits=limit, show_limits=False)))
    width = _pixels(draw_panel(_panel([1.0]))).shape[1]
    assert np.unique(failed[1]).size > 0.4 * width  # a line across
    assert len(calm[1]) == 0  # a grey note only


def test_the_first_breach_is_marked_at_its_step():
    png = draw_panel(_panel(range(101), breach_step=75))
    columns, counts = np.unique(_red(png)[1], return_counts=True)
    width = _pixels(png).shape[1]
    assert 0.65 * width < columns[counts.argmax()] < 0.85 * width


def test_every_file_is_small_also_with_noise():
    rng = np.random.default_rng(0)
    noisy = _panel(rng.standard_normal(50_000) * 10.0 ** rng.integers(-3, 6, 50_000))
    assert len(draw_panel(noisy)) <= MAX_BYTES
    assert len(draw_overview([noisy] * 6)) <= MAX_BYTES


@pytest.mark.parametrize(
    "values",
    [
        [np.nan, np.nan],
        [np.inf, -np.inf, 1.0],
        [0.0, 0.0],
        [5.0],
        [1e300, -1e300],
        [1e-320, 1e300],
        [-1e-12, 1e12],
        [3e38, 3e38],
    ],
)
@pytest.mark.parametrize("style", ["line", "episodes"])
def test_extreme_values_are_drawn_without_a_warning(values, style):
    assert draw_panel(_panel(values, style=style, limits=(LimitLine(value=1.0, label="l"),)))


def test_extreme_steps_are_drawn():
    assert draw_panel(_panel([1.0, 2.0], steps=[-(2**62), 2**62], breach_step=2**61))
    assert draw_panel(
        _panel(
            [1.0, 2.0],
            steps=[7, 7],
            window=(7, 7),
            before_learning=BeforeLearning(until=10**9, label="l"),
        )
    )


def test_missing_values_are_marked():
    for missing, low in ((np.nan, True), (-np.inf, True), (np.inf, False)):
        png = draw_panel(_panel([1.0, missing, 2.0]))
        rows, _ = _red(png)
        assert len(rows) > 5
        assert (rows.mean() > 0.5 * _pixels(png).shape[0]) == low


@settings(max_examples=6, deadline=None)
@given(st.text(max_size=40) | st.sampled_from(["$\\frac{", "$x^2$", "{{7*7}}", "a\nb", "日本"]))
def test_hostile_titles_are_drawn_as_text(title):
    assert draw_panel(_panel([1.0, 2.0], title=title, unit=title, note=title))


def test_the_overview_of_a_healthy_run_has_six_panels(healthy_case):
    judgement, _ = healthy_case
    panels = overview_panels(
        judgement.result.findings, judgement.log, BeforeLearning(until=1000, label="random actions")
    )
    assert len(panels) == 6
    png = draw_overview(panels)
    height, width, _ = _pixels(png).shape
    assert width > 1.5 * height
    assert len(png) <= MAX_BYTES


def test_scales_follow_the_spread_of_the_values():
    assert axis_scale(np.array([1.0, 50.0])) == "linear"
    assert axis_scale(np.array([1.0, 1e6])) == "log"
    assert axis_scale(np.array([-1.0, 1e6])) == "symlog"
    assert axis_scale(np.array([0.0, 0.0])) == "linear"
    assert linear_range(np.array([-20.0, 3_000.0, 1e6])) <= 1_000


def test_only_drawing_imports_matplotlib():
    code = (
        "import sys, reports, reports.stage.markdown, reports.pipeline, reports.stage.html;"
        "sys.exit(any(m.split('.')[0] in ('matplotlib', 'PIL', 'torch') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
