"""Vehicles that obey their controls: a kinematic bicycle with limited grip."""

from __future__ import annotations

import numpy as np

from trainer.carla_double.fleet import Fleet, IntArray

MAX_STEER_RAD = 0.6
"""Angle of the front wheels at full steer."""
MAX_ACCELERATION_MPS2 = 5.0
"""Full throttle at a standstill; it fades to nothing at `MAX_SPEED_MPS`."""
MAX_SPEED_MPS = 45.0
MAX_BRAKING_MPS2 = 8.0
HAND_BRAKING_MPS2 = 6.0
ROLLING_MPS2 = 0.15
"""Resistance of a rolling vehicle without throttle and brake."""
GRIP_MPS2 = 8.0
"""No vehicle turns with more lateral acceleration; beyond, it goes straighter than steered."""
WHEELBASE_SHARE = 0.62
"""Distance between the axles as a share of the vehicle's length."""


def drive(fleet: Fleet, rows: IntArray, step_s: float) -> None:
    """Move the vehicles `rows` by one step under their controls."""
    speed, yaw = fleet.speed_mps[rows], fleet.yaw_rad[rows]
    direction = np.where(fleet.reverse[rows], -1.0, 1.0)
    push = fleet.throttle[rows] * MAX_ACCELERATION_MPS2 * direction
    push *= np.maximum(1.0 - np.abs(speed) / MAX_SPEED_MPS, 0.0)
    pushed = speed + push * step_s
    slowing = (
        fleet.brake[rows] * MAX_BRAKING_MPS2
        + fleet.hand_brake[rows] * HAND_BRAKING_MPS2
        + ROLLING_MPS2
    ) * step_s
    # Brakes stop a vehicle, they never push it the other way.
    after = np.sign(pushed) * np.maximum(np.abs(pushed) - slowing, 0.0)
    mean = 0.5 * (speed + after)
    wheelbase = 2.0 * WHEELBASE_SHARE * fleet.half_length_m[rows]
    turn_rate = mean * np.tan(fleet.steer[rows] * MAX_STEER_RAD) / wheelbase
    limit = GRIP_MPS2 / np.maximum(np.abs(mean), 1e-3)
    turn_rate = np.minimum(np.maximum(turn_rate, -limit), limit)
    fleet.position[rows] += mean * step_s * np.exp(1j * (yaw + 0.5 * turn_rate * step_s))
    fleet.yaw_rad[rows] = yaw + turn_rate * step_s
    fleet.speed_mps[rows] = after
    fleet.turn_rate[rows] = turn_rate
    fleet.acceleration[rows] = (after - speed) / step_s + 1j * mean * turn_rate
