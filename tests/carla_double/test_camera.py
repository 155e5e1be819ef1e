from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from carla_double.sensors.camera import Camera
from carla_double.wire.encodings import Transform
from carla_double.world.actors import Description
from carla_double.world.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return World("Town02")


def shot(world: World, at: Transform, width: int = 84, height: int = 84) -> npt.NDArray[np.int64]:
    data = Camera(width, height, 90.0).render(world, at)
    return np.frombuffer(data, np.uint8).reshape(height, width, 4).astype(np.int64)


ON_A_STREET = Transform(40.0, -2.0 - 0.0, 1.6)


@pytest.mark.parametrize("size", [(84, 84), (200, 88), (320, 240), (1, 1)])
def test_images_have_the_asked_size_and_are_not_black(world: World, size: tuple[int, int]) -> None:
    image = shot(world, ON_A_STREET, *size)
    assert image.shape == (size[1], size[0], 4)
    assert image[..., :3].mean() > 40
    assert image[..., 3].min() == 255


def test_what_is_seen_depends_on_the_pose(world: World) -> None:
    image = shot(world, ON_A_STREET)
    assert image.std() > 20
    for moved in (
        Transform(40.0, -0.5, 1.6),
        Transform(40.0, -2.0, 1.6, yaw=10.0),
        Transform(40.0, -2.0, 1.6, pitch=-10.0),
        Transform(42.0, -2.0, 1.6),
        Transform(40.0, -2.0, 3.0),
    ):
        assert np.abs(shot(world, moved) - image).mean() > 0.5


def test_sky_is_above_and_ground_below(world: World) -> None:
    image = shot(world, ON_A_STREET)
    blue, green, red = (image[:5, :, k].mean() for k in range(3))
    assert blue > green > red
    below = image[-5:, 30:54, :3]
    assert np.abs(below - below.mean()).mean() < 40
    down = shot(world, Transform(40.0, -2.0, 30.0, pitch=-90.0))
    assert not (down[..., 0] > down[..., 2] + 25).any()


def test_a_vehicle_ahead_grows_as_it_comes_closer(world: World) -> None:
    def change(distance_m: float) -> int:
        world.load("Town02")
        empty = shot(world, ON_A_STREET)
        red = Description(1, "vehicle.audi.tt", {"color": "250,10,10"}, [1, "vehicle.audi.tt", []])
        world.spawn(red, Transform(40.0 + distance_m, -2.0, 0.0))
        return int((np.abs(shot(world, ON_A_STREET) - empty).sum(axis=2) > 30).sum())

    sizes = [change(distance) for distance in (60.0, 30.0, 15.0, 8.0)]
    assert 0 < sizes[0] < sizes[1] < sizes[2] < sizes[3]
    assert change(-15.0) == 0
    world.load("Town02")


def test_a_camera_inside_its_own_vehicle_does_not_see_it(world: World) -> None:
    world.load("Town02")
    empty = shot(world, ON_A_STREET)
    car = Description(1, "vehicle.tesla.model3", {}, [1, "vehicle.tesla.model3", []])
    world.spawn(car, Transform(40.0, -2.0, 0.0))
    assert np.array_equal(shot(world, ON_A_STREET), empty)
    world.load("Town02")


def test_the_weather_changes_the_light(world: World) -> None:
    noon = shot(world, ON_A_STREET)[..., :3]
    world.weather = (100.0, 80.0, 50.0, 50.0, 0.0, -5.0, 60.0, *[0.0] * 7)
    dusk = shot(world, ON_A_STREET)
    world.load("Town02")
    assert dusk[..., :3].mean() < 0.8 * noon.mean()
    assert dusk[..., :3].mean() > 5
    assert dusk[..., 3].min() == 255


def test_ground_outside_the_painted_town_is_no_error(world: World) -> None:
    for at in (Transform(5000.0, 5000.0, 2.0), Transform(-900.0, 0.0, 2.0, yaw=180.0)):
        assert shot(world, at).shape == (84, 84, 4)


def test_plain_images_have_one_grey_level() -> None:
    assert Camera(4, 3, 90.0).plain(0) == bytes(48)
    assert Camera(4, 3, 90.0).plain(7) == b"\x07" * 48
