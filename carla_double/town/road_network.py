"""Roads, lanes and junctions as values, in the coordinates of OpenDRIVE (x ahead, y left, radians).

CARLA mirrors y: a point (x, y) here is (x, -y) for the client, a heading h is a yaw of -h.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Contact = Literal["start", "end"]

NO_JUNCTION = -1
"""Junction of roads that belong to none."""
LANE_WIDTH_M = 4.0
"""Width of every lane, as in CARLA's Town01."""


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A straight line or an arc of a road's reference line."""

    length_m: float
    curvature: float = 0.0
    """1/m, positive in left bends; 0 is a straight line."""


@dataclass(frozen=True, kw_only=True)
class Pose:
    """A point with a direction."""

    x_m: float
    y_m: float
    heading_rad: float

    def ahead(self, piece: Piece, distance_m: float | FloatArray) -> tuple[FloatArray, ...]:
        """Return x, y and heading after `distance_m` on a piece that starts here."""
        distance = np.asarray(distance_m, np.float64)
        heading = self.heading_rad + piece.curvature * distance
        if piece.curvature == 0.0:
            return (
                self.x_m + distance * math.cos(self.heading_rad),
                self.y_m + distance * math.sin(self.heading_rad),
                heading,
            )
        radius = 1.0 / piece.curvature
        return (
            self.x_m + radius * (np.sin(heading) - math.sin(self.heading_rad)),
            self.y_m - radius * (np.cos(heading) - math.cos(self.heading_rad)),
            heading,
        )

    def after(self, piece: Piece) -> Pose:
        """Return the pose at the end of a piece that starts here."""
        x, y, heading = self.ahead(piece, piece.length_m)
        return Pose(x_m=float(x), y_m=float(y), heading_rad=float(heading))


@dataclass(frozen=True, kw_only=True)
class RoadLink:
    """What a road touches at one of its ends."""

    kind: Literal["road", "junction"]
    id: int
    contact: Contact | None = None
    """Which end of the touched road; None for a junction."""
    lanes: Mapping[int, int] = field(default_factory=dict)
    """Own lane to the lane of the touched road that continues it; empty for a junction."""


@dataclass(frozen=True, kw_only=True)
class Road:
    """One road: a reference line, lane -1 along it on its right, perhaps lane 1 against it."""

    id: int
    junction: int = NO_JUNCTION
    start: Pose
    pieces: tuple[Piece, ...]
    lanes: tuple[int, ...]
    """(-1, 1) for a road in both directions, (-1,) for a way through a junction."""
    predecessor: RoadLink
    successor: RoadLink

    @property
    def length_m(self) -> float:
        """Length of the reference line."""
        return sum(piece.length_m for piece in self.pieces)

    def sample(self, spacing_m: float) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return x, y and heading of even points on the reference line, both ends included."""
        count = max(2, math.ceil(self.length_m / spacing_m) + 1)
        places = np.linspace(0.0, self.length_m, count)
        table = np.empty((3, count))
        pose, done_m = self.start, 0.0
        for number, piece in enumerate(self.pieces):
            last = number == len(self.pieces) - 1
            rows = places >= done_m
            if not last:
                rows &= places < done_m + piece.length_m
            table[:, rows] = pose.ahead(piece, places[rows] - done_m)
            pose, done_m = pose.after(piece), done_m + piece.length_m
        return table[0], table[1], table[2]


@dataclass(frozen=True, kw_only=True)
class Connection:
    """One way through a junction."""

    incoming_road: int
    incoming_lane: int
    connecting_road: int


@dataclass(frozen=True, kw_only=True)
class Junction:
    """Where three or more roads meet."""

    id: int
    connections: tuple[Connection, ...]


@dataclass(frozen=True, kw_only=True)
class RoadNetwork:
    """All roads of a town."""

    name: str
    """As CARLA names maps, like `Carla/Maps/Town01`."""
    roads: tuple[Road, ...]
    junctions: tuple[Junction, ...]
