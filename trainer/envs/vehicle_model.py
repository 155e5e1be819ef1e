"""Kinematic bicycle model of the controlled vehicle, vectorised over environments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainer.envs.float_constant import constant

FloatArray = npt.NDArray[np.float32]

WHEELBASE_M = 2.7
"""Distance between the axles."""
MAX_STEER_RAD = 0.35
"""Steering angle of the action 1; the tightest turn has a radius of 7.4 m."""
MAX_ACCELERATION_MPS2 = 4.0
"""Acceleration of the action 1, deceleration of the action -1."""
MAX_SPEED_MPS = 15.0
"""Speed at which the throttle has no effect any more."""

_LEAST, _MOST = constant(-1.0), constant(1.0)
_ACCELERATION = constant(MAX_ACCELERATION_MPS2)
_STANDING, _FASTEST = constant(0.0), constant(MAX_SPEED_MPS)
_STEER, _PER_WHEELBASE = constant(MAX_STEER_RAD), constant(1.0 / WHEELBASE_M)
_HALF = constant(0.5)


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
            brake (below 0); clipped to that range.
        step_s: Duration of the step.
    """
    controls = np.minimum(np.maximum(actions, _LEAST), _MOST)
    new_speed = controls[:, 1] * _ACCELERATION
    new_speed *= step_s
    new_speed += speed_mps
    np.maximum(new_speed, _STANDING, out=new_speed)
    np.minimum(new_speed, _FASTEST, out=new_speed)
    mean_speed = speed_mps + new_speed
    mean_speed *= _HALF
    yaw_rate = np.tan(controls[:, 0] * _STEER)
    yaw_rate *= _PER_WHEELBASE
    yaw_rate *= mean_speed
    acceleration = np.empty(len(speed_mps), np.complex64)
    acceleration.real = (new_speed - speed_mps) / step_s
    acceleration.imag = mean_speed * yaw_rate
    return Motion(
        speed_mps=new_speed,
        turn_rad=yaw_rate * np.float32(step_s),
        distance_m=mean_speed * np.float32(step_s),
        acceleration=acceleration,
    )
