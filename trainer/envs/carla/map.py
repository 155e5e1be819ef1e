"""Plans routes over the lanes of a CARLA map.

Works on a `carla.Map` without importing carla, also on one made offline from OpenDRIVE text. A
route follows lanes and never changes them; where a lane has several successors, as at a junction,
the episode's random generator chooses.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.envs.driving.route import Route

SAMPLE_M = 1.0
"""Distance between the points at which a lane is sampled."""

Lane = tuple[int, int, int]
"""Road, section and lane number."""


def plane_point(location: Any) -> complex:
    """Return a `carla.Location` in the plane; CARLA's y axis points to the right."""
    return complex(location.x, -location.y)


def plane_direction(yaw_deg: float) -> complex:
    """Return the unit vector of a CARLA yaw, which grows to the right."""
    angle = -np.radians(yaw_deg)
    return complex(np.cos(angle), np.sin(angle))


class LaneGraph:
    """The driving lanes of a map and what follows on each."""

    def __init__(self, carla_map: Any) -> None:
        """Read the topology of a `carla.Map`.

        Raises:
            ValueError: The map has no driving lanes.
        """
        self._map = carla_map
        self._entry: dict[Lane, Any] = {}
        self._next: dict[Lane, list[Lane]] = {}
        for begin, end in carla_map.get_topology():
            lane, following = _lane(begin), _lane(end)
            self._entry.setdefault(lane, begin)
            successors = self._next.setdefault(lane, [])
            if following != lane and following not in successors:
                successors.append(following)
        if not self._entry:
            raise ValueError("the map has no driving lanes")
        self._points: dict[Lane, npt.NDArray[np.complex128]] = {}
        self.endless = self._without_dead_ends()
        """Lanes from which one can drive on for ever."""

    def random_route(
        self, location: Any, length_m: float, rng: np.random.Generator
    ) -> Route | None:
        """Return a route of about `length_m` from the lane nearest to a `carla.Location`.

        It is shorter where every way ends. None: no route can begin there.
        """
        start = self._map.get_waypoint(location)
        if start is None or _lane(start) not in self._next:
            return None
        lane = _lane(start)
        pieces = [self._rest_of(start)]
        missing_m = length_m - _length_m(pieces[0])
        while missing_m > 0.0:
            choices = [n for n in self._next.get(lane, []) if n in self.endless]
            choices = choices or self._next.get(lane, [])
            if not choices:
                break
            lane = choices[int(rng.integers(len(choices)))]
            piece = self._lane_points(lane)
            missing_m -= abs(piece[0] - pieces[-1][-1]) + _length_m(piece)
            pieces.append(piece)
        try:
            return Route(np.concatenate(pieces))
        except ValueError:
            return None

    def lane_direction(self, location: Any) -> complex | None:
        """Return the driving direction of the lane at a `carla.Location`; None off the lanes."""
        waypoint = self._map.get_waypoint(location, project_to_road=False)
        return None if waypoint is None else plane_direction(waypoint.transform.rotation.yaw)

    def _without_dead_ends(self) -> frozenset[Lane]:
        alive = set(self._next)
        while True:
            dead = {lane for lane in alive if not alive.intersection(self._next[lane])}
            if not dead:
                return frozenset(alive)
            alive -= dead

    def _lane_points(self, lane: Lane) -> npt.NDArray[np.complex128]:
        points = self._points.get(lane)
        if points is None:
            points = self._points[lane] = self._rest_of(self._entry[lane])
        return points

    def _rest_of(self, start: Any) -> npt.NDArray[np.complex128]:
        """Return points from a waypoint to the end of its lane, `complex128[p]`."""
        lane = _lane(start)
        step_m = SAMPLE_M if start.lane_id < 0 else -SAMPLE_M
        points, s = [plane_point(start.transform.location)], start.s
        while True:
            s += step_m
            waypoint = self._map.get_waypoint_xodr(start.road_id, start.lane_id, s)
            if waypoint is None or _lane(waypoint) != lane:
                return np.array(points)
            points.append(plane_point(waypoint.transform.location))


def _lane(waypoint: Any) -> Lane:
    return waypoint.road_id, waypoint.section_id, waypoint.lane_id


def _length_m(points: npt.NDArray[np.complex128]) -> float:
    return float(np.abs(np.diff(points)).sum())
