"""Roads painted into grey images from above, for the camera to look up.

A raster is smoothed to the camera's pixel size, so that thin lane marks fade in small images,
where plain sampling would make them flicker.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from trainer.envs.drive.road_geometry import (
    HALF_ROAD_M,
    POINT_SPACING_M,
    ROAD_POINTS,
    TABLE_POINTS,
    Roads,
    build_roads,
)

GRASS, ASPHALT, LANE_MARK, EDGE_LINE = 0, 90, 170, 200
"""Grey levels."""

_PAINT_M = 0.25
_MARK_HALF_M = 0.2
_EDGE_LINE_M = 0.4
_DASH_POINTS = round(2 * 3.0 / POINT_SPACING_M)


def _paint(roads: Roads, shape: int, side: int, reach_m: float) -> npt.NDArray[np.uint8]:
    """Return one road painted on a square grid of `side` cells of `_PAINT_M`."""
    rows = slice(shape * TABLE_POINTS, shape * TABLE_POINTS + ROAD_POINTS + 1)
    # Points between the table's points: the outside of a bend needs them to be without gaps.
    middle, tangent = (
        np.stack([table[:-1], 0.5 * (table[:-1] + table[1:])], axis=1).ravel()
        for table in (roads.middle[rows], roads.tangent[rows])
    )
    lateral_m = np.arange(-HALF_ROAD_M, HALF_ROAD_M + 1e-6, 0.5 * _PAINT_M)
    grey = np.full((middle.size, lateral_m.size), ASPHALT, np.uint8)
    grey[:, np.abs(lateral_m) > HALF_ROAD_M - _EDGE_LINE_M] = EDGE_LINE
    dash = np.arange(middle.size) % (2 * _DASH_POINTS) < _DASH_POINTS
    grey[np.ix_(dash, np.abs(lateral_m) < _MARK_HALF_M)] = LANE_MARK
    cells = (middle[:, None] + 1j * lateral_m * tangent[:, None] + reach_m * (1 + 1j)) / _PAINT_M
    image = np.full((side, side), GRASS, np.uint8)
    # Sharp bends paint a cell more than once: the brighter paint, a mark or a line, must win.
    np.maximum.at(image, (cells.imag.astype(np.intp), cells.real.astype(np.intp)), grey)
    return image


def _smooth(image: npt.NDArray[np.uint8], cells: int) -> npt.NDArray[np.uint8]:
    """Average over squares of `cells` by `cells`, keeping the size."""
    if cells <= 1:
        return image
    before = cells // 2
    padded = np.pad(image.astype(np.int64), ((before + 1, cells - before - 1),) * 2)
    sums = padded.cumsum(axis=0).cumsum(axis=1)
    sums = sums[cells:, :] - sums[:-cells, :]
    sums = sums[:, cells:] - sums[:, :-cells]
    return np.asarray(sums // (cells * cells), np.uint8)


class RoadRaster:
    """All roads painted at one resolution, their squares stacked into one column.

    Args:
        roads: The roads to paint.
        pixel_m: Size of the camera's pixels on the ground; cells are about half as large.
        view_m: How far the camera sees; no look-up from a road leaves its square.
    """

    def __init__(self, roads: Roads, pixel_m: float, view_m: float) -> None:
        extent_m = max(
            float(np.abs(roads.middle.real).max()), float(np.abs(roads.middle.imag).max())
        )
        self.reach_m = extent_m + view_m + 2.0 * HALF_ROAD_M
        """Distance from a square's edge to the road's origin."""
        stride = max(1, int(0.5 * pixel_m / _PAINT_M))
        side = -(-int(2.0 * self.reach_m / _PAINT_M + 1) // stride) * stride
        self.cell_m = _PAINT_M * stride
        """Size of a cell on the ground."""
        self.side = side // stride
        """Cells along the side of a square."""
        squares = [
            _smooth(_paint(roads, shape, side, self.reach_m), round(pixel_m / _PAINT_M))[
                stride // 2 :: stride, stride // 2 :: stride
            ]
            for shape in range(roads.shapes)
        ]
        self.cells: npt.NDArray[np.uint8] = np.concatenate(squares).ravel()
        """Grey levels, `uint8[shapes * side * side]`: rows along y, columns along x."""


@lru_cache(maxsize=4)
def build_raster(shapes: int, seed: int, pixel_m: float, view_m: float) -> RoadRaster:
    """Return the painted roads of `build_roads(shapes, seed)`, shared between equal calls."""
    return RoadRaster(build_roads(shapes, seed), pixel_m, view_m)
