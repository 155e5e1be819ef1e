"""Top-view camera: grey images of the road around a vehicle, turned into its heading.

An image is one look-up per pixel in the painted roads; other vehicles are drawn on top.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trainer.envs.drive.config import DriveConfig
from trainer.envs.drive.road_raster import build_raster
from trainer.envs.driving.limits import VEHICLE_LENGTH_M, VEHICLE_WIDTH_M
from trainer.envs.float_constant import constant

VEHICLE = 255
"""Grey level of the other vehicles."""
EGO = 140
"""Grey level of the vehicle that carries the camera."""
AHEAD_SHARE = 0.75
"""Share of the image that is ahead of the vehicle."""

_FIRST_PIXEL = constant(0.0)


class Camera:
    """Renders `uint8[n, size, size]` images; the vehicle heads up, at a quarter of the height."""

    def __init__(self, config: DriveConfig) -> None:
        size, span_m, shapes = config.camera_size, config.camera_span_m, config.roads
        self.size = size
        self.span_m = span_m
        self.ahead_m = AHEAD_SHARE * span_m
        self.behind_m = span_m - self.ahead_m
        self._pixel_m = span_m / size
        view_m = float(np.hypot(self.ahead_m, 0.5 * span_m))
        self._raster = build_raster(shapes, config.road_seed, self._pixel_m, view_m)
        cell_m = self._raster.cell_m
        self._cells_per_m = np.float32(1.0 / cell_m)
        row_of_square = np.tile(np.arange(shapes), 2) * self._raster.side
        reach = self._raster.reach_m / cell_m
        self._square_origin = (reach + 1j * (reach + row_of_square)).astype(np.complex64)
        steps = (np.arange(size) + 0.5) * self._pixel_m
        forward_m, left_m = self.ahead_m - steps, 0.5 * span_m - steps
        self._forward = (forward_m / cell_m).astype(np.complex64)
        self._left = (1j * left_m / cell_m).astype(np.complex64)
        self._pixels_per_m = np.float32(size / span_m)
        self._stamp = _rectangle(0.9 * self._pixel_m) * self._pixels_per_m
        self._origin_pixel = np.complex64(complex(self.ahead_m, 0.5 * span_m) * size / span_m)
        self._past_last_pixel = constant(size)
        self._middle = np.complex64(0.5 * (self.ahead_m - self.behind_m))
        self._seen_m = float(np.hypot(0.5 * span_m, 0.5 * span_m)) + 0.5 * VEHICLE_LENGTH_M
        ego_row, ego_column = np.nonzero(
            (np.abs(forward_m[:, None]) < 0.5 * VEHICLE_LENGTH_M)
            & (np.abs(left_m[None, :]) < 0.5 * VEHICLE_WIDTH_M)
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
        # The road's square in the stacked raster is chosen by moving down its column of squares.
        origin = position * self._cells_per_m
        origin += self._square_origin.take(road)
        along = direction[:, None] * self._forward
        along += origin[:, None]
        across = direction[:, None] * self._left
        column = (along.real[:, :, None] + across.real[:, None, :]).astype(np.int32)
        row = (along.imag[:, :, None] + across.imag[:, None, :]).astype(np.int32)
        row *= raster.side
        cell = np.add(row, column, dtype=np.intp)
        images: npt.NDArray[np.uint8] = raster.cells.take(cell, mode="wrap")
        images.reshape(len(images), -1)[:, self._ego_pixels] = EGO
        return images

    def draw_vehicles(
        self,
        images: npt.NDArray[np.uint8],
        relative_position: npt.NDArray[np.complex64],
        relative_direction: npt.NDArray[np.complex64],
    ) -> None:
        """Draw other vehicles into `images`, given in the frame of the vehicle with the camera.

        Args:
            images: `uint8[n, size, size]`, C-contiguous, changed in place.
            relative_position: Centres, real part ahead and imaginary part left,
                `complex64[n, vehicles]`.
            relative_direction: Unit vectors of their headings, `complex64[n, vehicles]`.
        """
        image, vehicle = (np.abs(relative_position - self._middle) < self._seen_m).nonzero()
        if not image.size:
            return
        centre = self._origin_pixel - relative_position[image, vehicle] * self._pixels_per_m
        points = centre[:, None] - relative_direction[image, vehicle][:, None] * self._stamp
        coordinates = points.view(np.float32)
        inside = coordinates >= _FIRST_PIXEL
        inside &= coordinates < self._past_last_pixel
        pixel = points.real.astype(np.intp)
        pixel += (image * self.size)[:, None]
        pixel *= self.size
        pixel += points.imag.astype(np.intp)
        images.reshape(-1)[pixel[inside[:, ::2] & inside[:, 1::2]]] = VEHICLE


def _rectangle(spacing_m: float) -> npt.NDArray[np.complex64]:
    """Return points that cover a vehicle's outline, at most `spacing_m` apart, `complex64[p]`."""
    along = int(np.ceil(VEHICLE_LENGTH_M / spacing_m)) + 1
    across = int(np.ceil(VEHICLE_WIDTH_M / spacing_m)) + 1
    x = np.linspace(-0.5 * VEHICLE_LENGTH_M, 0.5 * VEHICLE_LENGTH_M, along)
    y = np.linspace(-0.5 * VEHICLE_WIDTH_M, 0.5 * VEHICLE_WIDTH_M, across)
    return (x[:, None] + 1j * y).ravel().astype(np.complex64)
