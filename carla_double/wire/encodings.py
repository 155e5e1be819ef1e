"""Values as the client library encodes them: a C++ class is an array of its fields in order."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Encoded: TypeAlias = list[Any]

TOKEN = struct.Struct("<IHBB16s")
"""Stream id, port, protocol, kind of address, address."""
_TCP, _SAME_HOST = 1, 0


class CallError(Exception):
    """A call that the server refuses; the client raises RuntimeError with this text."""


def value(result: Any) -> Encoded:
    """Encode a `Response<T>` that holds a result."""
    return [[1, result]]


def no_value() -> Encoded:
    """Encode a `Response<void>` that succeeded."""
    return [[False]]


def refused(message: str, *, void: bool) -> Encoded:
    """Encode a response that holds an error; the encoding depends on whether T is void."""
    return [[True, [message]]] if void else [[0, [message]]]


def optional(result: Any) -> Encoded:
    """Encode an `optional<T>`; None is the empty one."""
    return [False] if result is None else [True, result]


def token(stream_id: int, port: int) -> bytes:
    """Encode where a stream can be subscribed: 24 bytes; the client uses the host it knows."""
    return TOKEN.pack(stream_id, port, _TCP, _SAME_HOST, bytes(16))


@dataclass(frozen=True)
class Transform:
    """A place and a direction in CARLA's frame: x ahead, y right, z up in m, angles in degrees."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    pitch: float = 0.0
    yaw: float = 0.0
    roll: float = 0.0

    @classmethod
    def decode(cls, encoded: Sequence[Any]) -> Transform:
        """Read `[[x, y, z], [pitch, yaw, roll]]`.

        Raises:
            CallError: It has another shape.
        """
        try:
            (x, y, z), (pitch, yaw, roll) = encoded
            return cls(float(x), float(y), float(z), float(pitch), float(yaw), float(roll))
        except (TypeError, ValueError) as error:
            raise CallError(f"not a transform: {encoded!r}"[:200]) from error

    def encode(self) -> Encoded:
        """Return the client's encoding."""
        return [[self.x, self.y, self.z], [self.pitch, self.yaw, self.roll]]


@dataclass(frozen=True, kw_only=True)
class Box:
    """A bounding box around an actor's origin."""

    half_length_m: float
    half_width_m: float
    half_height_m: float
    centre_height_m: float

    def encode(self, actor_id: int) -> Encoded:
        """Return the client's encoding."""
        return [
            [0.0, 0.0, self.centre_height_m],
            [self.half_length_m, self.half_width_m, self.half_height_m],
            [0.0, 0.0, 0.0],
            actor_id,
        ]


@dataclass(frozen=True, kw_only=True)
class VehicleControl:
    """What drives a vehicle."""

    throttle: float = 0.0
    """In [0, 1]."""
    steer: float = 0.0
    """In [-1, 1], positive to the right."""
    brake: float = 0.0
    """In [0, 1]."""
    hand_brake: bool = False
    reverse: bool = False
    manual_gear_shift: bool = False
    gear: int = 0

    @classmethod
    def decode(cls, encoded: Sequence[Any]) -> VehicleControl:
        """Read the seven fields; values out of range are clipped, as the engine does.

        Raises:
            CallError: It has another shape.
        """
        try:
            throttle, steer, brake, hand_brake, reverse, manual, gear = encoded[:7]
            return cls(
                throttle=_clip(throttle, 0.0),
                steer=_clip(steer, -1.0),
                brake=_clip(brake, 0.0),
                hand_brake=bool(hand_brake),
                reverse=bool(reverse),
                manual_gear_shift=bool(manual),
                gear=int(gear),
            )
        except (TypeError, ValueError) as error:
            raise CallError(f"not a vehicle control: {encoded!r}"[:200]) from error


def _clip(number: float, least: float) -> float:
    # NaN compares false with everything: it must not reach the vehicle's position.
    return min(max(number, least), 1.0) if number == number else 0.0


@dataclass(frozen=True, kw_only=True)
class EpisodeSettings:
    """How the simulation runs."""

    synchronous_mode: bool = False
    no_rendering_mode: bool = False
    fixed_delta_s: float | None = None
    others: tuple[Any, ...] = (True, 0.01, 10, 0.0, False, 3000.0, 2000.0, True)
    """The eight settings that the double only stores and returns."""

    @classmethod
    def decode(cls, encoded: Sequence[Any]) -> EpisodeSettings:
        """Read the fields; missing ones at the end keep their default.

        Raises:
            CallError: It has another shape, or the time step is not positive.
        """
        try:
            synchronous, no_rendering, delta, *others = encoded
            fixed = float(delta[1]) if delta[0] else None
        except (TypeError, ValueError, IndexError) as error:
            raise CallError(f"not episode settings: {encoded!r}"[:200]) from error
        # The client writes 0 for "not fixed".
        if fixed is not None and not fixed > 0.0:
            fixed = None
        defaults = cls().others
        return cls(
            synchronous_mode=bool(synchronous),
            no_rendering_mode=bool(no_rendering),
            fixed_delta_s=fixed,
            others=(*others, *defaults[len(others) :]),
        )

    def encode(self) -> Encoded:
        """Return the client's encoding."""
        return [
            self.synchronous_mode,
            self.no_rendering_mode,
            optional(self.fixed_delta_s),
            *self.others,
        ]
