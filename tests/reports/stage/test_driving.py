"""The section about driving: rows, headline, picture, and what happens without data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from msgspec import structs
from PIL import Image

from gates.runs.drives import EpisodePictures, FinalEvaluation
from gates.schema import read
from gates.tags import ENDINGS
from reports.context import DrivenBeside
from reports.plots.endings import COLOURS, endings_picture
from reports.stage.html import render_html
from reports.stage.latex import render_latex
from reports.stage.markdown import plots_for, render_stage_markdown
from reports.stage.plots import draw_stage_plots
from reports.stage.sections.driving import driven_routes, driving_view, endings_over_training
from tests.reports.conftest import log_of, series


def episodes(count, successes, total):
    return [
        {
            "return": total,
            "ending": "time_limit" if number < successes else "collision_vehicle",
            "success": number < successes,
            "route_completion": 0.8,
            "mean_speed_mps": 7.0,
            "comfortable_share": 0.5,
            "driving_score_2_0": 60.0,
            "driving_score_2_1": 59.0,
        }
        for number in range(count)
    ]


def drives(driver, routes, *found, **more):
    return {
        "driver": driver,
        "routes": routes,
        "conditions": {"town": "Town02", "weather": ["ClearNoon"], "vehicles": 20},
        "missing": "",
        "episodes": episodes(*found) if found else [],
        **more,
    }


def final(*each):
    return read({"format": 1, "step": 50_000, "drives": each}, FinalEvaluation)


WHOLE = final(
    drives("policy", "training", 20, 20, 220.0),
    drives("policy", "held_out", 20, 15, 200.0),
    drives("untrained", "held_out", 20, 0, 5.0),
    drives("rule_based", "held_out", 20, 20, 240.0),
)


def evaluated():
    steps = [0, 1000, 2000]
    return [
        series("eval/episodes", steps, [10.0] * 3),
        series("eval/mean_reward", steps, [1.0, 20.0, 30.0]),
        *(
            series(f"eval_driving/{name}", steps, values)
            for name, values in {
                "success": [0.0, 0.2, 0.5],
                "route_completion": [0.1, 0.4, 0.7],
                "driving_score_2_0": [5.0, 30.0, 60.0],
                "driving_score_2_1": [5.0, 30.0, 59.0],
                "mean_speed_mps": [3.0, 6.0, 7.0],
                "comfortable_share": [0.9, 0.5, 0.6],
                **{f"end_{ending}": [0.0] * 3 for ending in ENDINGS},
                "end_off_road": [1.0, 0.5, 0.2],
            }.items()
        ),
    ]


def ended(count=40, ending="off_road"):
    steps = 25 * np.arange(1, count + 1)
    return [
        series(f"driving/end_{name}", steps, [float(name == ending)] * count) for name in ENDINGS
    ]


def test_rows_are_those_of_the_end_where_it_was_driven():
    view = driving_view(log_of(*evaluated()), WHOLE)
    assert [(row.driver, row.routes, row.episodes) for row in view.rows] == [
        ("this policy", "training", 20),
        ("this policy", "held-out", 20),
        ("untrained policy", "held-out", 20),
        ("driver by rules", "held-out", 20),
    ]
    held_out = view.rows[1]
    assert (held_out.success.estimate, held_out.collisions, held_out.off_road) == (0.75, 0.25, 0)
    assert view.headline == (
        "75% of 20 held-out routes succeed; the driver by rules: 100%. The policy's return is 40 lower."
    )
    assert view.conditions == (
        "training routes: town Town02, weather ClearNoon, vehicles 20",
        "held-out routes: town Town02, weather ClearNoon, vehicles 20",
    )


def test_a_run_that_was_stopped_shows_its_evaluations():
    view = driving_view(log_of(*evaluated()), None)
    assert [(row.driver, row.episodes) for row in view.rows] == [
        ("this policy", 10),
        ("policy at step 0", 10),
    ]
    assert [row.off_road for row in view.rows] == [0.2, 1.0]
    assert view.headline == "50% of 10 training routes succeed."


def test_routes_that_were_not_driven_are_named():
    lost = drives("policy", "held_out", missing="gone")
    view = driving_view(log_of(), final(drives("policy", "training", 5, 5, 1.0), lost))
    assert view.missing == ("held-out routes: gone",)
    assert len(view.rows) == 1


def test_a_log_without_driving_has_no_section(healthy_case):
    judgement, context = healthy_case
    assert driving_view(judgement.log, None) is None
    assert endings_over_training(judgement.log) is None
    assert "## Driving" not in render_stage_markdown(judgement, context, ())


def test_every_form_of_the_report_has_the_table(healthy_case):
    judgement, context = healthy_case
    log = log_of(*judgement.log.series.values(), *evaluated(), *ended())
    judgement, context = (
        structs.replace(judgement, log=log),
        structs.replace(context, final_evaluation=WHOLE),
    )
    plots = draw_stage_plots(judgement.result, log, context.config)
    assert [plot.path for plot in plots][:2] == ["plots/overview.png", "plots/endings.png"]
    markdown = render_stage_markdown(judgement, context, plots)
    assert "](plots/endings.png)" in markdown
    assert markdown.index("## Driving") < markdown.index("## Learning")
    assert MarkdownIt().enable("table").render(markdown).count("held-out") >= 4
    assert "driver by rules" in render_html(judgement, context, plots)
    assert "driver by rules & held-out & 20 &" in render_latex(judgement, context)


def test_endings_are_grouped_by_step():
    half = [*ended(20, "off_road")]
    later = [structs.replace(s, steps=s.steps + 500) for s in ended(20, "time_limit")]
    both = [
        structs.replace(
            a,
            steps=np.concatenate([a.steps, b.steps]),
            values=np.concatenate([a.values, b.values]),
            wall_times=np.concatenate([a.wall_times, b.wall_times]),
        )
        for a, b in zip(half, later, strict=True)
    ]
    found = endings_over_training(log_of(*both))
    assert set(found.shares) == {"off_road", "time_limit"}
    assert found.shares["off_road"][0] == found.shares["time_limit"][-1] == 1.0
    assert np.nansum(list(found.shares.values()), axis=0) == pytest.approx(1.0)
    assert found.episodes == 40


def test_every_ending_has_a_colour_and_is_drawn():
    assert set(COLOURS) == set(ENDINGS)
    shares = {"goal": np.array([0.5, np.nan]), "collision_vehicle": np.array([0.5, np.nan])}
    picture = endings_picture(np.array([0.0, 10.0, 20.0]), shares, title="Endings")
    assert isinstance(picture, Image.Image)
    colours = {colour for _, colour in picture.getcolors(1 << 20)}
    assert {(0x1F, 0x8A, 0x4C), (0xB3, 0x26, 0x1E)} <= colours


VALUES = st.floats(width=32) | st.just(0.0) | st.just(1.0)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-(2**62), 2**62), VALUES), min_size=0, max_size=60),
    st.lists(VALUES, min_size=3, max_size=3),
)
def test_any_values_make_a_section_or_none(points, broken):
    steps, values = [s for s, _ in points], [v for _, v in points]
    log = log_of(
        *(series(f"driving/end_{name}", steps, values) for name in ENDINGS),
        *(structs.replace(s, values=np.array(broken)) for s in evaluated()),
    )
    with np.errstate(all="ignore"):
        driving_view(log, None)
        found = endings_over_training(log)
    if found is not None:
        endings_picture(found.edges, found.shares, title="any")


def with_lines(drives, line):
    return drives | {"episodes": [each | {"line_m": line} for each in drives["episodes"]]}


def test_routes_are_shown_beside_those_of_the_driver_by_rules():
    whole = final(
        with_lines(drives("policy", "held_out", 3, 2, 200.0), [[0.0, 0.0], [20.0, 1.0]]),
        with_lines(drives("rule_based", "held_out", 2, 2, 240.0), [[0.0, 0.0], [60.0, 5.0]]),
    )
    routes = driven_routes(whole)
    assert [route.ending for route in routes] == ["time_limit"] * 2 + ["collision_vehicle"]
    assert routes[0].reference[-1].tolist() == [60.0, 5.0]
    assert routes[2].reference is None
    assert driven_routes(WHOLE) == driven_routes(None) == ()


@pytest.mark.parametrize("line", [[[0.0, 0.0]], [[0.0, 0.0], [1e9, -1e9]], [[0.0, 0.0]] * 40])
def test_pictures_of_the_end_are_in_every_form_of_the_report(healthy_case, line):
    judgement, context = healthy_case
    seen = np.random.default_rng(0).integers(0, 256, (5, 32, 32), dtype=np.uint8)
    context = structs.replace(
        context,
        final_evaluation=final(with_lines(drives("policy", "held_out", 3, 2, 200.0), line)),
        final_pictures=EpisodePictures(best=seen, worst=seen[:1]),
    )
    plots = plots_for(judgement, context)
    names = [plot.path for plot in plots if plot.section == "driving"]
    assert [name.split("/")[1] for name in names[-3:]] == [
        "routes.png", "best-episode.png", "worst-episode.png",
    ]  # fmt: skip
    text = render_stage_markdown(judgement, context, plots)
    assert all(f"]({name})" in text for name in names)
    assert render_html(judgement, context, plots).count("data:image/png") >= 4


def test_other_runs_stand_beside_this_one():
    other = DrivenBeside("DDPG, ddpg/run-001", final(drives("policy", "held_out", 20, 10, 150.0)))
    row = driving_view(log_of(), WHOLE, (other,)).rows[-1]
    assert (row.driver, row.routes) == ("DDPG, ddpg/run-001", "held-out")
    assert (row.success.estimate, row.mean_return) == (0.5, 150.0)
    assert driving_view(log_of(), None, (other,)) is None
