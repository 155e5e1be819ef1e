"""Measures of drives that were made by hand."""

import numpy as np
import pytest

from trainer.driving.episode import LINE_POINTS, MEANS, measure, summary
from trainer.driving.recorder import DriveRecorder
from trainer.envs.driving.trace import ENDINGS, TRACE, ending_of
from trainer.envs.environment import DrivingTask

TASK = DrivingTask(step_s=0.1, target_speed_mps=8.0, route_m=80.0)


def trace(steps=100, **columns):
    """Return a straight drive at the target speed, with columns replaced."""
    straight = {"speed_mps": 8.0, "progress_m": 0.8, "distance_m": 0.8} | columns
    made = np.zeros((steps, len(TRACE)), np.float32)
    for name, values in straight.items():
        made[:, TRACE.index(name)] = values
    return made


def test_a_whole_route_in_the_middle_of_the_lane():
    driven = measure(trace(101), "time_limit", TASK)
    assert driven.success
    assert driven.route_completion == 1.0
    assert driven.distance_m == pytest.approx(80.8, abs=1e-4)
    assert driven.desired_speed_share == driven.comfortable_share == 1.0
    assert driven.driving_score_2_0 == driven.driving_score_2_1 == 100.0


@pytest.mark.parametrize("ending", [e for e in ENDINGS if e not in ("goal", "time_limit")])
def test_a_route_that_ends_in_anything_but_goal_or_time_is_no_success(ending):
    assert not measure(trace(101), ending, TASK).success


def test_collisions_and_the_way_outside_the_lane_lower_the_scores():
    half_outside = np.where(np.arange(50) < 25, 2.0, 0.0)
    driven = measure(trace(50, lateral_m=half_outside), "collision_vehicle", TASK)
    assert driven.route_completion == pytest.approx(0.5, abs=1e-6)
    assert driven.outside_lanes_share == pytest.approx(0.5, abs=1e-6)
    assert driven.driving_score_2_0 == pytest.approx(50 * 0.6 * 0.5, abs=1e-4)
    assert driven.driving_score_2_1 == pytest.approx(50 * 0.5 / 1.7, abs=1e-4)
    static = measure(trace(50), "collision_other", TASK)
    assert static.driving_score_2_0 == pytest.approx(50 * 0.65, abs=1e-4)


def test_way_back_does_not_undo_a_route_and_driving_backwards_completes_none():
    there_and_back = np.where(np.arange(80) < 50, 0.8, -0.8)
    assert measure(trace(80, progress_m=there_and_back), "stalled", TASK).route_completion == (
        pytest.approx(0.5, abs=1e-6)
    )
    assert measure(trace(progress_m=-0.8), "wrong_way", TASK).route_completion == 0.0


def test_deviations_are_root_mean_squares_and_speed_counts_within_a_tenth():
    values = np.tile([3.0, -4.0], 50)
    driven = measure(trace(lateral_m=values, heading_error_rad=0.1 * values), "off_road", TASK)
    assert driven.lateral_rms_m == pytest.approx(np.sqrt(12.5), abs=1e-6)
    assert driven.heading_rms_rad == pytest.approx(0.1 * np.sqrt(12.5), abs=1e-6)
    assert measure(trace(speed_mps=8.7), "off_road", TASK).desired_speed_share == 1.0
    assert measure(trace(speed_mps=9.0), "off_road", TASK).desired_speed_share == 0.0


def test_a_vehicle_that_never_moved_has_finite_measures():
    stood = measure(trace(speed_mps=0, progress_m=0, distance_m=0), "stalled", TASK)
    assert all(np.isfinite(value) for value in summary([stood]).values())


def test_summary_has_means_shares_of_endings_and_rates_per_km():
    one = measure(trace(100), "time_limit", TASK)
    other = measure(trace(50, lane_invasions=np.arange(50) < 2), "collision_vehicle", TASK)
    found = summary([one, other])
    assert set(MEANS) < set(found)
    assert sum(found[f"end_{ending}"] for ending in ENDINGS) == pytest.approx(1.0)
    assert found["end_collision_vehicle"] == 0.5
    assert found["collision_vehicle_per_km"] == pytest.approx(1 / 0.12, rel=1e-5)
    assert found["lane_invasion_per_km"] == pytest.approx(2 / 0.12, rel=1e-5)
    assert found["distance_m"] == pytest.approx(60.0, rel=1e-5)


def infos(steps_of=2, **causes):
    arrays = {"collision": np.zeros(steps_of, bool), "driving": trace(steps_of)}
    return arrays | {name: np.array(values) for name, values in causes.items()}


def test_the_gravest_cause_ends_an_episode():
    both = infos(collision=[True, False], off_road=[True, True], stalled=[False, True])
    assert [ending_of(both, i) for i in (0, 1)] == ["collision_vehicle", "off_road"]
    assert ending_of(infos(), 0) == "time_limit"
    assert ending_of(infos(goal=[True, False]), 0) == "goal"
    hit = infos(collision=[True, True], collision_other=[True, False])
    assert [ending_of(hit, i) for i in (0, 1)] == ["collision_other", "collision_vehicle"]


def test_recorder_measures_each_environment_alone_also_past_its_first_size():
    recorder = DriveRecorder(2, TASK)
    for step in range(700):
        recorder.add(infos())
        if step == 99:
            assert recorder.end(1, 100, infos()).steps == 100
    assert recorder.end(0, 700, infos()) == measure(trace(700), "time_limit", TASK)
    assert recorder.end(1, 600, infos()).steps == 600


def test_recorder_continues_from_its_state_and_measures_nothing_it_saw_in_part():
    recorder, later = DriveRecorder(2, TASK), DriveRecorder(2, TASK)
    for _ in range(300):
        recorder.add(infos())
    later.load_state_dict(recorder.state_dict())
    later.add(infos())
    recorder.add(infos())
    assert later.end(0, 301, infos()) == recorder.end(0, 301, infos())
    later.load_state_dict({})
    later.add(infos())
    assert later.end(0, 302, infos()) is None


def test_a_straight_line_leads_ahead_whatever_the_heading_was():
    for heading in (0.0, 2.0, -7.0):
        line = measure(trace(101, heading_rad=heading), "time_limit", TASK).line_m
        assert len(line) == LINE_POINTS
        assert line[-1] == pytest.approx((80.8, 0.0), abs=0.06)


def test_a_left_turn_leads_to_the_left():
    turning = np.linspace(0.0, np.pi / 2, 100)
    (*_, (ahead, left)) = measure(trace(100, heading_rad=turning), "time_limit", TASK).line_m
    radius_m = 80.0 / (np.pi / 2)
    assert (ahead, left) == pytest.approx((radius_m, radius_m), abs=0.6)


def test_a_single_step_is_a_line_of_one_point():
    assert measure(trace(1), "off_road", TASK).line_m == ((0.8, 0.0),)
