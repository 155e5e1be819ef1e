"""The observation vector against geometry by hand."""

import numpy as np
import pytest

from trainer.envs.driving.observation import VECTOR_DIM, WAYPOINTS, driving_vector


def vector_of(position, heading_rad, waypoints):
    return driving_vector(
        speed_share=np.float32([0.5]),
        lateral_m=np.float32([-3.5]),
        heading_error_rad=np.float32([0.25]),
        position=np.complex64([position]),
        direction=np.complex64([np.exp(1j * heading_rad)]),
        waypoints=np.complex64([waypoints]),
    )


def test_kinematics_come_first_in_their_units():
    vector = vector_of(0, 0, np.zeros(WAYPOINTS))
    assert vector.shape == (1, VECTOR_DIM) == (1, 53)
    assert vector.dtype == np.float32
    assert vector[0, :3].tolist() == [0.5, -2.0, 0.5]


@pytest.mark.parametrize("heading_rad", [0, 1, np.pi / 2, -2.5])
def test_waypoints_are_ahead_and_left_in_the_frame_of_the_vehicle(heading_rad):
    ahead, left = np.arange(1, WAYPOINTS + 1) * 2.0, np.linspace(-5, 5, WAYPOINTS)
    position = 30 - 20j
    waypoints = position + (ahead + 1j * left) * np.exp(1j * heading_rad)
    pairs = vector_of(position, heading_rad, waypoints)[0, 3:].reshape(WAYPOINTS, 2)
    assert pairs[:, 0] * 50 == pytest.approx(ahead, abs=1e-3)
    assert pairs[:, 1] * 50 == pytest.approx(left, abs=1e-3)
