"""The bicycle model against closed forms."""

import numpy as np
import pytest

from trainer.envs.drive.vehicle_model import (
    MAX_ACCELERATION_MPS2,
    MAX_SPEED_MPS,
    MAX_STEER_RAD,
    WHEELBASE_M,
    move,
)


def step(speed_mps, steer, pedal):
    return move(np.float32([speed_mps]), np.float32([[steer, pedal]]))


@pytest.mark.parametrize(
    ("speed_mps", "pedal", "expected"),
    [
        (5, 0, 5),
        (5, 1, 5 + 0.1 * MAX_ACCELERATION_MPS2),
        (5, 0.5, 5 + 0.05 * MAX_ACCELERATION_MPS2),
        (5, -1, 5 - 0.1 * MAX_ACCELERATION_MPS2),
        (0.1, -1, 0),
        (0, -1, 0),
        (MAX_SPEED_MPS, 1, MAX_SPEED_MPS),
        (5, 7, 5 + 0.1 * MAX_ACCELERATION_MPS2),
        (5, -7, 5 - 0.1 * MAX_ACCELERATION_MPS2),
    ],
)
def test_pedal(speed_mps, pedal, expected):
    motion = step(speed_mps, 0, pedal)
    assert motion.speed_mps == pytest.approx(expected, abs=1e-5)
    assert motion.distance_m == pytest.approx(0.05 * (speed_mps + expected), abs=1e-5)
    assert motion.acceleration.real == pytest.approx((expected - speed_mps) / 0.1, abs=1e-4)
    assert motion.turn_rad == 0


@pytest.mark.parametrize("steer", [1.0, 0.3, -1.0, 5.0])
def test_steering_follows_a_circle_of_the_bicycle_model(steer):
    motion = step(6, steer, 0)
    curvature = np.tan(np.clip(steer, -1, 1) * MAX_STEER_RAD) / WHEELBASE_M
    assert motion.turn_rad / motion.distance_m == pytest.approx(curvature, rel=1e-5)
    assert motion.acceleration.imag == pytest.approx(36 * curvature, rel=1e-5)


def test_standing_vehicle_does_not_turn():
    assert step(0, 1, -1).turn_rad == 0


def test_inputs_stay_as_they_were():
    speed, actions = np.float32([5]), np.float32([[3, 1]])
    move(speed, actions)
    assert speed == 5
    assert actions.tolist() == [[3, 1]]


def test_not_a_number_is_refused_with_its_place():
    with pytest.raises(ValueError, match=r"actions of environments \[1\] hold NaN"):
        move(np.zeros(3, np.float32), np.float32([[0, 0], [np.nan, 0], [1, 1]]))
