"""A pinhole camera over the painted ground, with sky, skyline and other vehicles as boxes.

It is no rendering of CARLA's assets, but what it shows depends on the pose as a real image does:
lane marks converge, bends open, vehicles grow when they come closer. Roll is ignored.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from carla_double.town.ground_raster import CELL_M, COARSER, HAZE, build_raster, pack_bgra
from carla_double.wire.encodings import Transform
from carla_double.world.world import World

FARTHEST_M = 140.0
"""Ground farther away is haze, and vehicles are not drawn."""
NEAREST_M = 0.4
_FINER_THAN_M = (0.35, 1.1)
_SKYLINE_COLUMNS = 2048
_GLASS_SHARE = 0.42
_HAZES = 128
"""Steps in which vehicles fade to haze over the farthest distance."""
_GLASS = (70, 58, 50)


class Camera:
    """Renders BGRA images of one size and field of view.

    Args:
        width: In pixels.
        height: In pixels.
        fov_degrees: Horizontal field of view.
    """

    def __init__(self, width: int, height: int, fov_degrees: float) -> None:
        self.width, self.height, self.fov_degrees = width, height, fov_degrees
        self._focal = 0.5 * width / math.tan(0.5 * math.radians(fov_degrees))
        self._right = (np.arange(width) + 0.5 - 0.5 * width) / self._focal
        self._down = (np.arange(height) + 0.5 - 0.5 * height) / self._focal
        self._rows = np.arange(height)[:, None]
        self._mounted: tuple[float, float] | None = None
        self._image = np.empty((height, width), np.uint32)
        self._painted: npt.NDArray[np.int64] | None = None
        self._paints: npt.NDArray[np.uint32]

    def plain(self, grey: int) -> bytes:
        """Return an image of one grey level; 0 is an image without light."""
        return bytes([grey]) * (4 * self.width * self.height)

    def render(self, world: World, at: Transform) -> bytes:
        """Return what the camera sees of the newest frame, `4 * width * height` bytes."""
        if self._mounted != (at.z, at.pitch):
            self._mount(at.z, at.pitch)
        image, yaw = self._image, math.radians(at.yaw)
        self._draw_sky(image, yaw)
        self._draw_ground(image, world, at, yaw)
        self._draw_vehicles(image, world, at, yaw)
        light = _light(world.weather)
        if light is not None:
            lit = light.take(image.view(np.uint8)).view(np.uint32)
            lit |= _OPAQUE
            return lit.tobytes()
        return image.tobytes()

    def _mount(self, height_m: float, pitch_degrees: float) -> None:
        """Precompute where the rays of every pixel meet the ground."""
        self._mounted = (height_m, pitch_degrees)
        pitch = math.radians(pitch_degrees)
        self._pitch_slope = math.tan(pitch)
        down = self._down * math.cos(pitch) - math.sin(pitch)
        ahead = math.cos(pitch) + self._down * math.sin(pitch)
        with np.errstate(divide="ignore"):
            far = np.where(down > 1e-6, height_m / down, np.inf)
        depth_m = far * ahead
        ground = (down > 1e-6) & (depth_m < FARTHEST_M) & (height_m > 0.0)
        # Without roll a row has one depth, and the ground is a block of rows at the bottom.
        self._first = int(np.argmax(ground)) if ground.any() else self.height
        footprint = far[self._first :] / self._focal
        level = np.searchsorted(_FINER_THAN_M, footprint)
        self._bands = []
        for number in range(len(COARSER)):
            rows = np.flatnonzero(level == number)
            if rows.size:
                band = slice(self._first + rows[0], self._first + rows[-1] + 1)
                rays = depth_m[band, None] + 1j * far[band, None] * self._right
                cell = CELL_M * COARSER[number]
                self._bands.append((number, band, (rays / cell).astype(np.complex64)))
        self._sky = _sky(self._down, self._pitch_slope, self._first)
        turn = np.arctan(self._right) / (2.0 * np.pi) * _SKYLINE_COLUMNS
        self._sky_columns = turn.astype(np.intp)

    def _draw_sky(self, image: npt.NDArray[np.uint32], yaw: float) -> None:
        if self._first:
            columns = self._sky_columns + round(yaw / (2.0 * math.pi) * _SKYLINE_COLUMNS)
            columns %= _SKYLINE_COLUMNS
            image[: self._first] = self._sky.take(columns, axis=1)

    def _draw_ground(
        self, image: npt.NDArray[np.uint32], world: World, at: Transform, yaw: float
    ) -> None:
        raster = build_raster(world.map_name)
        direction = complex(math.cos(yaw), math.sin(yaw))
        origin = complex(at.x - raster.x_m, at.y - raster.y_m) / CELL_M
        for number, rows, rays in self._bands:
            painting = raster.levels[number]
            points = rays * np.complex64(direction)
            points += np.complex64(origin / COARSER[number])
            row, column = points.imag.astype(np.intp), points.real.astype(np.intp)
            row *= painting.shape[1]
            row += column
            painting.ravel().take(row, mode="clip", out=image[rows])

    def _draw_vehicles(
        self, image: npt.NDArray[np.uint32], world: World, at: Transform, yaw: float
    ) -> None:
        fleet = world.fleet
        relative = (fleet.position - complex(at.x, at.y)) * np.exp(-1j * yaw)
        seen = (relative.real > -3.0) & (relative.real < FARTHEST_M)
        seen &= np.abs(relative.imag) < relative.real * abs(self._right[0]) + 8.0
        chosen = np.flatnonzero(seen)
        if not chosen.size:
            return
        heading = np.exp(1j * (fleet.yaw_rad[chosen] - yaw))
        back = heading.conj()[:, None]
        start = -relative[chosen][:, None] * back
        way = (1.0 + 1j * self._right) * back
        with np.errstate(divide="ignore", invalid="ignore"):
            half = fleet.half_length_m[chosen][:, None]
            one, two = (-half - start.real) / way.real, (half - start.real) / way.real
            half = fleet.half_width_m[chosen][:, None]
            three, four = (-half - start.imag) / way.imag, (half - start.imag) / way.imag
            ends, sides = np.minimum(one, two), np.minimum(three, four)
            enter = np.maximum(ends, sides)
            leave = np.minimum(np.maximum(one, two), np.maximum(three, four))
        hit = (enter < leave) & (enter > NEAREST_M)
        depth = np.where(hit, enter, np.inf)
        nearest = depth.argmin(axis=0)
        columns = np.flatnonzero(hit.any(axis=0))
        if not columns.size:
            return
        nearest = nearest[columns]
        depth = depth[nearest, columns]
        top = self._row_of(fleet.height_m[chosen][nearest] - at.z, depth)
        bottom = self._row_of(-at.z, depth)
        paints = self._paints_of(fleet.shade)
        haze = np.minimum(depth * (_HAZES / FARTHEST_M), _HAZES).astype(np.intp)
        color = paints[chosen[nearest], (ends > sides)[nearest, columns] * 1, haze]
        first, last = max(math.ceil(top.min()), 0), min(math.ceil(bottom.max()), self.height)
        if first >= last:
            return
        rows = self._rows[first:last]
        part = image[first:last]
        body = (rows >= top) & (rows < bottom)
        glass = body & (rows < top + _GLASS_SHARE * (bottom - top))
        glass &= rows >= top + 0.1 * (bottom - top)
        picked = part[:, columns]
        np.copyto(picked, color, where=body)
        np.copyto(picked, _GLASS_WORD, where=glass)
        part[:, columns] = picked

    def _paints_of(self, shade: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32]:
        """Return `_paints` of the vehicles; they change only when vehicles come or go."""
        if shade is not self._painted:
            self._painted, self._paints = shade, _paints(shade)
        return self._paints

    def _row_of(
        self, height_m: float | npt.NDArray[np.float64], depth_m: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Return the (fractional) row of points so far ahead and so high above the camera."""
        slope = height_m / depth_m
        below = (self._pitch_slope - slope) / (1.0 + self._pitch_slope * slope)
        return np.asarray(0.5 * self.height - 0.5 + below * self._focal)


