"""A small client over the genuine `carla` wheel: a vehicle with sensors in synchronous mode."""

from __future__ import annotations

import queue
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

carla = pytest.importorskip("carla", reason="pip install 'gonogo[carla]' for the genuine client")

STEP_S = 0.05


class DrivingClient:
    """Connects to a server, makes it synchronous and puts a vehicle with sensors on the road."""

    def __init__(self, port: int, *, timeout_s: float = 10.0, sensors: bool = True) -> None:
        self.client = carla.Client("127.0.0.1", port, 1)
        self.client.set_timeout(timeout_s)
        self.world = self.client.get_world()
        self.synchronise()
        self.map = self.world.get_map()
        self.places = self.map.get_spawn_points()
        self.library = self.world.get_blueprint_library()
        self.images: queue.Queue[Any] = queue.Queue()
        self.collisions: list[tuple[int, int]] = []
        self.invasions: list[tuple[int, list[str]]] = []
        self.sensors: list[Any] = []
        self.ego: Any = None
        self.camera: Any = None
        if sensors:
            self.set_up()

    def synchronise(self) -> None:
        """Let the server wait for ticks."""
        settings = self.world.get_settings()
        settings.synchronous_mode = True
        settings.fixed_delta_seconds = STEP_S
        self.world.apply_settings(settings)

    def let_go(self) -> None:
        """Let the server run by itself; a client that joins a waiting one takes a second longer."""
        settings = self.world.get_settings()
        settings.synchronous_mode = False
        settings.fixed_delta_seconds = None
        self.world.apply_settings(settings)

    def set_up(self, place: int = 0) -> None:
        """Spawn the vehicle, a camera, and sensors of collisions and crossed lane marks."""
        self.ego = self.spawn(self.places[place], role="hero")
        self.camera = self.attach("sensor.camera.rgb", z=1.7, image_size_x=84, image_size_y=84)
        collision = self.attach("sensor.other.collision")
        invasion = self.attach("sensor.other.lane_invasion")
        self.camera.listen(self.images.put)
        collision.listen(lambda e: self.collisions.append((e.frame, e.other_actor.id)))
        invasion.listen(
            lambda e: self.invasions.append(
                (e.frame, [str(m.type) for m in e.crossed_lane_markings])
            )
        )

    def spawn(self, at: Any, *, role: str, blueprint: str = "vehicle.tesla.model3") -> Any:
        """Spawn a vehicle."""
        found = self.library.find(blueprint)
        found.set_attribute("role_name", role)
        return self.world.spawn_actor(found, at)

    def attach(self, blueprint: str, *, z: float = 1.0, **attributes: object) -> Any:
        """Attach a sensor to the vehicle."""
        found = self.library.find(blueprint)
        for name, value in attributes.items():
            found.set_attribute(name, str(value))
        sensor = self.world.spawn_actor(
            found, carla.Transform(carla.Location(x=0.5, z=z)), attach_to=self.ego
        )
        self.sensors.append(sensor)
        return sensor

    def step(
        self, throttle: float = 0.0, steer: float = 0.0, brake: float = 0.0
    ) -> tuple[int, npt.NDArray[np.uint8]]:
        """Control the vehicle for one frame; return its number and the image that belongs to it."""
        self.ego.apply_control(carla.VehicleControl(throttle=throttle, steer=steer, brake=brake))
        frame = self.world.tick()
        image = self.images.get(timeout=120)
        while image.frame < frame:
            image = self.images.get(timeout=120)
        assert image.frame == frame
        # The memory goes with the image: a view of it would soon show something else.
        pixels = np.frombuffer(image.raw_data, np.uint8).copy()
        return frame, pixels.reshape(image.height, image.width, 4)

    def tear_down(self) -> None:
        """Stop and destroy what was set up."""
        for sensor in self.sensors:
            sensor.stop()
        gone = [*self.sensors, *([self.ego] if self.ego else [])]
        destroy = carla.command.DestroyActor
        self.client.apply_batch_sync([destroy(actor.id) for actor in gone], False)
        self.sensors, self.ego = [], None
        self.world.tick()
