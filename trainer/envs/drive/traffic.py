"""Other vehicles: each keeps its lane and its speed, and slows down behind the vehicle ahead.

Positions are arc lengths along the road, so that following a bend costs nothing. Because they
brake for the controlled vehicle as well, they never hit it from behind: a collision is always
the doing of the policy.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trainer.envs.drive.road_geometry import (
    LEFT_LANE_M,
    POINT_SPACING_M,
    RIGHT_LANE_M,
    ROAD_LENGTH_M,
    Roads,
)
from trainer.envs.driving.limits import VEHICLE_LENGTH_M, VEHICLE_WIDTH_M, time_to_collision
from trainer.envs.float_constant import constant

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

FREE_AHEAD_M = 22.0
"""No other vehicle starts closer than this ahead in the controlled vehicle's lane."""
FREE_BEHIND_M = 15.0
"""No other vehicle starts closer than this behind in the controlled vehicle's lane."""
SLOT_M = 14.0
"""Least distance between two vehicles of one lane at the start."""
RIGHT_SPEED_SHARE = (0.7, 1.05)
"""Range of the speeds in the right lane, as a share of the target speed."""
LEFT_SPEED_SHARE = (0.8, 1.4)
"""Range of the speeds in the left lane, as a share of the target speed."""

_LANE_OVERLAP_M = 2.4
_FULL_GAP_M = VEHICLE_LENGTH_M + 3.0
# A shared zero-dimensional array costs a third of a Python number in an operation on a short array.
_ROAD = constant(ROAD_LENGTH_M)
_LENGTH = constant(VEHICLE_LENGTH_M)
_TWO_LENGTHS = constant(2.0 * VEHICLE_LENGTH_M)
_WIDTH = constant(VEHICLE_WIDTH_M)
_OVERLAP = constant(_LANE_OVERLAP_M)
_FULL_GAP = constant(_FULL_GAP_M)
_ALMOST_NOTHING = constant(1e-3)
_ZERO = constant(0.0)
_POINTS_PER_M = constant(1.0 / POINT_SPACING_M)
_LEFT = np.complex64(1j)


class Traffic:
    """State of the other vehicles of all environments, arrays `[n, vehicles]`."""

    def __init__(self, num_envs: int, vehicles: int) -> None:
        shape = (num_envs, vehicles)
        self.vehicles = vehicles
        self.arc_m: FloatArray = np.zeros(shape, np.float32)
        self.lateral_m: FloatArray = np.zeros(shape, np.float32)
        self.wanted_mps: FloatArray = np.zeros(shape, np.float32)
        self.speed_mps: FloatArray = np.zeros(shape, np.float32)
        self._leader = np.arange(num_envs * vehicles).reshape(shape)

    def place(
        self, i: int, ego_arc_m: float, target_speed_mps: float, rng: np.random.Generator
    ) -> None:
        """Place the vehicles of environment `i` on the road again, nearer ahead than behind."""
        if not self.vehicles:
            return
        left = rng.random(self.vehicles) < 0.5
        right_slots = _slots(FREE_AHEAD_M, ROAD_LENGTH_M - FREE_BEHIND_M, self.vehicles, rng)
        left_slots = _slots(-20.0, ROAD_LENGTH_M - 20.0 - SLOT_M, self.vehicles, rng)
        share = np.where(
            left,
            rng.uniform(*LEFT_SPEED_SHARE, self.vehicles),
            rng.uniform(*RIGHT_SPEED_SHARE, self.vehicles),
        )
        self.arc_m[i] = (ego_arc_m + np.where(left, left_slots, right_slots)) % ROAD_LENGTH_M
        self.lateral_m[i] = np.where(left, LEFT_LANE_M, RIGHT_LANE_M)
        self.wanted_mps[i] = share * target_speed_mps
        self.speed_mps[i] = self.wanted_mps[i]
        self.follow(i)

    def follow(self, i: int) -> None:
        """Find which vehicle each one of environment `i` follows; as none overtakes, that never changes."""
        arc_m, lateral_m = self.arc_m[i], self.lateral_m[i]
        gap = (arc_m[None, :] - arc_m[:, None]) % ROAD_LENGTH_M
        # Alone in its lane, a vehicle follows itself, a whole round ahead.
        np.fill_diagonal(gap, ROAD_LENGTH_M)
        gap[lateral_m[None, :] != lateral_m[:, None]] = np.inf
        self._leader[i] = gap.argmin(axis=1) + i * self.vehicles

    def step(self, ego_arc_m: FloatArray, ego_lateral_m: FloatArray, step_s: float) -> None:
        """Move all vehicles by one step, given where the controlled vehicles are."""
        if not self.vehicles:
            return
        arc = self.arc_m
        gap = arc.take(self._leader)
        gap -= arc
        gap -= _ALMOST_NOTHING
        gap %= _ROAD
        ego_gap = ego_arc_m[:, None] - arc
        ego_gap %= _ROAD
        near = np.abs(ego_lateral_m[:, None] - self.lateral_m) < _OVERLAP
        np.minimum(gap, ego_gap, out=gap, where=near)
        # A headway of one second: the speed in m/s is at most the free gap in m.
        gap -= _FULL_GAP
        np.maximum(gap, _ZERO, out=gap)
        self.speed_mps = np.minimum(gap, self.wanted_mps)
        moved = self.speed_mps * step_s
        moved += arc
        moved %= _ROAD
        self.arc_m = moved

    def places(
        self,
        roads: Roads,
        first_point: npt.NDArray[np.intp],
        chosen: slice | npt.NDArray[np.intp],
    ) -> tuple[npt.NDArray[np.complex64], npt.NDArray[np.complex64]]:
        """Return centres and headings in the plane, both `complex64[k, vehicles]`.

        Args:
            roads: Tables of all roads.
            first_point: Where each environment's road begins in the tables, `int[n]`.
            chosen: The `k` environments that count.
        """
        point = (self.arc_m[chosen] * _POINTS_PER_M).astype(np.intp)
        point += first_point[chosen][:, None]
        tangent = roads.tangent.take(point)
        place = roads.middle.take(point)
        place += tangent * (self.lateral_m[chosen] * _LEFT)
        return place, tangent

    def look(
        self, ego_arc_m: FloatArray, ego_lateral_m: FloatArray, ego_speed_mps: FloatArray
    ) -> tuple[BoolArray, FloatArray]:
        """Return collisions, `bool[n]`, and times to collision in s, `float32[n]`.

        Vehicles are boxes along the road: a heading error of the controlled vehicle is ignored.
        """
        if not self.vehicles:
            none = np.zeros(len(ego_arc_m), np.bool_)
            return none, np.full(len(ego_arc_m), np.inf, np.float32)
        # Counted from one length behind, a vehicle that touches is in [0, 2 lengths], and one that
        # is behind is almost a round ahead.
        gap = self.arc_m - (ego_arc_m - _LENGTH)[:, None]
        gap %= _ROAD
        gap -= _TWO_LENGTHS
        closing = ego_speed_mps[:, None] - self.speed_mps
        in_lane = np.abs(self.lateral_m - ego_lateral_m[:, None]) < _WIDTH
        seconds = time_to_collision(gap, closing, in_lane)
        return seconds == _ZERO, seconds


def _slots(first_m: float, last_m: float, count: int, rng: np.random.Generator) -> FloatArray:
    """Return places at least `SLOT_M` apart, crowded towards `first_m`, `float32[count]`."""
    free_m = last_m - first_m - SLOT_M * count
    places = np.sort(rng.random(count) ** 2) * free_m + SLOT_M * np.arange(count) + first_m
    return places.astype(np.float32)
