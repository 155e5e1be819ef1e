"""Traffic that drives itself: vehicles glide along the middle of lanes and keep their distance.

They stop for whoever stands ahead, take turns at junctions and slow down in bends. What a vehicle
does depends on the scene and the seed alone, so that a scene set up twice runs twice the same.
"""

from __future__ import annotations

import numpy as np

from trainer.carla_double.fleet import BoolArray, Fleet, FloatArray, IntArray
from trainer.carla_double.lane_graph import LaneGraph

SPEED_MPS = (5.5, 8.5)
"""Range of the speeds that vehicles want to go."""
PULL_MPS2, BRAKE_MPS2, EMERGENCY_MPS2 = 2.0, 3.0, 8.0
STANDING_GAP_M = 2.5
"""Distance kept to whoever stands ahead, from bumper to bumper."""
LATERAL_MPS2 = 2.0
"""Vehicles take bends no faster than this allows."""
APPROACH_M = 18.0
"""From here on a vehicle asks for its way through a junction."""
EXIT_ROOM_M = 9.0
"""A junction is entered only if so much of the lane behind it is free."""
_CROSSING_M = 3.0
_JUNCTION_REACH_M = 15.0
_LOOK_M = np.arange(2.0, 26.0, 2.0)
_NEAR_M = 40.0
_FREE_RADIUS_M = 2.3


class Traffic:
    """Drives the vehicles of a fleet that are `on_lane`."""

    def __init__(self, lanes: LaneGraph, seed: int) -> None:
        self._lanes = lanes
        self._seed = seed
        self._routes: dict[int, np.random.Generator] = {}
        self._speed_limit = _speed_limits(lanes)
        self._crossing = _crossings(lanes)
        self._centres = _centres(lanes)
        self._first_successor = np.array([lane[0] for lane in lanes.successors])

    def join(self, fleet: Fleet, row: int) -> None:
        """Let a vehicle drive from the lane nearest to where it stands."""
        place, yaw = complex(fleet.position[row]), float(fleet.yaw_rad[row])
        lanes = self._lanes
        off = np.abs(lanes.middle - place) + 4.0 * (1.0 - np.cos(lanes.yaw_rad - yaw))
        point = int(np.argmin(off))
        lane = int(np.searchsorted(lanes.first, point, side="right")) - 1
        # A scene set up again must run the same whatever ids its actors got this time.
        words = [round(abs(part) * 1000) for part in (place.real, place.imag)]
        self._routes[int(fleet.id[row])] = rng = np.random.default_rng([self._seed, *words])
        fleet.on_lane[row] = True
        fleet.lane[row] = lane
        fleet.travelled_m[row] = min(
            (point - lanes.first[lane]) / lanes.points_per_m[lane], lanes.length_m[lane]
        )
        fleet.wanted_mps[row] = rng.uniform(*SPEED_MPS)
        fleet.next_lane[row] = rng.choice(lanes.successors[lane])
        fleet.granted[row] = lane if lanes.junction[lane] >= 0 else -1

    def leave(self, fleet: Fleet, row: int) -> None:
        """Stop driving a vehicle."""
        fleet.on_lane[row] = False
        fleet.granted[row] = -1
        self._routes.pop(int(fleet.id[row]), None)

    def step(self, fleet: Fleet, rows: IntArray, free: IntArray, step_s: float) -> None:
        """Move the vehicles `rows` by one step; `free` are those that obey their controls."""
        lanes = self._lanes
        lane, following = fleet.lane[rows], fleet.next_lane[rows]
        travelled, speed = fleet.travelled_m[rows], fleet.speed_mps[rows]
        after_m = lanes.length_m[lane] - travelled
        gap = self._gap_to_leader(fleet, rows, after_m)
        self._gap_to_free(fleet, rows, free, gap)
        self._ask_for_junctions(fleet, rows, free, after_m)
        blocked = (lanes.junction[following] >= 0) & (fleet.granted[rows] != following)
        # The front bumper, not the vehicle's middle, stops at the end of the lane.
        to_line = after_m - fleet.half_length_m[rows] - 0.5
        gap = np.where(blocked, np.minimum(gap, to_line + STANDING_GAP_M), gap)
        target = np.minimum(fleet.wanted_mps[rows], self._speed_limit[lane])
        room = np.maximum(gap - STANDING_GAP_M, 0.0)
        target = np.minimum(target, np.sqrt(2.0 * BRAKE_MPS2 * room))
        bend = self._speed_limit[following]
        target = np.minimum(target, np.sqrt(bend * bend + 2.0 * BRAKE_MPS2 * after_m))
        change = np.minimum(
            np.maximum(target - speed, -EMERGENCY_MPS2 * step_s), PULL_MPS2 * step_s
        )
        after = np.maximum(speed + change, 0.0)
        travelled = travelled + 0.5 * (speed + after) * step_s
        for i in np.flatnonzero(travelled >= lanes.length_m[lane]).tolist():
            travelled[i] -= lanes.length_m[lane[i]]
            lane[i] = self._enter_next(fleet, int(rows[i]))
        place, yaw = lanes.place(lane, travelled)
        before = fleet.yaw_rad[rows]
        turn = np.remainder(yaw - before + np.pi, 2.0 * np.pi) - np.pi
        turn_rate = turn / step_s
        fleet.acceleration[rows] = (after - speed) / step_s + 1j * after * turn_rate
        fleet.turn_rate[rows] = turn_rate
        fleet.position[rows] = place
        fleet.yaw_rad[rows] = before + turn
        fleet.speed_mps[rows] = after
        fleet.travelled_m[rows] = travelled

    def _enter_next(self, fleet: Fleet, row: int) -> int:
        lanes, lane = self._lanes, int(fleet.next_lane[row])
        fleet.lane[row] = lane
        fleet.next_lane[row] = self._routes[int(fleet.id[row])].choice(lanes.successors[lane])
        if lanes.junction[lane] < 0:
            fleet.granted[row] = -1
        return lane

    def _gap_to_leader(self, fleet: Fleet, rows: IntArray, after_m: FloatArray) -> FloatArray:
        """Return the free way to the next vehicle on the own lane and the two after it."""
        lanes = self._lanes
        lane, following = fleet.lane[rows], fleet.next_lane[rows]
        beyond = self._first_successor[following]
        travelled = fleet.travelled_m[rows]
        way = np.full((len(rows), len(rows)), np.inf)
        for own, start in (
            (beyond, after_m + lanes.length_m[following]),
            (following, after_m),
            (lane, -travelled),
        ):
            distance = start[:, None] + travelled[None, :]
            ahead = (own[:, None] == lane[None, :]) & (distance > 1e-6)
            way = np.where(ahead, np.minimum(way, distance), way)
        half = fleet.half_length_m[rows]
        way -= half[:, None] + half[None, :]
        return np.asarray(way.min(axis=1))

    def _gap_to_free(self, fleet: Fleet, rows: IntArray, free: IntArray, gap: FloatArray) -> None:
        """Shorten `gap` where a vehicle that obeys its controls stands on the way."""
        if not len(free):
            return
        others = fleet.position[free]
        near = np.abs(fleet.position[rows][:, None] - others).min(axis=1) < _NEAR_M
        if not near.any():
            return
        lanes, chosen = self._lanes, rows[near]
        lane, following = fleet.lane[chosen], fleet.next_lane[chosen]
        way = fleet.travelled_m[chosen][:, None] + _LOOK_M
        own = np.broadcast_to(lane[:, None], way.shape).copy()
        for further in (following, self._first_successor[following]):
            past = way > lanes.length_m[own]
            way = np.where(past, way - lanes.length_m[own], way)
            own = np.where(past, further[:, None], own)
        points, _ = lanes.place(own, np.minimum(way, lanes.length_m[own]))
        hit = (np.abs(points[:, :, None] - others) < _FREE_RADIUS_M).any(axis=2)
        distance = np.where(hit, _LOOK_M, np.inf).min(axis=1)
        free_way = distance - fleet.half_length_m[chosen] - 0.5 * _FREE_RADIUS_M
        gap[near] = np.minimum(gap[near], free_way)

    def _ask_for_junctions(
        self, fleet: Fleet, rows: IntArray, free: IntArray, after_m: FloatArray
    ) -> None:
        """Grant ways through junctions, first come, first served, where nothing is in the way."""
        lanes = self._lanes
        asking = (
            (lanes.junction[fleet.next_lane[rows]] >= 0)
            & (fleet.granted[rows] < 0)
            & (after_m < APPROACH_M)
        )
        if not asking.any():
            return
        chosen = np.flatnonzero(asking)
        for i in chosen[np.argsort(after_m[chosen], kind="stable")].tolist():
            row = int(rows[i])
            way = int(fleet.next_lane[row])
            centre = self._centres[int(lanes.junction[way])]
            taken = fleet.granted[rows]
            taken = taken[taken >= 0]
            first = not np.any(
                (fleet.lane[rows] == fleet.lane[row])
                & (fleet.travelled_m[rows] > fleet.travelled_m[row])
            )
            crossed = bool(self._crossing[way, taken].any())
            visited = bool((np.abs(fleet.position[free] - centre) < _JUNCTION_REACH_M).any())
            exit_lane = lanes.successors[way][0]
            full = np.any((fleet.lane[rows] == exit_lane) & (fleet.travelled_m[rows] < EXIT_ROOM_M))
            if first and not (crossed or visited or full):
                fleet.granted[row] = way


