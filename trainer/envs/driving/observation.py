"""What every driving simulator tells the policy besides the camera: kinematics and the route ahead.

A vector of 53 numbers: speed / target speed, lateral deviation from the lane's middle / 1.75 m,
heading error / 0.5 rad, then 25 waypoints of the lane as (ahead, left) / 50 m in the vehicle's
frame. Left is positive everywhere.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trainer.envs.float_constant import constant

FloatArray = npt.NDArray[np.float32]

WAYPOINTS = 25
"""Look-ahead points in the vector."""
WAYPOINT_SPACING_M = 2.0
"""Distance between look-ahead points; the first is this far ahead."""
VECTOR_DIM = 3 + 2 * WAYPOINTS
"""Length of the vector."""
LATERAL_UNIT_M = 1.75
"""The vector's unit of lateral deviation."""
HEADING_UNIT_RAD = 0.5
"""The vector's unit of heading error."""
HORIZON_M = WAYPOINTS * WAYPOINT_SPACING_M
"""The vector's unit of waypoint coordinates."""
VECTOR_LIMIT = 10.0
"""No entry of the vector is larger than this, as long as the vehicle is near its road."""

_PER_LATERAL_UNIT = constant(1.0 / LATERAL_UNIT_M)
_PER_HEADING_UNIT = constant(1.0 / HEADING_UNIT_RAD)
_PER_HORIZON = constant(1.0 / HORIZON_M)


def driving_vector(
    *,
    speed_share: FloatArray,
    lateral_m: FloatArray,
    heading_error_rad: FloatArray,
    position: npt.NDArray[np.complex64],
    direction: npt.NDArray[np.complex64],
    waypoints: npt.NDArray[np.complex64],
) -> FloatArray:
    """Return the observation vectors of a batch of vehicles, a new `float32[n, VECTOR_DIM]`.

    Args:
        speed_share: Speed divided by the target speed, `float32[n]`.
        lateral_m: Deviation from the lane's middle, positive to the left, `float32[n]`.
        heading_error_rad: Heading relative to the lane, positive to the left, `float32[n]`.
        position: Vehicle centres in the plane, x + iy in metres, `complex64[n]`.
        direction: Unit vectors of the headings, `complex64[n]`.
        waypoints: Look-ahead points in the plane, nearest first, `complex64[n, WAYPOINTS]`.
    """
    vector = np.empty((len(speed_share), VECTOR_DIM), np.float32)
    vector[:, 0] = speed_share
    np.multiply(lateral_m, _PER_LATERAL_UNIT, out=vector[:, 1])
    np.multiply(heading_error_rad, _PER_HEADING_UNIT, out=vector[:, 2])
    turn = direction.conj() * _PER_HORIZON
    offset = waypoints - position[:, None]
    np.multiply(offset, turn[:, None], out=vector[:, 3:].view(np.complex64))
    return vector
