"""Vehicles that obey their controls: a kinematic bicycle with limited grip."""

from __future__ import annotations

import cmath
import math

from carla_double.world.fleet import Fleet, IntArray

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
    """Move the vehicles `rows` by one step under their controls.

    Numbers and not arrays: as a rule one vehicle is driven, and arrays pay from some ten on.
    """
    for row in rows.tolist():
        _drive_one(fleet, row, step_s)


def _drive_one(fleet: Fleet, row: int, step_s: float) -> None:
    speed, yaw = fleet.speed_mps.item(row), fleet.yaw_rad.item(row)
    push = fleet.throttle.item(row) * MAX_ACCELERATION_MPS2
    push *= max(1.0 - abs(speed) / MAX_SPEED_MPS, 0.0)
    pushed = speed + (-push if fleet.reverse.item(row) else push) * step_s
    slowing = (
        fleet.brake.item(row) * MAX_BRAKING_MPS2
        + fleet.hand_brake.item(row) * HAND_BRAKING_MPS2
        + ROLLING_MPS2
    ) * step_s
    # Brakes stop a vehicle, they never push it the other way.
    after = math.copysign(max(abs(pushed) - slowing, 0.0), pushed)
    mean = 0.5 * (speed + after)
    wheelbase = 2.0 * WHEELBASE_SHARE * fleet.half_length_m.item(row)
    turn_rate = mean * math.tan(fleet.steer.item(row) * MAX_STEER_RAD) / wheelbase
    limit = GRIP_MPS2 / max(abs(mean), 1e-3)
    turn_rate = min(max(turn_rate, -limit), limit)
    way = mean * step_s
    fleet.position[row] += cmath.rect(way, yaw + 0.5 * turn_rate * step_s)
    fleet.yaw_rad[row] = yaw + turn_rate * step_s
    fleet.speed_mps[row] = after
    fleet.turn_rate[row] = turn_rate
    fleet.acceleration[row] = complex((after - speed) / step_s, mean * turn_rate)
