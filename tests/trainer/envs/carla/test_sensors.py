"""Matching images with frames, without a simulator: late, lost and early images, stale events."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from trainer.envs.carla.config import CarlaConfig
from trainer.envs.carla.sensors import CarlaSensors, grey


class FakeSensor:
    def __init__(self, kind):
        self.kind = kind

    def listen(self, callback):
        self.send = callback


class FakeSession:
    """Hands out sensors whose data the test sends itself."""

    carla = SimpleNamespace(
        Transform=lambda *_: None,
        Location=lambda **_: None,
        Rotation=lambda **_: None,
    )

    def __init__(self):
        self.config = CarlaConfig(camera_size=2, server={"camera_timeout_s": 0.2})
        self.blueprints = SimpleNamespace(find=self._blueprint)
        self.world = SimpleNamespace(spawn_actor=lambda kind, *_, **__: FakeSensor(kind.id))

    def _blueprint(self, name):
        return SimpleNamespace(id=name, set_attribute=lambda *_: None)

    def asking(self, _):
        import contextlib

        return contextlib.nullcontext()


def image(frame, level=0):
    pixels = np.full((2, 2, 4), level, np.uint8)
    return SimpleNamespace(frame=frame, width=2, height=2, raw_data=pixels.tobytes())


@pytest.fixture
def sensors():
    return CarlaSensors(FakeSession(), ego=None)


def send(sensors, kind, **data):
    sensor = next(s for s in sensors.actors if s.kind == kind)
    sensor.send(SimpleNamespace(**data) if data else None)


def show(sensors, *images):
    for one in images:
        sensors.actors[0].send(one)


def test_images_left_from_a_stall_are_thrown_away(sensors):
    show(sensors, image(1, 10), image(2, 20), image(3, 30))
    assert (sensors.image(3) == 30).all()


def test_a_late_image_is_waited_for(sensors):
    threading.Timer(0.05, show, (sensors, image(7, 70))).start()
    assert (sensors.image(7) == 70).all()


def test_a_lost_image_is_none_after_the_time_limit(sensors):
    show(sensors, image(4))
    began = time.monotonic()
    assert sensors.image(5) is None
    assert time.monotonic() - began >= 0.2


def test_an_early_image_waits_for_its_turn(sensors):
    show(sensors, image(9, 90))
    assert sensors.image(8) is None
    assert (sensors.image(9) == 90).all()


def test_a_collision_counts_at_the_tick_after_its_own(sensors):
    send(sensors, "sensor.other.collision", frame=5)
    send(sensors, "sensor.other.collision", frame=5)
    assert not sensors.collided(before=5)
    assert sensors.collided(before=6)
    assert not sensors.collided(before=7)


def test_crossed_markings_are_counted_once(sensors):
    for frame in (3, 3, 4):
        send(sensors, "sensor.other.lane_invasion", frame=frame)
    assert [sensors.invasions(before=frame) for frame in (3, 4, 5, 6)] == [0, 2, 1, 0]


def test_grey_is_luma():
    colors = {(255, 255, 255): 255, (255, 0, 0): 28, (0, 255, 0): 149, (0, 0, 255): 76}
    for (blue, green, red), level in colors.items():
        pixels = np.full((2, 2, 4), (blue, green, red, 255), np.uint8)
        picture = SimpleNamespace(width=2, height=2, raw_data=pixels.tobytes())
        assert (grey(picture) == level).all()
