"""A town painted from above, for the camera to look up; far ground comes from coarser paintings."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from carla_double.town.road_network import LANE_WIDTH_M, NO_JUNCTION, Road
from carla_double.town.town import build_town

CELL_M = 0.2
"""Size of the finest cells."""
COARSER = (1, 3, 9)
"""Cells of each painting, as multiples of `CELL_M`."""
MARGIN_M = 90.0
"""Ground around the roads that is painted."""
GRASS, KERB, ASPHALT, MARK = (58, 104, 74), (150, 150, 146), (78, 76, 74), (222, 224, 226)
"""Colours as blue, green, red."""
HAZE = (216, 196, 178)
"""Colour that far ground fades to, and that the sky has at the horizon."""
_HAZE_SHARE = (0.12, 0.35)
_GRAINS = 16
_KERB_M, _MARK_HALF_M = 1.2, 0.16
_DASH_M, _DASH_PERIOD_M = 3.0, 7.0
_STROKE_M = 0.1


class GroundRaster:
    """Paintings of one town at several resolutions."""

    def __init__(self, map_name: str) -> None:
        network = build_town(map_name)
        ends = np.concatenate(
            [np.stack([x, -y]) for x, y, _ in (road.sample(5.0) for road in network.roads)], axis=1
        )
        low = ends.min(axis=1) - MARGIN_M
        side = COARSER[-1]
        cells = np.ceil((ends.max(axis=1) + MARGIN_M - low) / CELL_M).astype(int)
        columns, rows = (int(-(-n // side) * side) for n in cells)
        self.x_m, self.y_m = float(low[0]), float(low[1])
        """Corner of the paintings with the smallest coordinates."""
        painted = np.zeros((rows, columns), np.uint8)
        for road in network.roads:
            self._paint(painted, road, LANE_WIDTH_M + _KERB_M, 1)
        for road in network.roads:
            self._paint(painted, road, LANE_WIDTH_M, 2)
        for road in network.roads:
            if road.junction == NO_JUNCTION:
                self._mark(painted, road)
        grain = np.random.default_rng(0).integers(0, _GRAINS, painted.shape, np.uint8)
        painted *= _GRAINS
        painted += grain
        self.levels: list[npt.NDArray[np.uint32]] = [_words().take(painted)]
        """BGRA colours as `uint32[rows, columns]`, one painting per entry of `COARSER`."""
        channels = self.levels[0].view(np.uint8).reshape(rows, columns, 4)
        for haze in _HAZE_SHARE:
            channels = _coarsened(channels)
            hazy = channels[..., :3] * (1.0 - haze) + np.array(HAZE) * haze
            self.levels.append(pack_bgra(hazy))

    def _strokes(
        self, road: Road, from_m: float, to_m: float
    ) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.float64]]:
        """Return rows and columns of a stripe along a road, and the way along it."""
        x, y, heading = road.sample(_STROKE_M)
        across = np.arange(from_m, to_m + 1e-9, _STROKE_M)
        px = x[:, None] - across * np.sin(heading)[:, None]
        py = -(y[:, None] + across * np.cos(heading)[:, None])
        column = ((px - self.x_m) / CELL_M).astype(np.intp)
        row = ((py - self.y_m) / CELL_M).astype(np.intp)
        return row, column, np.linspace(0.0, road.length_m, len(x))

    def _paint(self, painted: npt.NDArray[np.uint8], road: Road, half_m: float, ink: int) -> None:
        left = half_m if len(road.lanes) == 2 else half_m - LANE_WIDTH_M
        row, column, _ = self._strokes(road, -half_m, left)
        painted[row, column] = ink

    def _mark(self, painted: npt.NDArray[np.uint8], road: Road) -> None:
        for edge in (-LANE_WIDTH_M, LANE_WIDTH_M):
            row, column, _ = self._strokes(road, edge - _MARK_HALF_M, edge + _MARK_HALF_M)
            painted[row, column] = 3
        row, column, along = self._strokes(road, -_MARK_HALF_M, _MARK_HALF_M)
        dashes = along % _DASH_PERIOD_M < _DASH_M
        painted[row[dashes], column[dashes]] = 3


def pack_bgra(color: npt.ArrayLike) -> npt.NDArray[np.uint32]:
    """Return colours `[..., 3]` (blue, green, red) as opaque BGRA words."""
    channels = np.asarray(color).astype(np.uint32)
    packed = channels[..., 0] | channels[..., 1] << 8 | channels[..., 2] << 16 | 0xFF000000
    return np.asarray(packed, np.uint32)


def _words() -> npt.NDArray[np.uint32]:
    """Return the colour of every ink in every grain, `uint32[4 * _GRAINS]`."""
    inks = np.array([GRASS, KERB, ASPHALT, MARK])[:, None, :]
    grains = np.arange(_GRAINS)[None, :, None] - _GRAINS // 2
    return pack_bgra(np.clip(inks + grains, 0, 255)).ravel()


def _coarsened(channels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return means over squares of 3 by 3 cells."""
    sums = np.zeros((channels.shape[0] // 3, channels.shape[1] // 3, 4), np.uint16)
    for row in range(3):
        for column in range(3):
            sums += channels[row::3, column::3]
    return np.asarray(sums // 9, np.uint8)


@lru_cache(maxsize=2)
def build_raster(map_name: str) -> GroundRaster:
    """Return the painted town; equal names share one object."""
    return GroundRaster(map_name)
