"""The sensors on the controlled vehicle: camera, collision and lane invasion.

Sensor data arrives on threads of the client library, each sensor on a connection of its own. The
camera's images are matched with the simulation by their frame number; the other events are counted
at the tick after theirs, because they may come later than the image of their own tick.
"""

from __future__ import annotations

import queue
import time
from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

from trainer.envs.carla.config import CarlaConfig
from trainer.envs.carla.session import CarlaSession

_BLUE, _GREEN, _RED = 29, 150, 77
"""Weights of ITU-R BT.601 luma in 256ths."""


class CarlaSensors:
    """Spawns, listens to and removes the sensors of one vehicle."""

    def __init__(self, session: CarlaSession, ego: Any) -> None:
        """Attach the sensors and begin to listen, once each.

        Raises:
            SimulatorLostError: A call failed.
        """
        self._session = session
        self._images: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._early: Any = None
        self._collisions: deque[int] = deque()
        self._invasions: deque[int] = deque()
        self.actors: list[Any] = []
        config = session.config
        with session.asking("attach sensors"):
            if config.camera_size:
                self._attach(self._camera(config), self._images.put, ego, _mount(session, config))
            for kind, frames in (
                ("sensor.other.collision", self._collisions),
                ("sensor.other.lane_invasion", self._invasions),
            ):
                blueprint = session.blueprints.find(kind)
                self._attach(blueprint, _count(frames), ego, session.carla.Transform())

    def image(self, frame: int) -> npt.NDArray[np.uint8] | None:
        """Wait for the camera image of a frame; None when it is lost.

        Images of earlier frames, left from a stall, are thrown away. An image of a later frame is
        kept until its turn.
        """
        deadline = time.monotonic() + self._session.config.server.camera_timeout_s
        while True:
            image = self._early
            if image is None:
                try:
                    image = self._images.get(timeout=max(0.0, deadline - time.monotonic()))
                except queue.Empty:
                    return None
            self._early = None
            if image.frame == frame:
                return grey(image)
            if image.frame > frame:
                self._early = image
                return None

    def collided(self, before: int) -> bool:
        """Tell whether a collision happened in a frame before `before`, and forget it."""
        return _take(self._collisions, before) > 0

    def invasions(self, before: int) -> int:
        """Return how often a lane marking was crossed before frame `before`, and forget it."""
        return _take(self._invasions, before)

    def stop(self) -> None:
        """Stop listening; a sensor that is removed while it listens may take the process along."""
        with self._session.asking("stop sensors"):
            for sensor in self.actors:
                sensor.stop()

    def _attach(self, blueprint: Any, callback: Any, ego: Any, mount: Any) -> None:
        sensor = self._session.world.spawn_actor(blueprint, mount, attach_to=ego)
        self.actors.append(sensor)
        sensor.listen(callback)

    def _camera(self, config: CarlaConfig) -> Any:
        blueprint = self._session.blueprints.find("sensor.camera.rgb")
        size = str(config.camera_size)
        for name, value in (
            ("image_size_x", size),
            ("image_size_y", size),
            ("fov", str(config.camera.fov_deg)),
        ):
            blueprint.set_attribute(name, value)
        return blueprint


def grey(image: Any) -> npt.NDArray[np.uint8]:
    """Return a `carla.Image` as grey levels, `uint8[height, width]`."""
    colors = np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)
    weighted = colors[:, :, 0] * np.uint16(_BLUE)
    weighted += colors[:, :, 1] * np.uint16(_GREEN)
    weighted += colors[:, :, 2] * np.uint16(_RED)
    return (weighted >> 8).astype(np.uint8)


def _mount(session: CarlaSession, config: CarlaConfig) -> Any:
    carla, camera = session.carla, config.camera
    return carla.Transform(
        carla.Location(x=camera.x_m, z=camera.z_m), carla.Rotation(pitch=camera.pitch_deg)
    )


def _count(frames: deque[int]) -> Any:
    # Only the frame is read: other members of a lane invasion event raise errors.
    return lambda event: frames.append(event.frame)


def _take(frames: deque[int], before: int) -> int:
    """Remove frames below `before` and return how many there were."""
    found = 0
    while frames and frames[0] < before:
        frames.popleft()
        found += 1
    return found
