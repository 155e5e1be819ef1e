"""All vehicles of the world as arrays, so that a step costs the same for one and for twenty.

Positions are complex numbers (x + iy in m, CARLA's frame), yaw is in radians and grows to the right.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
ComplexArray = npt.NDArray[np.complex128]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


class Fleet:
    """Vehicles in the order of their spawning; every array has one entry per vehicle."""

    def __init__(self) -> None:
        self.id: IntArray = np.zeros(0, np.int64)
        self.position: ComplexArray = np.zeros(0, np.complex128)
        self.yaw_rad: FloatArray = np.zeros(0)
        self.speed_mps: FloatArray = np.zeros(0)
        """Along the vehicle, negative when it rolls back."""
        self.turn_rate: FloatArray = np.zeros(0)
        """rad/s."""
        self.acceleration: ComplexArray = np.zeros(0, np.complex128)
        """m/s^2, real part along the vehicle, imaginary part to its right."""
        self.half_length_m: FloatArray = np.zeros(0)
        self.half_width_m: FloatArray = np.zeros(0)
        self.height_m: FloatArray = np.zeros(0)
        self.mass_kg: FloatArray = np.zeros(0)
        self.shade: IntArray = np.zeros(0, np.int64)
        """Colour, 0xRRGGBB."""
        self.throttle: FloatArray = np.zeros(0)
        self.steer: FloatArray = np.zeros(0)
        self.brake: FloatArray = np.zeros(0)
        self.hand_brake: BoolArray = np.zeros(0, np.bool_)
        self.reverse: BoolArray = np.zeros(0, np.bool_)
        self.manual_gear_shift: BoolArray = np.zeros(0, np.bool_)
        self.gear: IntArray = np.zeros(0, np.int64)
        self.physics: BoolArray = np.zeros(0, np.bool_)
        """False: only the client moves it, by setting its transform."""
        self.on_lane: BoolArray = np.zeros(0, np.bool_)
        """True: the double's own traffic drives it; False: its controls do."""
        self.lane: IntArray = np.zeros(0, np.int64)
        self.next_lane: IntArray = np.zeros(0, np.int64)
        self.travelled_m: FloatArray = np.zeros(0)
        """Way on the lane."""
        self.wanted_mps: FloatArray = np.zeros(0)
        self.granted: IntArray = np.zeros(0, np.int64)
        """Way through a junction that the vehicle may take or is on, or -1."""

    def __len__(self) -> int:
        return len(self.id)

    def add(self, **values: Any) -> int:
        """Append a vehicle, with 0 where no value is given, and return its row."""
        for name, array in vars(self).items():
            setattr(self, name, np.append(array, np.asarray(values.get(name, 0), array.dtype)))
        return len(self.id) - 1

    def remove(self, row: int) -> None:
        """Take a vehicle out; the rows behind it move up."""
        for name, array in vars(self).items():
            setattr(self, name, np.delete(array, row))
