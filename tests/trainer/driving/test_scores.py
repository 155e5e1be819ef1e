"""Driving scores on examples that were worked by hand."""

import pytest

from trainer.driving.scores import (
    FACTORS_2_0,
    WEIGHTS_2_1,
    driving_score_2_0,
    driving_score_2_1,
)

BOTH = {"vehicle": 1, "red_light": 1}


def exactly(value):
    return pytest.approx(value, abs=1e-9)


def test_one_vehicle_and_one_red_light_at_80_percent():
    assert driving_score_2_0(0.8, BOTH) == exactly(33.6)
    assert driving_score_2_1(0.8, BOTH) == exactly(80 / 2.1)


def test_the_same_with_a_tenth_outside_the_lanes():
    assert driving_score_2_0(0.8, BOTH, outside_lanes_share=0.1) == exactly(30.24)
    assert driving_score_2_1(0.8, BOTH, outside_lanes_share=0.1) == exactly(72 / 2.1)


def test_one_event_of_minimum_speed_at_half_the_speed_around():
    assert driving_score_2_0(1.0, {}, slow_speed_shares=[0.5]) == exactly(85.0)
    assert driving_score_2_1(1.0, {}, slow_events=1) == exactly(100 / 1.4)


def test_a_route_without_infraction_scores_its_completion_and_none_scores_zero():
    for score in (driving_score_2_0, driving_score_2_1):
        assert score(0.37, {}) == exactly(37.0)
        assert score(0.0, {"vehicle": 3}) == 0.0


def test_infractions_multiply_in_2_0_and_add_up_in_2_1():
    assert driving_score_2_0(1.0, {"pedestrian": 2, "static": 1}) == exactly(100 * 0.25 * 0.65)
    assert driving_score_2_1(1.0, {"pedestrian": 2, "static": 1}) == exactly(100 / 3.6)


def test_both_versions_know_the_same_infractions():
    assert set(FACTORS_2_0) == set(WEIGHTS_2_1)


@pytest.mark.parametrize("score", [driving_score_2_0, driving_score_2_1])
def test_values_out_of_range_are_refused(score):
    with pytest.raises(ValueError, match=r"share is 1\.2"):
        score(1.2, {})
    with pytest.raises(ValueError, match="share is nan"):
        score(float("nan"), {})
    with pytest.raises(ValueError, match="'vehicle'"):
        score(1.0, {"vehicle": -1})
