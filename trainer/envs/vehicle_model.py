"""Kinematic bicycle model of the controlled vehicle, vectorised over environments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

WHEELBASE_M = 2.7
"""Distance between the axles."""
MAX_STEER_RAD = 0.35
"""Steering angle of the action 1; the tightest turn has a radius of 7.4 m."""
MAX_THROTTLE_MPS2 = 3.0
"""Acceleration of the action 1."""
MAX_BRAKE_MPS2 = 4.0
"""Deceleration of the action -1."""
MAX_SPEED_MPS = 15.0
"""Speed at which the throttle has no effect any more."""


@dataclass(frozen=True, kw_only=True)
class Motion:
    """Result of one step; arrays over environments."""

    speed_mps: FloatArray
    """Speed at the end, `float32[n]` in [0, MAX_SPEED_MPS]: there is no reverse gear."""
    turn_rad: FloatArray
    """Change of heading, `float32[n]`."""
    distance_m: FloatArray
    """Distance travelled, `float32[n]`."""
    acceleration: npt.NDArray[np.complex64]
    """Mean acceleration in m/s^2, real part along, imaginary part to the left, `complex64[n]`."""


def move(speed_mps: FloatArray, actions: FloatArray, step_s: float) -> Motion:
    """Apply actions to vehicles for one step.

    Args:
        speed_mps: Speed at the start, `float32[n]`.
        actions: `float32[n, 2]` in [-1, 1]: steer (1 is full left) and throttle (above 0) or
            brake (below 0). The caller clips.
        step_s: Duration of the step.
    """
    pedal = actions[:, 1]
    # Throttle and brake differ in strength; the smaller product is the right one on both sides.
    wanted_mps2 = np.minimum(pedal * MAX_THROTTLE_MPS2, pedal * MAX_BRAKE_MPS2)
    new_speed = np.clip(speed_mps + wanted_mps2 * step_s, 0.0, MAX_SPEED_MPS)
    mean_speed = 0.5 * (speed_mps + new_speed)
    yaw_rate = mean_speed * np.tan(actions[:, 0] * MAX_STEER_RAD)
    yaw_rate *= 1.0 / WHEELBASE_M
    acceleration = np.empty(len(speed_mps), np.complex64)
    acceleration.real = (new_speed - speed_mps) * (1.0 / step_s)
    acceleration.imag = mean_speed * yaw_rate
    return Motion(
        speed_mps=new_speed,
        turn_rad=yaw_rate * step_s,
        distance_m=mean_speed * step_s,
        acceleration=acceleration,
    )
