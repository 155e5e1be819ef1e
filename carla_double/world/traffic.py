"""Traffic that drives itself: vehicles glide along the middle of lanes and keep their distance.

They stop behind a vehicle that stands still, take turns at junctions and slow down in bends. What a vehicle
does depends on the scene and the seed alone, so that a scene set up twice runs twice the same.
"""

from __future__ import annotations

import numpy as np

from carla_double.town.lane_graph import LaneGraph
from carla_double.world.fleet import BoolArray, ComplexArray, Fleet, FloatArray, IntArray

SPEED_MPS = (5.5, 8.5)
"""Range of the speeds that vehicles want to go."""
PULL_MPS2, BRAKE_MPS2, EMERGENCY_MPS2 = 2.0, 3.0, 8.0
STANDING_GAP_M = 2.5
"""Distance kept to the vehicle ahead, from bumper to bumper."""
LATERAL_MPS2 = 2.0
"""Vehicles take bends no faster than this allows."""
APPROACH_M = 18.0
"""Distance from a junction at which a vehicle asks for its way through."""
EXIT_ROOM_M = 9.0
"""A junction is entered only if so much of the lane behind it is free."""
_LONG_HALF_M = 5.2
_CROSSING_M = 3.0
_JUNCTION_REACH_M = 15.0
_LOOK_M = np.arange(2.0, 26.0, 2.0)
_FREE_RADIUS_M = 2.3
_NEAR_M = _LOOK_M[-1] + _FREE_RADIUS_M
"""A vehicle farther away is on no point that is looked at."""


class Traffic:
    """Drives the vehicles of a fleet that are `on_lane`."""

    def __init__(self, lanes: LaneGraph, seed: int) -> None:
        self._lanes = lanes
        self._seed = seed
        self._routes: dict[int, np.random.Generator] = {}
        self._speed_limit = _speed_limits(lanes)
        self._crossing = _crossings(lanes)
        self._is_way = lanes.junction >= 0
        self._junctions = np.unique(lanes.junction[self._is_way])
        self._centres = np.array([_centre(lanes, int(j)) for j in self._junctions])
        self._first_successor = np.array([lane[0] for lane in lanes.successors])

    def join(self, fleet: Fleet, row: int) -> None:
        """Let a vehicle drive on the lane nearest to it."""
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
        half = fleet.half_length_m[rows]
        after_m = lanes.length_m[lane] - travelled
        order = np.lexsort((travelled, lane))
        last_on_lane = self._last_on_lane(lane, travelled, order)
        gap, leads = self._gap_to_leader(lane, following, travelled, half, order, last_on_lane)
        self._gap_to_free(fleet, rows, free, gap)
        self._ask_for_junctions(fleet, rows, free, after_m, leads, last_on_lane)
        blocked = self._is_way[following] & (fleet.granted[rows] != following)
        # The front bumper, not the vehicle's middle, stops at the end of the lane.
        to_line = after_m - half - 0.5
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

    def _last_on_lane(self, lane: IntArray, travelled: FloatArray, order: IntArray) -> FloatArray:
        """Return how far the hindmost vehicle of every lane has come; infinity where none is."""
        last = np.full(len(self._lanes.first), np.inf)
        backwards = order[::-1]
        last[lane[backwards]] = travelled[backwards]
        return last

    def _gap_to_leader(
        self,
        lane: IntArray,
        following: IntArray,
        travelled: FloatArray,
        half_m: FloatArray,
        order: IntArray,
        last_on_lane: FloatArray,
    ) -> tuple[FloatArray, BoolArray]:
        """Return the free way to the vehicle ahead, and which vehicle is the first of its lane.

        The vehicle ahead is looked for on the own lane and the two after it.
        """
        lengths = self._lanes.length_m
        beyond = self._first_successor[following]
        to_next = lengths[lane] - travelled
        way = np.minimum(
            to_next + last_on_lane[following],
            to_next + lengths[following] + last_on_lane[beyond],
        )
        behind, ahead = order[:-1], order[1:]
        same = lane[behind] == lane[ahead]
        behind, ahead = behind[same], ahead[same]
        way[behind] = travelled[ahead] - travelled[behind]
        leads = np.ones(len(lane), np.bool_)
        leads[behind] = False
        # Whoever is ahead on another lane is not known by name: it counts as a long vehicle.
        other_half = np.full(len(lane), _LONG_HALF_M)
        other_half[behind] = half_m[ahead]
        return way - half_m - other_half, leads

    def _gap_to_free(self, fleet: Fleet, rows: IntArray, free: IntArray, gap: FloatArray) -> None:
        """Shorten `gap` if a vehicle that obeys its controls is in the way."""
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
        self,
        fleet: Fleet,
        rows: IntArray,
        free: IntArray,
        after_m: FloatArray,
        leads: BoolArray,
        last_on_lane: FloatArray,
    ) -> None:
        """Grant ways through junctions, nearest first, where nothing is in the way."""
        lanes = self._lanes
        granted = fleet.granted[rows]
        asking = leads & (granted < 0) & (after_m < APPROACH_M)
        asking &= self._is_way[fleet.next_lane[rows]]
        chosen = np.flatnonzero(asking)
        if not chosen.size:
            return
        taken = set(granted[granted >= 0].tolist())
        visited = self._visited(fleet.position[free]) if len(free) else set()
        for i in chosen[np.argsort(after_m[chosen], kind="stable")].tolist():
            row = int(rows[i])
            way = int(fleet.next_lane[row])
            full = last_on_lane[lanes.successors[way][0]] < EXIT_ROOM_M
            if full or int(lanes.junction[way]) in visited:
                continue
            if self._crossing[way].isdisjoint(taken):
                fleet.granted[row] = way
                taken.add(way)

    def _visited(self, places: ComplexArray) -> set[int]:
        """Return the junctions that vehicles at these places are in."""
        inside = np.abs(places[:, None] - self._centres) < _JUNCTION_REACH_M
        return set(self._junctions[inside.any(axis=0)].tolist())