_OPAQUE = np.uint32(0xFF000000)
_GLASS_WORD = pack_bgra(_GLASS)


def _paints(shade: npt.NDArray[np.int64]) -> npt.NDArray[np.uint32]:
    """Return the colours of vehicles, `uint32[vehicles, 2, _HAZES + 1]`.

    Sides (0) are darker than ends (1), and with the distance everything fades to haze.
    """
    bgr = np.stack([shade & 255, shade >> 8 & 255, shade >> 16 & 255], axis=-1)
    lit = bgr[:, None, None] * np.array((0.72, 1.0))[:, None, None]
    haze = np.linspace(0.0, 0.5, _HAZES + 1)[:, None]
    return pack_bgra(lit * (1.0 - haze) + np.array(HAZE) * haze)


def _sky(down: npt.NDArray[Any], pitch_slope: float, rows: int) -> npt.NDArray[np.uint32]:
    """Return the rows above the ground all around, `uint32[rows, _SKYLINE_COLUMNS]`."""
    up = np.arctan(-down[:rows]) + math.atan(pitch_slope)
    share = np.clip(up / 0.9, 0.0, 1.0)[:, None, None]
    zenith = np.array((214.0, 150.0, 96.0))
    sky = np.array(HAZE) * (1.0 - share) + zenith * share
    sky = np.broadcast_to(sky, (rows, _SKYLINE_COLUMNS, 3)).copy()
    # Roofs of a town all around: without them a turn on the spot would not change the upper half.
    rng = np.random.default_rng(1)
    roof = np.repeat(rng.uniform(0.01, 0.11, _SKYLINE_COLUMNS // 32), 32)
    wall = np.repeat(rng.uniform(0.55, 0.9, _SKYLINE_COLUMNS // 32), 32)
    house = up[:, None] < roof
    tone = np.array((150.0, 160.0, 172.0)) * wall[:, None]
    sky = np.where(house[:, :, None], np.broadcast_to(tone, sky.shape), sky)
    return pack_bgra(sky)


def _light(weather: tuple[float, ...]) -> npt.NDArray[np.uint8] | None:
    """Return how brightness changes with the weather, `uint8[256]`; None: not at all."""
    cloudiness, precipitation, sun_altitude, fog = weather[0], weather[1], weather[5], weather[6]
    sun = min(max((sun_altitude + 10.0) / 40.0, 0.15), 1.0)
    gain = sun * (1.0 - 0.003 * max(cloudiness - 10.0, 0.0) - 0.001 * precipitation)
    veil = min(max(fog - 5.0, 0.0) / 200.0, 0.45)
    if gain > 0.999 and veil == 0.0:
        return None
    table = np.arange(256) * gain * (1.0 - veil) + 190.0 * veil * gain
    return np.asarray(np.clip(table, 1, 255), np.uint8)
