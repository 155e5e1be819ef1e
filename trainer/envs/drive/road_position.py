"""Where vehicles are on their roads: arc length, lateral position and heading error."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trainer.envs.drive.road_geometry import POINT_SPACING_M, RIGHT_LANE_M, ROAD_POINTS, Roads
from trainer.envs.float_constant import constant

FloatArray = npt.NDArray[np.float32]

_POINTS_PER_M = constant(1.0 / POINT_SPACING_M)
_SPACING = constant(POINT_SPACING_M)
_POINTS = constant(ROAD_POINTS)
_RIGHT_LANE = constant(RIGHT_LANE_M)
_HALF = constant(0.5)
_ONE = constant(1.0)


class RoadPosition(NamedTuple):
    """Positions relative to the road; arrays over vehicles."""

    arc_m: FloatArray
    """Arc length near the guess, `float32[n]`; may be past the end of a round."""
    lateral_m: FloatArray
    """Distance from the middle of the right lane, positive to the left, `float32[n]`."""
    heading_error_rad: FloatArray
    """Heading relative to the road's, positive to the left, `float32[n]`."""


def locate(
    roads: Roads,
    first_point: npt.NDArray[np.intp],
    position: npt.NDArray[np.complex64],
    direction: npt.NDArray[np.complex64],
    guess_m: FloatArray,
) -> RoadPosition:
    """Project vehicles onto their roads.

    Args:
        roads: Tables of all roads.
        first_point: Where each vehicle's road begins in the tables, `int[n]`.
        position: Vehicle centres, `complex64[n]`.
        direction: Unit vectors of the headings, `complex64[n]`.
        guess_m: Arc lengths near the right ones, `float32[n]`, at least 0. Errors of up to a
            metre cost no more than a centimetre.
    """
    nearest = np.rint(guess_m * _POINTS_PER_M)
    point = (nearest % _POINTS).astype(np.intp)
    point += first_point
    towards_road = roads.tangent.take(point).conj()
    # Not in place: in place, numpy rounds the product of a single pair differently, and a vehicle
    # would drive differently alone than in a batch.
    offset = (position - roads.middle.take(point)) * towards_road
    across_m = offset.imag
    bend = roads.curvature.take(point)
    # One Newton step to the foot of the perpendicular; near the point the road is an arc.
    along_m = offset.real / (_ONE - bend * across_m)
    turn = bend * along_m
    turned = direction * towards_road
    nearest *= _SPACING
    nearest += along_m
    return RoadPosition(
        arc_m=nearest,
        lateral_m=across_m - _RIGHT_LANE - _HALF * turn * along_m,
        heading_error_rad=np.arctan2(turned.imag, turned.real) - turn,
    )
