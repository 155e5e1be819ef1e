"""Closed two-lane roads as tables over arc length.

Points and directions are complex numbers (x + iy, in metres), so that a rotation is one product.
Every road has the same length and the same number of points, which lets a batch of vehicles on
different roads look its points up with one index array.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from trainer.envs.drive.config import LANE_WIDTH_M
from trainer.envs.driving.observation import WAYPOINT_SPACING_M, WAYPOINTS

ROAD_LENGTH_M = 400.0
"""Length of every road, along its middle."""
POINT_SPACING_M = 0.25
"""Distance between the points of a road."""
ROAD_POINTS = round(ROAD_LENGTH_M / POINT_SPACING_M)
"""Points of a road, not counting those that repeat its start."""
TABLE_POINTS = ROAD_POINTS + round((WAYPOINTS + 1) * WAYPOINT_SPACING_M / POINT_SPACING_M)
"""Points of a road in a table: the start is repeated at the end, so that look-ahead never wraps."""
HALF_ROAD_M = LANE_WIDTH_M
"""Distance from the road's middle to its edge."""
MINIMUM_RADIUS_M = 12.0
"""No road bends more sharply than this."""

RIGHT_LANE_M = -0.5 * LANE_WIDTH_M
"""Lateral position of the right lane's middle; positive is left of the road's middle."""
LEFT_LANE_M = 0.5 * LANE_WIDTH_M
"""Lateral position of the left lane's middle."""

_HARMONICS = np.arange(2, 7)
_COARSE_SAMPLES, _FINE_SAMPLES = 256, 4096


@dataclass(frozen=True, kw_only=True)
class Roads:
    """A set of closed roads, each stored once per driving direction.

    Road `k` of `shapes` appears as row `k` and, driven the other way round, as row `k + shapes`.
    Tables are flat: point `i` of row `k` is at `k * TABLE_POINTS + i`.
    """

    shapes: int
    """Number of different roads."""
    middle: npt.NDArray[np.complex64]
    """`complex64[2 * shapes * TABLE_POINTS]`, points of the line between the lanes."""
    tangent: npt.NDArray[np.complex64]
    """`complex64[...]`, unit vectors in driving direction."""
    curvature: npt.NDArray[np.float32]
    """`float32[...]` in 1/m, positive in left bends."""
    right_lane: npt.NDArray[np.complex64]
    """`complex64[...]`, points of the middle of the right lane."""


def _waves(
    amplitude: npt.NDArray[np.float64], phase: npt.NDArray[np.float64], samples: int
) -> tuple[npt.NDArray[np.float64], ...]:
    """Return angles, radius and the radius's first two derivatives, each `float64[samples]`."""
    angle = np.linspace(0.0, 2.0 * np.pi, samples, endpoint=False)
    argument = _HARMONICS[:, None] * angle + phase[:, None]
    cosine, sine = np.cos(argument), np.sin(argument)
    radius = 1.0 + amplitude @ cosine
    slope = -(amplitude * _HARMONICS) @ sine
    bend = -(amplitude * _HARMONICS**2) @ cosine
    return angle, radius, slope, bend


def _closed_curve(rng: np.random.Generator) -> npt.NDArray[np.complex128]:
    """Draw star-shaped closed curves until one bends gently enough to be driven.

    Returns:
        `complex128[_FINE_SAMPLES]`, of any size.
    """
    while True:
        amplitude = rng.uniform(0.2, 0.8, _HARMONICS.size) / _HARMONICS
        phase = rng.uniform(0.0, 2.0 * np.pi, _HARMONICS.size)
        _, radius, slope, bend = _waves(amplitude, phase, _COARSE_SAMPLES)
        if radius.min() <= 0.0:
            continue
        pace = np.hypot(radius, slope)
        curvature = (radius**2 + 2.0 * slope**2 - radius * bend) / pace**3
        length = 2.0 * np.pi * pace.mean()
        if np.abs(curvature).max() * length / ROAD_LENGTH_M <= 1.0 / MINIMUM_RADIUS_M:
            angle, radius, _, _ = _waves(amplitude, phase, _FINE_SAMPLES)
            return np.asarray(radius * np.exp(1j * angle))


def _even_points(curve: npt.NDArray[np.complex128]) -> npt.NDArray[np.complex128]:
    """Scale a closed curve to `ROAD_LENGTH_M` and sample it evenly, `complex128[ROAD_POINTS]`."""
    closed = np.append(curve, curve[0])
    travelled = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(closed)))])
    places = np.arange(ROAD_POINTS) * (travelled[-1] / ROAD_POINTS)
    points = np.interp(places, travelled, closed.real) + 1j * np.interp(
        places, travelled, closed.imag
    )
    points *= ROAD_LENGTH_M / travelled[-1]
    extent = (points.real.max() + points.real.min()) + 1j * (points.imag.max() + points.imag.min())
    return np.asarray(points - 0.5 * extent)


def _directions(
    points: npt.NDArray[np.complex128],
) -> tuple[npt.NDArray[np.complex128], npt.NDArray[np.float64]]:
    """Return unit tangents and curvature (1/m) of evenly spaced points on a closed curve."""
    chord = np.roll(points, -2) - np.roll(points, 2)
    tangent = chord / np.abs(chord)
    turn = np.angle(np.roll(tangent, -2) * np.conj(np.roll(tangent, 2)))
    return tangent, turn / (4.0 * POINT_SPACING_M)


@lru_cache(maxsize=8)
def build_roads(shapes: int, seed: int) -> Roads:
    """Return `shapes` random closed roads; the same arguments give the same, shared object."""
    rng = np.random.default_rng([seed, shapes])
    forward = [_even_points(_closed_curve(rng)) for _ in range(shapes)]
    rows = forward + [points[::-1] for points in forward]
    wrapped = np.arange(TABLE_POINTS) % ROAD_POINTS
    middle, tangent, curvature = [], [], []
    for points in rows:
        along, bend = _directions(points)
        middle.append(points[wrapped])
        tangent.append(along[wrapped])
        curvature.append(bend[wrapped])
    all_middle, all_tangent = np.concatenate(middle), np.concatenate(tangent)
    return Roads(
        shapes=shapes,
        middle=all_middle.astype(np.complex64),
        tangent=all_tangent.astype(np.complex64),
        curvature=np.concatenate(curvature).astype(np.float32),
        right_lane=(all_middle + 1j * RIGHT_LANE_M * all_tangent).astype(np.complex64),
    )
