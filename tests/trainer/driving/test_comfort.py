"""Comfort of drives whose derivatives are known."""

import numpy as np
import pytest

from trainer.driving.comfort import comfortable_share, motion, slope


def drive(acceleration_mps2=0.0, yaw_rate_radps=0.0, speed_mps=5.0, steps=100, step_s=0.1):
    time = step_s * np.arange(steps)
    return motion(speed_mps + acceleration_mps2 * time, yaw_rate_radps * time, step_s)


@pytest.mark.parametrize("step_s", [0.05, 0.1])
@pytest.mark.parametrize("count", [2, 3, 5, 60])
def test_slope_of_a_line_is_exact_everywhere(step_s, count):
    line = 3.0 - 0.7 * step_s * np.arange(count)
    assert slope(line, step_s) == pytest.approx(np.full(count, -0.7), abs=1e-9)


def test_slope_of_nothing_and_of_one_value_is_zero():
    assert slope(np.zeros(0), 0.1).tolist() == []
    assert slope(np.array([7.0]), 0.1).tolist() == [0.0]


def test_derivatives_of_an_even_turn():
    moved = drive(yaw_rate_radps=0.4)
    assert moved.yaw_rate_radps == pytest.approx(np.full(100, 0.4))
    assert moved.lateral_acceleration_mps2 == pytest.approx(np.full(100, 2.0))
    assert moved.jerk_mps3 == pytest.approx(np.zeros(100), abs=1e-9)


def test_a_heading_that_jumps_by_a_turn_is_no_turn():
    time = 0.1 * np.arange(200)
    wrapped = (0.5 * time + np.pi) % (2 * np.pi) - np.pi
    assert motion(np.full(200, 5.0), wrapped, 0.1).yaw_rate_radps == pytest.approx(
        np.full(200, 0.5)
    )


@pytest.mark.parametrize(
    ("drive_of", "comfortable"),
    [
        ({}, True),
        ({"acceleration_mps2": 2.3}, True),
        ({"acceleration_mps2": 2.5}, False),
        ({"acceleration_mps2": -4.0, "speed_mps": 50.0}, True),
        ({"acceleration_mps2": -4.1, "speed_mps": 50.0}, False),
        ({"yaw_rate_radps": 0.9}, True),
        ({"yaw_rate_radps": 1.0, "speed_mps": 1.0}, False),
        ({"yaw_rate_radps": 0.5, "speed_mps": 10.0}, False),
    ],
)
def test_each_limit_separates(drive_of, comfortable):
    assert comfortable_share(drive(**drive_of)) == (1.0 if comfortable else 0.0)


def test_one_jolt_spoils_its_window_only():
    speed = np.full(100, 8.0)
    speed[50:] = 6.0
    assert comfortable_share(motion(speed, np.zeros(100), 0.1)) == pytest.approx(0.8)


def test_an_episode_without_a_step_is_comfortable():
    assert comfortable_share(motion(np.zeros(0), np.zeros(0), 0.1)) == 1.0
