"""What sensors see, and when; the images come from `camera`."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from carla_double.sensors.camera import Camera
from carla_double.wire import payloads
from carla_double.wire.encodings import CallError, Transform
from carla_double.world.actors import Actor
from carla_double.world.world import World

EARTH_RADIUS_M = 6_378_137.0
ORIGIN_LATITUDE, ORIGIN_LONGITUDE = 42.0, 2.0
LARGEST_IMAGE = 4096
GRAVITY_MPS2 = 9.81


class Sensor:
    """One sensor that the server computes.

    Raises:
        CallError: An attribute has a value that it cannot have.
    """

    def __init__(self, actor: Actor, world: World) -> None:
        assert actor.stream_id is not None
        self.actor = actor
        self.stream_id = actor.stream_id
        self._world = world
        self._kind = actor.blueprint.id
        self._due_s = -math.inf
        self._tick_s = actor.number("sensor_tick") if "sensor_tick" in actor.attributes else 0.0
        self._camera = _camera(actor) if self._kind == "sensor.camera.rgb" else None
        self._range_m = actor.number("distance") if self._kind == "sensor.other.obstacle" else 0.0
        self.is_camera = self._camera is not None
        """Images are large; everything else is published first."""
        self.plain: int | None = None
        """A fault: the grey level of all pixels."""

    def observe(self, stream_port: int) -> Iterator[bytes]:
        """Yield the messages of the newest frame: none, one, or one per event."""
        world = self._world
        if self._tick_s > 0.0:
            if world.elapsed_s < self._due_s - 1e-6:
                return
            after = self._due_s + self._tick_s
            self._due_s = after if after > world.elapsed_s else world.elapsed_s + self._tick_s
        if self._kind == "sensor.other.collision":
            yield from self._collisions(stream_port)
            return
        at = world.transform_of(self.actor.id)
        if self._camera is not None:
            yield payloads.image(
                world.frame,
                world.elapsed_s,
                at,
                width=self._camera.width,
                height=self._camera.height,
                fov=self._camera.fov_degrees,
                bgra=self._camera.render(world, at)
                if self.plain is None
                else self._camera.plain(self.plain),
            )
        elif self._kind == "sensor.other.gnss":
            yield _gnss(world, at)
        elif self._kind == "sensor.other.imu":
            yield self._imu(at)
        elif self._kind == "sensor.other.obstacle":
            yield from self._obstacles(at, stream_port)

    def _collisions(self, stream_port: int) -> Iterator[bytes]:
        world, parent = self._world, self.actor.parent
        for contact in world.contacts:
            if parent not in (contact.actor, contact.other):
                continue
            own, other = (
                world.actors.get(parent),
                world.actors.get(contact.other if parent == contact.actor else contact.actor),
            )
            if own is None or other is None:
                continue
            sign = 1.0 if parent == contact.actor else -1.0
            x, y, z = contact.impulse
            yield payloads.collision(
                world.frame,
                world.elapsed_s,
                world.transform_of(self.actor.id),
                actor=own.encode(stream_port),
                other=other.encode(stream_port),
                impulse=(sign * x, sign * y, sign * z),
            )

    def _obstacles(self, at: Transform, stream_port: int) -> Iterator[bytes]:
        """Yield the nearest vehicle in a corridor ahead."""
        world, fleet = self._world, self._world.fleet
        own = world.actors.get(self.actor.parent)
        if own is None or not len(fleet):
            return
        relative = (fleet.position - complex(at.x, at.y)) * np.exp(-1j * math.radians(at.yaw))
        distance = relative.real - fleet.half_length_m
        hit = (np.abs(relative.imag) < fleet.half_width_m + 0.5) & (fleet.id != own.id)
        hit &= (distance > 0.0) & (distance < self._range_m)
        if not hit.any():
            return
        row = int(np.argmin(np.where(hit, distance, np.inf)))
        yield payloads.obstacle(
            world.frame,
            world.elapsed_s,
            at,
            actor=own.encode(stream_port),
            other=world.actors[int(fleet.id[row])].encode(stream_port),
            distance_m=float(distance[row]),
        )

    def _imu(self, at: Transform) -> bytes:
        world = self._world
        acceleration, turn_rate = 0j, 0.0
        if self.actor.parent in world.actors and world.actors[self.actor.parent].is_vehicle:
            row = world.row_of(self.actor.parent)
            acceleration = complex(world.fleet.acceleration[row])
            turn_rate = float(world.fleet.turn_rate[row])
        # North is -y in CARLA: a yaw of -90 degrees is a compass of 0.
        compass = math.radians(at.yaw + 90.0) % (2.0 * math.pi)
        return payloads.imu(
            world.frame,
            world.elapsed_s,
            at,
            acceleration=(acceleration.real, acceleration.imag, GRAVITY_MPS2),
            turn_rate=(0.0, 0.0, turn_rate),
            compass_rad=compass,
        )


def _gnss(world: World, at: Transform) -> bytes:
    """Return a position on a sphere; its signs are those of the client's own conversion."""
    latitude = ORIGIN_LATITUDE + math.degrees(at.y / EARTH_RADIUS_M)
    longitude = ORIGIN_LONGITUDE + math.degrees(
        at.x / (EARTH_RADIUS_M * math.cos(math.radians(ORIGIN_LATITUDE)))
    )
    return payloads.gnss(world.frame, world.elapsed_s, at, latitude=latitude, longitude=longitude)


def _camera(actor: Actor) -> Camera:
    width, height = (int(actor.number(f"image_size_{axis}", 1.0)) for axis in "xy")
    if max(width, height) > LARGEST_IMAGE:
        raise CallError(f"sensor.camera.rgb: images have at most {LARGEST_IMAGE} pixels a side")
    fov = actor.number("fov", 1.0)
    if fov >= 179.0:
        raise CallError(f"sensor.camera.rgb: fov is {fov}, give less than 179 degrees")
    return Camera(width, height, fov)
