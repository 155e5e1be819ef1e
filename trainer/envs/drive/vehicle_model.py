"""Kinematic bicycle model of the controlled vehicle, vectorised over environments."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trainer.envs.drive.config import STEP_S
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
_SPEED_CHANGE = constant(MAX_ACCELERATION_MPS2 * STEP_S)
_STEP, _STEPS_PER_S = constant(STEP_S), constant(1.0 / STEP_S)
_STANDING, _FASTEST = constant(0.0), constant(MAX_SPEED_MPS)
_STEER, _PER_WHEELBASE = constant(MAX_STEER_RAD), constant(1.0 / WHEELBASE_M)
_HALF = constant(0.5)


class Motion(NamedTuple):
    """Result of one step; arrays over environments."""

    speed_mps: FloatArray
    """Speed at the end, `float32[n]` in [0, MAX_SPEED_MPS]: there is no reverse gear."""
    turn_rad: FloatArray
    """Change of heading, `float32[n]`."""
    distance_m: FloatArray
    """Distance travelled, `float32[n]`."""
    acceleration: npt.NDArray[np.complex64]
    """Mean acceleration in m/s^2, real part along, imaginary part to the left, `complex64[n]`."""


def move(speed_mps: FloatArray, actions: FloatArray) -> Motion:
    """Apply actions to vehicles for one step of `STEP_S`.

    Args:
        speed_mps: Speed at the start, `float32[n]`.
        actions: `float32[n, 2]` in [-1, 1]: steer (1 is full left) and throttle (above 0) or
            brake (below 0); clipped to that range.

    Raises:
        ValueError: An action is not a number.
    """
    controls = np.minimum(np.maximum(actions, _LEAST), _MOST)
    if math.isnan(np.add.reduce(controls, axis=None)):
        broken = np.flatnonzero(np.isnan(controls).any(axis=1)).tolist()
        raise ValueError(f"the actions of environments {broken} hold NaN")
    new_speed = controls[:, 1] * _SPEED_CHANGE
    new_speed += speed_mps
    np.maximum(new_speed, _STANDING, out=new_speed)
    np.minimum(new_speed, _FASTEST, out=new_speed)
    mean_speed = speed_mps + new_speed
    mean_speed *= _HALF
    yaw_rate = np.tan(controls[:, 0] * _STEER)
    yaw_rate *= _PER_WHEELBASE
    yaw_rate *= mean_speed
    acceleration = np.empty(len(speed_mps), np.complex64)
    acceleration.real = (new_speed - speed_mps) * _STEPS_PER_S
    acceleration.imag = mean_speed * yaw_rate
    return Motion(
        speed_mps=new_speed,
        turn_rad=yaw_rate * _STEP,
        distance_m=mean_speed * _STEP,
        acceleration=acceleration,
    )
