"""Other vehicles: each keeps its lane and its speed, and slows down behind whoever is ahead.

Positions are arc lengths along the road, so that following a bend costs nothing. Because they
brake for the controlled vehicle as well, they never hit it from behind: a collision is always
the doing of the policy.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trainer.envs.drive_config import VEHICLE_LENGTH_M, VEHICLE_WIDTH_M
from trainer.envs.road_geometry import LEFT_LANE_M, RIGHT_LANE_M, ROAD_LENGTH_M

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

_STAND_GAP_M = 3.0
_HEADWAY_S = 1.0
_LANE_OVERLAP_M = 2.4


class Traffic:
    """State of the other vehicles of all environments, arrays `[n, vehicles]`."""

    def __init__(self, num_envs: int, vehicles: int) -> None:
        self.vehicles = vehicles
        self.arc_m: FloatArray = np.zeros((num_envs, vehicles), np.float32)
        self.lateral_m: FloatArray = np.zeros((num_envs, vehicles), np.float32)
        self.wanted_mps: FloatArray = np.zeros((num_envs, vehicles), np.float32)
        self.speed_mps: FloatArray = np.zeros((num_envs, vehicles), np.float32)
        self.relative_arc_m: FloatArray = np.zeros((num_envs, vehicles), np.float32)
        self._not_itself = ~np.eye(vehicles, dtype=np.bool_)

    def place(
        self, i: int, ego_arc_m: float, target_speed_mps: float, rng: np.random.Generator
    ) -> None:
        """Put the vehicles of environment `i` on the road anew, nearer ahead than behind."""
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

    def step(self, ego_arc_m: FloatArray, ego_lateral_m: FloatArray, step_s: float) -> None:
        """Move all vehicles by one step, given where the controlled vehicles are."""
        if not self.vehicles:
            return
        arc = self.arc_m
        gap = arc[:, None, :] - arc[:, :, None]
        gap %= ROAD_LENGTH_M
        same = self.lateral_m[:, None, :] == self.lateral_m[:, :, None]
        same &= self._not_itself
        ahead = np.where(same, gap, ROAD_LENGTH_M).min(axis=2)
        ego_gap = (ego_arc_m[:, None] - arc) % ROAD_LENGTH_M
        near = np.abs(ego_lateral_m[:, None] - self.lateral_m) < _LANE_OVERLAP_M
        np.minimum(ahead, ego_gap, out=ahead, where=near)
        ahead -= VEHICLE_LENGTH_M + _STAND_GAP_M
        ahead *= 1.0 / _HEADWAY_S
        self.speed_mps = np.clip(ahead, 0.0, self.wanted_mps)
        self.arc_m = (arc + self.speed_mps * step_s) % ROAD_LENGTH_M

    def look(
        self, ego_arc_m: FloatArray, ego_lateral_m: FloatArray, ego_speed_mps: FloatArray
    ) -> tuple[BoolArray, FloatArray]:
        """Return collisions, `bool[n]`, and times to collision in s, `float32[n]`.

        Vehicles are boxes along the road: a heading error of the controlled vehicle is ignored.
        Also refreshes `relative_arc_m`, the arc length from the controlled vehicle to each other
        one, in [-ROAD_LENGTH_M / 2, ROAD_LENGTH_M / 2).
        """
        half = 0.5 * ROAD_LENGTH_M
        self.relative_arc_m = (self.arc_m - (ego_arc_m - half)[:, None]) % ROAD_LENGTH_M - half
        if not self.vehicles:
            nobody = np.zeros(len(ego_arc_m), np.bool_)
            return nobody, np.full(len(ego_arc_m), np.inf, np.float32)
        gap = np.abs(self.relative_arc_m) - VEHICLE_LENGTH_M
        beside = np.abs(self.lateral_m - ego_lateral_m[:, None]) < VEHICLE_WIDTH_M
        hit = ((gap < 0.0) & beside).any(axis=1)
        closing = ego_speed_mps[:, None] - self.speed_mps
        beside &= self.relative_arc_m > 0.0
        beside &= closing > 0.1
        seconds = np.full(gap.shape, np.inf, np.float32)
        np.divide(np.maximum(gap, 0.0), closing, out=seconds, where=beside)
        return hit, seconds.min(axis=1)


def _slots(first_m: float, last_m: float, count: int, rng: np.random.Generator) -> FloatArray:
    """Return `count` places at least `SLOT_M` apart, crowded towards `first_m`, `float32[count]`."""
    free_m = last_m - first_m - SLOT_M * count
    places = np.sort(rng.random(count) ** 2) * free_m + SLOT_M * np.arange(count) + first_m
    return places.astype(np.float32)
