import numpy as np
import pytest

from gates.findings import Outcome
from reports.plots.panels import (
    MAX_CHECK_PLOTS,
    BeforeLearning,
    axis_sign,
    check_panels,
    describe_panel,
    is_by_episode,
    overview_missing,
    overview_panels,
)

PHASE = BeforeLearning(until=1000, label="random actions")


def _finding(build, **more):
    value, limit = more.pop("value", 5.0), more.pop("limit", 3.0)
    fields = {"outcome": Outcome.FAIL, "on_axis": True, **more}
    return build.finding("c", "C", value, limit, **fields)


@pytest.mark.parametrize(
    ("values", "value", "direction", "breach", "sign"),
    [
        ([1, 5, 9], 5.0, "max", None, 1),
        ([1, 5, 9], 9.0, "max", 1, 1),
        ([1, 5, 9], 9.0, "max", 0, 0),  # the series is below the limit at that step
        ([1, 5, 9], 150.0, "max", None, 0),  # a ratio, not on this axis
        ([-9, -5, -1], 9.0, "max", None, -1),  # the largest magnitude
        ([-9, -5, -1], 9.0, "min", None, 0),
        ([1, 5, 9], float("nan"), "max", None, 0),
        ([1, 5, 9], float("inf"), "max", None, 0),
        ([1, 5, np.inf], float("inf"), "max", None, 1),
        ([1, 5, 9], None, "max", None, 0),
        ([1, 5, 9], 5.0, "", None, 0),
        ([np.nan, np.inf], 5.0, "max", None, 0),
        ([], 5.0, "max", None, 0),
    ],
)
def test_a_limit_is_drawn_only_on_the_scale_of_its_series(
    build, values, value, direction, breach, sign
):
    series = build.series("t", range(len(values)), values)
    finding = _finding(build, value=value, direction=direction, breach_step=breach)
    assert axis_sign(finding, series) == sign


def test_a_ratio_within_the_range_of_its_series_is_not_drawn(build):
    series = build.series("t", [1, 2, 3], [1.0, 5.0, 9.0])
    assert axis_sign(_finding(build, value=5.0, on_axis=False), series) == 0


def test_a_check_off_the_axis_says_its_numbers_in_the_panel(build):
    log = build.log(build.series("t", [1, 2, 3], [1.0, 2.0, 3.0]))
    finding = _finding(build, tag="t", value=150.0, limit=10.0, statistic="median ratio")
    ((_, panel),) = check_panels([finding], log, None)
    assert panel.limits == ()
    assert panel.note == "median ratio: 150, limit 10"


def test_only_checks_that_did_not_pass_and_have_a_series_get_a_panel(build):
    log = build.log(build.series("t", [1, 2], [1.0, 2.0]), build.series("empty", [], []))
    findings = [
        build.finding("ok", "OK", 1.0, 2.0, tag="t"),
        _finding(build, tag="t"),
        _finding(build, tag="empty"),
        _finding(build, tag="gone"),
        _finding(build),
    ]
    assert [f.tag for f, _ in check_panels(findings, log, None)] == ["t"]
    assert len(check_panels([findings[1]] * 20, log, None)) == MAX_CHECK_PLOTS


def test_episode_numbers_are_not_called_environment_steps(build):
    by_number = build.series("train/episode_length", [1, 2, 3, 4], [9, 9, 3, 3])
    by_step = build.series("train/episode_length", [9, 18, 21, 24], [9, 9, 3, 3])
    assert is_by_episode(by_number)
    assert not is_by_episode(by_step)
    assert not is_by_episode(build.series("train/q1_value", [1, 2, 3], [1, 2, 3]))
    finding = _finding(build, tag="train/episode_length", value=3.0)
    ((_, panel),) = check_panels([finding], build.log(by_number), PHASE)
    assert (panel.x_label, panel.before_learning, panel.window) == ("episodes", None, None)
    ((_, panel),) = check_panels([finding], build.log(by_step), PHASE)
    assert (panel.x_label, panel.before_learning) == ("environment steps", PHASE)


def test_the_overview_shows_what_was_logged_and_names_what_was_not(build):
    log = build.log(
        build.series("train/q1_value", [1, 2], [1.0, 2.0]),
        build.series("debug/actor_q_mean", [1, 2], [1.0, 2.0]),
        build.series("policy/tanh_saturation", [], []),
    )
    finding = build.finding("b", "B", 1.5, 100.0, tag="debug/actor_q_mean", on_axis=True)
    (panel,) = overview_panels([finding, finding], log, PHASE)
    assert [trace.label for trace in panel.traces] == ["actor Q", "replay Q1"]
    assert [limit.label for limit in panel.limits] == ["limit 100"]
    assert not panel.show_limits
    assert overview_missing(log) == (
        "Actor loss",
        "Episode length",
        "Gradient norms",
        "Share of saturated actions",
        "Evaluation return",
    )


def test_a_plot_is_described_in_words(build):
    log = build.log(build.series("t", [1, 2], [1.0, 7.0]))
    finding = _finding(build, tag="t", breach_step=2, warn_limit=2.0)
    ((_, panel),) = check_panels([finding], log, None)
    assert describe_panel(panel) == (
        "FAIL: C: t over environment steps, 2 points, limit 3, warns at 2, first breach at step 2"
    )
