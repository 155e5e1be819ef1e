"""What goes over the sensor streams: a header of 48 bytes and a body, all packed little-endian.

A malformed payload ends the client's process without an exception, so sizes are fixed by types.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Any

import msgpack
import numpy as np

from carla_double.wire.encodings import Encoded, Transform


class SensorType(IntEnum):
    """Place of a sensor in the registry of the 0.9.16 client; it moves between versions."""

    COLLISION = 0
    GNSS = 4
    IMU = 5
    OBSTACLE = 7
    RGB_CAMERA = 13
    EPISODE_STATE = 17


_HEADER = struct.Struct("<QQd6f")
_STATE = struct.Struct("<QdfiiiI")
_IMAGE = struct.Struct("<IIf")
MAP_CHANGED = 1
"""Flag of the simulation state: the client must ask for the map again."""

ACTOR_RECORD = np.dtype(
    [
        ("id", "<u4"),
        ("state", "u1"),
        ("x", "<f4"),
        ("y", "<f4"),
        ("z", "<f4"),
        ("pitch", "<f4"),
        ("yaw", "<f4"),
        ("roll", "<f4"),
        ("vx", "<f4"),
        ("vy", "<f4"),
        ("vz", "<f4"),
        ("wx", "<f4"),
        ("wy", "<f4"),
        ("wz", "<f4"),
        ("ax", "<f4"),
        ("ay", "<f4"),
        ("az", "<f4"),
        ("throttle", "<f4"),
        ("steer", "<f4"),
        ("brake", "<f4"),
        ("hand_brake", "?"),
        ("reverse", "?"),
        ("manual_gear_shift", "?"),
        ("gear", "<i4"),
        ("speed_limit", "<f4"),
        ("traffic_light_state", "u1"),
        ("has_traffic_light", "?"),
        ("traffic_light", "<u4"),
        ("failure", "u1"),
        ("unused", "V24"),
    ]
)
"""One actor in the episode state, 119 bytes: m, degrees, m/s, degrees/s, m/s^2, km/h."""
ACTIVE = 1
"""State of every actor of the double."""
NO_TRAFFIC_LIGHT = 4
"""Traffic light state 'unknown'."""


def header(sensor: SensorType, frame: int, elapsed_s: float, at: Transform) -> bytes:
    """Return the 48 bytes before every body."""
    return _HEADER.pack(sensor, frame, elapsed_s, at.x, at.y, at.z, at.pitch, at.yaw, at.roll)


def episode_state(
    *,
    frame: int,
    elapsed_s: float,
    episode: int,
    platform_s: float,
    delta_s: float,
    flags: int,
    actors: bytes,
) -> bytes:
    """Return the message from which the client builds its snapshot.

    Args:
        frame: Number of the frame; a message with an older one is ignored.
        elapsed_s: Simulated time.
        episode: Which episode; a new number tells the client that the world was reloaded.
        platform_s: Time of the machine.
        delta_s: Simulated time since the frame before.
        flags: 0 or `MAP_CHANGED`.
        actors: Records of every living actor; one that is missing counts as dead.
    """
    body = _STATE.pack(episode, platform_s, delta_s, 0, 0, 0, flags)
    return header(SensorType.EPISODE_STATE, frame, elapsed_s, Transform()) + body + actors


def image(
    frame: int, elapsed_s: float, at: Transform, *, width: int, height: int, fov: float, bgra: bytes
) -> bytes:
    """Return a camera image; `bgra` holds 4 bytes per pixel, rows from above."""
    if len(bgra) != width * height * 4:
        raise ValueError(f"an image of {width}x{height} needs {width * height * 4} bytes")
    head = header(SensorType.RGB_CAMERA, frame, elapsed_s, at)
    return b"".join((head, _IMAGE.pack(width, height, fov), bgra))


def collision(
    frame: int,
    elapsed_s: float,
    at: Transform,
    *,
    actor: Encoded,
    other: Encoded,
    impulse: tuple[float, float, float],
) -> bytes:
    """Return a collision event; the impulse is in N s."""
    return header(SensorType.COLLISION, frame, elapsed_s, at) + _pack([actor, other, list(impulse)])


def obstacle(
    frame: int,
    elapsed_s: float,
    at: Transform,
    *,
    actor: Encoded,
    other: Encoded,
    distance_m: float,
) -> bytes:
    """Return an obstacle event."""
    return header(SensorType.OBSTACLE, frame, elapsed_s, at) + _pack([actor, other, distance_m])


def gnss(
    frame: int, elapsed_s: float, at: Transform, *, latitude: float, longitude: float
) -> bytes:
    """Return a position on Earth, in degrees and m above the sea."""
    return header(SensorType.GNSS, frame, elapsed_s, at) + _pack([latitude, longitude, at.z])


def imu(
    frame: int,
    elapsed_s: float,
    at: Transform,
    *,
    acceleration: tuple[float, float, float],
    turn_rate: tuple[float, float, float],
    compass_rad: float,
) -> bytes:
    """Return accelerations (m/s^2) and turn rates (rad/s) in the sensor's frame."""
    return header(SensorType.IMU, frame, elapsed_s, at) + _pack(
        [list(acceleration), list(turn_rate), compass_rad]
    )


def _pack(body: Any) -> bytes:
    return bytes(msgpack.packb(body, use_bin_type=True))
