"""A route as points in the plane: where a vehicle is along it, and what is ahead.

Points and directions are complex numbers, x + iy in metres with left positive, as everywhere.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trainer.envs.driving.observation import HORIZON_M, WAYPOINT_SPACING_M, WAYPOINTS

POINT_SPACING_M = 0.5
"""Distance between the points of a route."""
BEHIND_M = 5.0
"""How far behind the last position a vehicle is looked for."""
AHEAD_M = 15.0
"""How far ahead of the last position a vehicle is looked for."""

_LOOK_AHEAD_M = WAYPOINT_SPACING_M * np.arange(1, WAYPOINTS + 1)
_SAME_POINT_M = 1e-3


class RoutePosition(NamedTuple):
    """Where a vehicle is relative to its route."""

    arc_m: float
    """Distance from the start of the route."""
    lateral_m: float
    """Distance from the route, positive to the left."""
    heading_error_rad: float
    """Heading relative to the route's, positive to the left, in [-pi, pi]."""


class Route:
    """The middle of the lanes to follow, evenly sampled and prolonged straight past its end."""

    def __init__(self, points: npt.NDArray[np.complex128]) -> None:
        """Build the route.

        Args:
            points: `complex128[p]` in driving order, at any distances.

        Raises:
            ValueError: Fewer than two different points were given.
        """
        moved = np.append([True], np.abs(np.diff(points)) > _SAME_POINT_M)
        points = points[moved[: len(points)]]
        if len(points) < 2:
            raise ValueError("a route needs two different points")
        arc_m = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(points)))])
        self.length_m = float(arc_m[-1])
        """Distance from the first point to the goal."""
        # Prolonged, so that look-ahead and the search for a position never run out of points.
        last_step = (points[-1] - points[-2]) / abs(points[-1] - points[-2])
        margin_m = HORIZON_M + AHEAD_M + 1.0
        points = np.append(points, points[-1] + margin_m * last_step)
        arc_m = np.append(arc_m, arc_m[-1] + margin_m)
        even_m = np.arange(0.0, arc_m[-1], POINT_SPACING_M)
        self.points = np.interp(even_m, arc_m, points.real) + 1j * np.interp(
            even_m, arc_m, points.imag
        )
        """`complex128[q]`, `POINT_SPACING_M` apart."""
        chord = np.gradient(self.points)
        self.tangents = chord / np.abs(chord)
        """`complex128[q]`, unit vectors in driving direction."""
        self._bend = np.gradient(np.unwrap(np.angle(self.tangents)), POINT_SPACING_M)

    def locate(self, position: complex, direction: complex, near_m: float) -> RoutePosition:
        """Project a vehicle onto the route.

        Args:
            position: Centre of the vehicle.
            direction: Unit vector of its heading.
            near_m: Its last arc length; the search stays near it, so that a route may cross
                itself.
        """
        first = max(0, int((near_m - BEHIND_M) / POINT_SPACING_M))
        last = int((near_m + AHEAD_M) / POINT_SPACING_M)
        nearest = first + int(np.argmin(np.abs(self.points[first:last] - position)))
        towards = self.tangents[nearest].conjugate()
        offset = complex((position - self.points[nearest]) * towards)
        # One Newton step to the foot of the perpendicular; near the point the route is an arc.
        bend = float(self._bend[nearest])
        share = max(0.2, 1.0 - bend * offset.imag)
        along_m = min(max(offset.real / share, -POINT_SPACING_M), POINT_SPACING_M)
        turn = bend * along_m
        return RoutePosition(
            nearest * POINT_SPACING_M + along_m,
            offset.imag - 0.5 * turn * along_m,
            _wrapped(float(np.angle(direction * towards)) - turn),
        )

    def look_ahead(self, arc_m: float) -> npt.NDArray[np.complex64]:
        """Return the waypoints ahead of an arc length, `complex64[WAYPOINTS]`."""
        place = (arc_m + _LOOK_AHEAD_M) / POINT_SPACING_M
        point = np.minimum(place.astype(np.intp), len(self.points) - 2)
        share = place - point
        ahead = self.points[point] * (1.0 - share) + self.points[point + 1] * share
        return np.asarray(ahead, np.complex64)

    def direction_at(self, arc_m: npt.NDArray[np.float64]) -> npt.NDArray[np.complex128]:
        """Return unit vectors of the driving direction at arc lengths, `complex128[k]`."""
        point = np.clip(arc_m / POINT_SPACING_M, 0, len(self.tangents) - 1).astype(np.intp)
        return np.asarray(self.tangents[point])

    def project(
        self, positions: npt.NDArray[np.complex128], from_m: float, to_m: float
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Return arc lengths and lateral positions of other vehicles, each `float64[k]`.

        Only the part of the route between two arc lengths is looked at; a vehicle elsewhere gets
        the nearest point of that part, and so a large lateral position or one of the ends.
        """
        first = max(0, int(from_m / POINT_SPACING_M))
        last = max(first + 1, int(to_m / POINT_SPACING_M))
        part = self.points[first:last]
        nearest = first + np.argmin(np.abs(positions[:, None] - part[None, :]), axis=1)
        offset = (positions - self.points[nearest]) * self.tangents[nearest].conj()
        return nearest * POINT_SPACING_M + offset.real, offset.imag


def _wrapped(angle_rad: float) -> float:
    return float((angle_rad + np.pi) % (2.0 * np.pi) - np.pi)
