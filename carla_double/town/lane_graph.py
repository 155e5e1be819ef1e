"""The lanes of a town as tables over the way travelled, in CARLA's coordinates (y to the right).

Points are complex numbers (x + iy, in metres), so that a rotation is one product. Yaw is in radians
and grows to the right, as CARLA's does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from carla_double.town.road_network import LANE_WIDTH_M, NO_JUNCTION, Road, RoadNetwork
from carla_double.town.town import build_town

FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]
IntArray = npt.NDArray[np.int64]

POINT_SPACING_M = 0.5
"""Distance between the points of a lane, about."""
SPAWN_SPACING_M = 9.0
"""Distance between two spawn points of a lane."""
SPAWN_MARGIN_M = 6.0
"""No spawn point is closer to an end of its street."""
SPAWN_HEIGHT_M = 0.5
"""Spawn points hover, as CARLA's do; vehicles are on the ground after the next tick."""


@dataclass(frozen=True, kw_only=True)
class LaneGraph:
    """All lanes of a town; point `i` of lane `k` is at `first[k] + i` of the flat tables."""

    first: IntArray
    """Row of each lane's first point, `int64[lanes]`."""
    length_m: FloatArray
    """Length of each lane's middle, `float64[lanes]`."""
    points_per_m: FloatArray
    """Points of each lane over its length, `float64[lanes]`."""
    junction: IntArray
    """Junction that each lane crosses, or -1, `int64[lanes]`."""
    successors: tuple[tuple[int, ...], ...]
    """Lanes that continue each lane; none is empty."""
    middle: ComplexArray
    """Points of the lanes' middles in the direction of travel, `complex128[points]`."""
    yaw_rad: FloatArray
    """Direction of travel, `float64[points]`, without jumps inside a lane."""
    spawn_points: tuple[tuple[float, float, float], ...]
    """x, y and yaw (degrees) where vehicles can be put, in a mixed order that never changes."""
    spawn_lanes: tuple[tuple[int, float], ...]
    """Lane and way travelled (m) of each spawn point."""

    def place(self, lane: IntArray, travelled_m: FloatArray) -> tuple[ComplexArray, FloatArray]:
        """Return points and yaws on lanes, interpolated; arguments and results have one shape.

        `travelled_m` must be in [0, length] of its lane.
        """
        index = travelled_m * self.points_per_m[lane]
        row = index.astype(np.int64)
        share = index - row
        row += self.first[lane]
        after = np.minimum(row + 1, len(self.middle) - 1)
        # At a lane's very end the share is 0, so that the next lane's first point has no weight.
        here, yaw = self.middle[row], self.yaw_rad[row]
        return (
            here + share * (self.middle[after] - here),
            yaw + share * (self.yaw_rad[after] - yaw),
        )


def _lane_points(road: Road, lane: int) -> tuple[ComplexArray, FloatArray]:
    x, y, heading = road.sample(POINT_SPACING_M)
    side = 1.0 if lane > 0 else -1.0
    x = x - side * 0.5 * LANE_WIDTH_M * np.sin(heading)
    y = y + side * 0.5 * LANE_WIDTH_M * np.cos(heading)
    points, yaw = x - 1j * y, -heading
    if lane > 0:
        points, yaw = points[::-1], yaw[::-1] + np.pi
    return points, yaw


def _successors(road: Road, lane: int, network: RoadNetwork) -> list[tuple[int, int]]:
    """Return road and lane of every continuation of a lane."""
    link = road.successor if lane < 0 else road.predecessor
    if link.kind == "road":
        return [(link.id, link.lanes[lane])]
    junction = next(j for j in network.junctions if j.id == link.id)
    return [
        (way.connecting_road, -1)
        for way in junction.connections
        if (way.incoming_road, way.incoming_lane) == (road.id, lane)
    ]


@lru_cache(maxsize=4)
def build_lanes(name: str) -> LaneGraph:
    """Return the lanes of a town by its map name; equal names share one object.

    Raises:
        KeyError: The double has no map of that name.
    """
    network = build_town(name)
    keys = [(road, lane) for road in network.roads for lane in road.lanes]
    numbers = {(road.id, lane): number for number, (road, lane) in enumerate(keys)}
    tables = [_lane_points(road, lane) for road, lane in keys]
    counts = np.array([len(points) for points, _ in tables])
    lengths = np.array([np.abs(np.diff(points)).sum() for points, _ in tables])
    spawn_lanes = [
        (numbers[road.id, lane], float(travelled))
        for road, lane in keys
        if _is_street(road)
        for travelled in np.arange(
            SPAWN_MARGIN_M, lengths[numbers[road.id, lane]] - SPAWN_MARGIN_M, SPAWN_SPACING_M
        )
    ]
    order = np.random.default_rng(0).permutation(len(spawn_lanes))
    spawn_lanes = [spawn_lanes[i] for i in order]
    graph = LaneGraph(
        first=np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64),
        length_m=lengths,
        points_per_m=(counts - 1) / lengths,
        junction=np.array([road.junction for road, _ in keys]),
        successors=tuple(
            tuple(numbers[key] for key in _successors(road, lane, network)) for road, lane in keys
        ),
        middle=np.concatenate([points for points, _ in tables]),
        yaw_rad=np.concatenate([yaw for _, yaw in tables]),
        spawn_points=(),
        spawn_lanes=tuple(spawn_lanes),
    )
    places, yaws = graph.place(
        np.array([lane for lane, _ in spawn_lanes]), np.array([s for _, s in spawn_lanes])
    )
    spawn_points = tuple(
        (float(place.real), float(place.imag), float(np.degrees(np.angle(np.exp(1j * yaw)))))
        for place, yaw in zip(places, yaws, strict=True)
    )
    return LaneGraph(**{**graph.__dict__, "spawn_points": spawn_points})


def _is_street(road: Road) -> bool:
    """Whether a road is a street; corners and ways through junctions hold no spawn points."""
    bend = len(road.pieces) == 1 and road.pieces[0].curvature != 0.0
    return road.junction == NO_JUNCTION and not bend