def _speed_limits(lanes: LaneGraph) -> FloatArray:
    """Return how fast each lane's sharpest bend can be taken, `float64[lanes]`."""
    limits = np.full(len(lanes.first), SPEED_MPS[1])
    for lane, points in enumerate(_slices(lanes)):
        bend = np.abs(np.diff(lanes.yaw_rad[points])).max() * lanes.points_per_m[lane]
        limits[lane] = min(limits[lane], np.sqrt(LATERAL_MPS2 / max(bend, 1e-6)))
    return limits


def _crossings(lanes: LaneGraph) -> BoolArray:
    """Return which ways through one junction come too close to be driven at once, a matrix.

    Ways that start on the same lane are free: their vehicles follow each other.
    """
    count = len(lanes.first)
    crossing = np.zeros((count, count), np.bool_)
    points = [lanes.middle[rows] for rows in _slices(lanes)]
    for a in range(count):
        for b in range(a):
            junction = lanes.junction[a]
            if junction < 0 or junction != lanes.junction[b]:
                continue
            if points[a][0] == points[b][0]:
                continue
            nearest = np.abs(points[a][:, None] - points[b]).min()
            crossing[a, b] = crossing[b, a] = nearest < _CROSSING_M
    return crossing


def _centres(lanes: LaneGraph) -> dict[int, complex]:
    """Return the middle of every junction."""
    points: dict[int, list[complex]] = {}
    for junction, rows in zip(lanes.junction.tolist(), _slices(lanes), strict=True):
        if junction >= 0:
            ends = lanes.middle[rows][[0, -1]]
            points.setdefault(junction, []).extend(ends.tolist())
    return {junction: sum(ends) / len(ends) for junction, ends in points.items()}


def _slices(lanes: LaneGraph) -> list[slice]:
    ends = [*lanes.first[1:].tolist(), len(lanes.middle)]
    return [slice(a, b) for a, b in zip(lanes.first.tolist(), ends, strict=True)]