def _speed_limits(lanes: LaneGraph) -> FloatArray:
    """Return how fast each lane's sharpest bend can be taken, `float64[lanes]`."""
    limits = np.full(len(lanes.first), SPEED_MPS[1])
    for lane, points in enumerate(_slices(lanes)):
        bend = np.abs(np.diff(lanes.yaw_rad[points])).max() * lanes.points_per_m[lane]
        limits[lane] = min(limits[lane], np.sqrt(LATERAL_MPS2 / max(bend, 1e-6)))
    return limits


def _crossings(lanes: LaneGraph) -> list[set[int]]:
    """Return for each way through a junction those that come too close to be driven at once.

    Ways that start on the same lane are free: their vehicles follow each other.
    """
    crossing: list[set[int]] = [set() for _ in lanes.first]
    points = [lanes.middle[rows] for rows in _slices(lanes)]
    for a in range(len(points)):
        for b in range(a):
            if lanes.junction[a] < 0 or lanes.junction[a] != lanes.junction[b]:
                continue
            if points[a][0] == points[b][0]:
                continue
            if np.abs(points[a][:, None] - points[b]).min() < _CROSSING_M:
                crossing[a].add(b)
                crossing[b].add(a)
    return crossing


def _centre(lanes: LaneGraph, junction: int) -> complex:
    """Return the middle of a junction."""
    ends = [
        lanes.middle[rows][[0, -1]]
        for number, rows in zip(lanes.junction, _slices(lanes), strict=True)
        if number == junction
    ]
    return complex(np.mean(ends))


def _slices(lanes: LaneGraph) -> list[slice]:
    ends = [*lanes.first[1:].tolist(), len(lanes.middle)]
    return [slice(a, b) for a, b in zip(lanes.first.tolist(), ends, strict=True)]
