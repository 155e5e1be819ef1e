"""What the camera shows lies where geometry says."""

import numpy as np
import pytest

from trainer.envs.drive.camera import EGO, VEHICLE, Camera
from trainer.envs.drive.config import DriveConfig
from trainer.envs.drive.road_geometry import (
    RIGHT_LANE_M,
    ROAD_POINTS,
    TABLE_POINTS,
    build_roads,
)
from trainer.envs.drive.road_raster import ASPHALT, GRASS

SPAN_M = 42.0


def camera_on_road(size, road=1, point=300, shapes=3):
    config = DriveConfig(camera_size=size, camera_span_m=SPAN_M, roads=shapes)
    roads = build_roads(shapes, 0)
    row = road * TABLE_POINTS + point
    tangent = roads.tangent[row : row + 1]
    position = roads.right_lane[row : row + 1]
    camera = Camera(config)
    return camera, camera.render(np.array([road]), position, tangent), position, tangent


def pixel_of(relative, size):
    """Row and column of a point given as ahead + i * left."""
    per_m = size / SPAN_M
    return int((0.75 * SPAN_M - relative.real) * per_m), int((0.5 * SPAN_M - relative.imag) * per_m)


@pytest.mark.parametrize("size", [24, 32, 84])
@pytest.mark.parametrize("road", [0, 2, 4])
def test_road_lies_where_the_tables_put_it(size, road):
    _, images, position, tangent = camera_on_road(size, road=road)
    roads = build_roads(3, 0)
    row = road * TABLE_POINTS + 300
    checked = 0
    for step in range(30, 100, 4):
        here = roads.middle[row + step], roads.tangent[row + step]
        for lateral_m, on_road in ((RIGHT_LANE_M, True), (-7.0, False), (7.0, False)):
            point = (here[0] + 1j * lateral_m * here[1] - position[0]) / tangent[0]
            r, c = pixel_of(point, size)
            if 0 <= r < size and 0 <= c < size:
                grey = images[0, r, c]
                assert grey >= 0.6 * ASPHALT if on_road else grey <= 0.4 * ASPHALT
                checked += 1
    assert checked > 20


def test_own_vehicle_stands_at_a_quarter_of_the_height():
    _, images, _, _ = camera_on_road(84)
    rows, columns = np.nonzero(images[0] == EGO)
    assert rows.mean() == pytest.approx(62.5, abs=0.6)
    assert columns.mean() == pytest.approx(41.5, abs=0.6)


@pytest.mark.parametrize("size", [24, 32, 84])
@pytest.mark.parametrize("relative", [12 + 0j, 25 + 3.5j, -5 - 4j])
@pytest.mark.parametrize("turn", [1, np.exp(0.7j)])
def test_other_vehicles_cover_their_outline(size, relative, turn):
    camera, images, _, _ = camera_on_road(size)
    before = images.copy()
    camera.draw_vehicles(images, np.complex64([[relative]]), np.complex64([[turn]]))
    drawn = images[0] == VEHICLE
    assert drawn[pixel_of(relative, size)]
    assert np.array_equal(images[0][~drawn], before[0][~drawn])
    pixel_area = (SPAN_M / size) ** 2
    assert (
        0.7 * 4.5 * 1.9
        < drawn.sum() * pixel_area
        < (4.5 + 2 * SPAN_M / size) * (1.9 + 2 * SPAN_M / size)
    )
    # Every drawn pixel belongs to the outline, up to a pixel.
    rows, columns = np.nonzero(drawn)
    x = 0.75 * SPAN_M - (rows + 0.5) * SPAN_M / size
    y = 0.5 * SPAN_M - (columns + 0.5) * SPAN_M / size
    local = (x + 1j * y - relative) / turn
    assert np.abs(local.real).max() <= 2.25 + SPAN_M / size
    assert np.abs(local.imag).max() <= 0.95 + SPAN_M / size


def test_vehicles_out_of_sight_are_not_drawn_and_edges_do_not_wrap():
    camera, images, _, _ = camera_on_road(32)
    before = images.copy()
    away = np.complex64([[60 + 0j, -30 + 0j, 10 + 25j, 10 - 25j, 34.5 + 0j]])
    camera.draw_vehicles(images, away, np.ones((1, 5), np.complex64))
    assert np.array_equal(images, before)
    camera.draw_vehicles(images, np.complex64([[10 + 20.9j]]), np.ones((1, 1), np.complex64))
    changed = np.nonzero(images[0] != before[0])
    assert changed[1].max() <= 1


def test_each_image_gets_its_own_vehicles():
    camera, image, _, _ = camera_on_road(32)
    images = np.concatenate([image, image, image])
    far = 500 + 0j
    places = np.complex64([[far, far], [12, far], [far, 20]])
    camera.draw_vehicles(images, places, np.ones((3, 2), np.complex64))
    assert not (images[0] == VEHICLE).any()
    assert images[1][pixel_of(12 + 0j, 32)] == VEHICLE
    assert images[2][pixel_of(20 + 0j, 32)] == VEHICLE
    assert images[2][pixel_of(12 + 0j, 32)] != VEHICLE


def test_lane_marks_survive_in_small_images():
    for point in range(0, ROAD_POINTS, 200):
        _, images, _, _ = camera_on_road(32, point=point)
        assert (images == GRASS).mean() > 0.4
        assert images[images != EGO].max() > ASPHALT + 15
