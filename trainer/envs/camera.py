"""Top-view camera: grey images of the road around a vehicle, turned into its heading.

The road is painted once into a raster per road. An image is one look-up in it per pixel; other
vehicles are drawn on top. The raster is smoothed to the camera's pixel size, so that thin lane
marks fade in small images where plain sampling would make them flicker.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from trainer.envs.drive_config import VEHICLE_LENGTH_M, VEHICLE_WIDTH_M
from trainer.envs.road_geometry import (
    HALF_ROAD_M,
    POINT_SPACING_M,
    ROAD_POINTS,
    TABLE_POINTS,
    Roads,
    build_roads,
)

GRASS, ASPHALT, LANE_MARK, EDGE_LINE, VEHICLE, EGO = 0, 90, 170, 200, 255, 140
"""Grey levels."""
AHEAD_SHARE = 0.75
"""Share of the image that lies ahead of the vehicle."""

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
    return (sums // (cells * cells)).astype(np.uint8)


class _Raster:
    """All roads painted at one resolution, stacked into one column of squares."""

    def __init__(self, roads: Roads, pixel_m: float, view_m: float) -> None:
        extent_m = max(
            float(np.abs(roads.middle.real).max()), float(np.abs(roads.middle.imag).max())
        )
        self.reach_m = extent_m + view_m + 2.0 * HALF_ROAD_M
        stride = max(1, int(0.5 * pixel_m / _PAINT_M))
        side = -(-int(2.0 * self.reach_m / _PAINT_M + 1) // stride) * stride
        self.cell_m = _PAINT_M * stride
        self.side = side // stride
        squares = [
            _smooth(_paint(roads, shape, side, self.reach_m), round(pixel_m / _PAINT_M))[
                stride // 2 :: stride, stride // 2 :: stride
            ]
            for shape in range(roads.shapes)
        ]
        self.cells: npt.NDArray[np.uint8] = np.concatenate(squares).ravel()


@lru_cache(maxsize=4)
def _raster(roads_key: tuple[int, int], pixel_m: float, view_m: float) -> _Raster:
    return _Raster(build_roads(*roads_key), pixel_m, view_m)


class Camera:
    """Renders `uint8[n, size, size]` images; the vehicle heads up, at a quarter of the height."""

    def __init__(self, *, shapes: int, road_seed: int, size: int, span_m: float) -> None:
        self.size = size
        self.span_m = span_m
        self.ahead_m = AHEAD_SHARE * span_m
        self.behind_m = span_m - self.ahead_m
        self._pixel_m = span_m / size
        view_m = float(np.hypot(self.ahead_m, 0.5 * span_m))
        self._raster = _raster((shapes, road_seed), self._pixel_m, view_m)
        self._shapes = shapes
        steps = (np.arange(size) + 0.5) * self._pixel_m
        cell_m = self._raster.cell_m
        self._forward = ((self.ahead_m - steps) / cell_m).astype(np.float32)
        self._left = ((0.5 * span_m - steps) / cell_m).astype(np.float32)
        self._stamp = _rectangle(0.9 * self._pixel_m)
        ego_row, ego_column = np.nonzero(
            (np.abs(self._forward[:, None] * cell_m) < 0.5 * VEHICLE_LENGTH_M)
            & (np.abs(self._left[None, :] * cell_m) < 0.5 * VEHICLE_WIDTH_M)
        )
        self._ego_pixels = ego_row * size + ego_column

    def render(
        self,
        road: npt.NDArray[np.intp],
        position: npt.NDArray[np.complex64],
        direction: npt.NDArray[np.complex64],
    ) -> npt.NDArray[np.uint8]:
        """Return new images without other vehicles, `uint8[n, size, size]`.

        Args:
            road: Row of each environment in the road tables, `int[n]`.
            position: Vehicle centres in the road's plane, `complex64[n]`.
            direction: Unit vectors of the headings, `complex64[n]`.
        """
        raster = self._raster
        scale = np.float32(1.0 / raster.cell_m)
        offset = np.float32(raster.reach_m / raster.cell_m)
        cos, sin = direction.real[:, None], direction.imag[:, None]
        x0 = position.real[:, None] * scale + offset
        y0 = position.imag[:, None] * scale + offset
        # The road's square in the stacked raster is chosen by moving down its column of squares.
        y0 += ((road % self._shapes) * raster.side)[:, None].astype(np.float32)
        x_rows, x_columns = x0 + cos * self._forward, sin * self._left
        y_rows, y_columns = y0 + sin * self._forward, cos * self._left
        column = (x_rows[:, :, None] - x_columns[:, None, :]).astype(np.int32)
        row = (y_rows[:, :, None] + y_columns[:, None, :]).astype(np.int32)
        row *= raster.side
        cell = np.add(row, column, dtype=np.intp)
        images = raster.cells.take(cell, mode="wrap")
        images.reshape(len(images), -1)[:, self._ego_pixels] = EGO
        return images

    def draw_vehicles(
        self,
        images: npt.NDArray[np.uint8],
        environment: npt.NDArray[np.intp],
        relative_position: npt.NDArray[np.complex64],
        relative_direction: npt.NDArray[np.complex64],
    ) -> None:
        """Draw other vehicles into `images`, given in the frame of the vehicle with the camera.

        Args:
            images: `uint8[n, size, size]`, C-contiguous, changed in place.
            environment: Image of each vehicle, `int[k]`.
            relative_position: Centre, real part ahead and imaginary part left, `complex64[k]`.
            relative_direction: Unit vector of its heading, `complex64[k]`.
        """
        points = relative_position[:, None] + relative_direction[:, None] * self._stamp
        per_m = np.float32(1.0 / self._pixel_m)
        row = np.floor((np.float32(self.ahead_m) - points.real) * per_m).astype(np.intp)
        column = np.floor((np.float32(0.5 * self.span_m) - points.imag) * per_m).astype(np.intp)
        inside = (row >= 0) & (row < self.size) & (column >= 0) & (column < self.size)
        pixel = (environment[:, None] * self.size + row) * self.size + column
        images.reshape(-1)[pixel[inside]] = VEHICLE


def _rectangle(spacing_m: float) -> npt.NDArray[np.complex64]:
    """Return points that cover a vehicle's outline, at most `spacing_m` apart, `complex64[p]`."""
    along = int(np.ceil(VEHICLE_LENGTH_M / spacing_m)) + 1
    across = int(np.ceil(VEHICLE_WIDTH_M / spacing_m)) + 1
    x = np.linspace(-0.5 * VEHICLE_LENGTH_M, 0.5 * VEHICLE_LENGTH_M, along)
    y = np.linspace(-0.5 * VEHICLE_WIDTH_M, 0.5 * VEHICLE_WIDTH_M, across)
    return (x[:, None] + 1j * y).ravel().astype(np.complex64)
