"""Roads are closed, even, gentle enough, and the same in both directions."""

import numpy as np
import pytest

from trainer.envs.drive.road_geometry import (
    MINIMUM_RADIUS_M,
    POINT_SPACING_M,
    RIGHT_LANE_M,
    ROAD_LENGTH_M,
    ROAD_POINTS,
    TABLE_POINTS,
    build_roads,
)

ROADS = build_roads(5, 3)


def rows(table):
    return table.reshape(2 * ROADS.shapes, TABLE_POINTS)


def test_points_are_evenly_spaced_around_a_closed_curve():
    middle = rows(ROADS.middle).astype(complex)
    spacing = np.abs(np.diff(middle, axis=1))
    assert spacing == pytest.approx(POINT_SPACING_M, rel=2e-3)
    assert np.array_equal(middle[:, ROAD_POINTS:], middle[:, : TABLE_POINTS - ROAD_POINTS])
    assert spacing[:, :ROAD_POINTS].sum(axis=1) == pytest.approx(ROAD_LENGTH_M, rel=1e-3)


def test_tangents_and_curvature_describe_the_points():
    middle, tangent = rows(ROADS.middle), rows(ROADS.tangent)
    assert np.abs(tangent) == pytest.approx(1.0, abs=1e-5)
    chord = (middle[:, 2:] - middle[:, :-2]) / (2 * POINT_SPACING_M)
    assert np.abs(chord - tangent[:, 1:-1]).max() < 0.01
    curvature = rows(ROADS.curvature)[:, :ROAD_POINTS]
    assert np.abs(curvature).max() <= 1.02 / MINIMUM_RADIUS_M
    # A closed curve without crossings turns by one full circle.
    turned = curvature.sum(axis=1) * POINT_SPACING_M
    assert np.abs(turned) == pytest.approx(2 * np.pi, rel=1e-3)


def test_roads_never_come_close_to_themselves():
    for middle in rows(ROADS.middle)[: ROADS.shapes, :ROAD_POINTS:8]:
        index = np.arange(len(middle))
        apart = np.abs(index[:, None] - index)
        along_m = np.minimum(apart, len(middle) - apart) * 8 * POINT_SPACING_M
        distance_m = np.abs(middle[:, None] - middle)
        assert distance_m[along_m > 40].min() > 10


def test_second_half_is_the_first_driven_the_other_way():
    middle, tangent = rows(ROADS.middle), rows(ROADS.tangent)
    for k in range(ROADS.shapes):
        back = middle[k + ROADS.shapes, :ROAD_POINTS][::-1]
        assert np.array_equal(back, middle[k, :ROAD_POINTS])
        assert np.allclose(
            tangent[k + ROADS.shapes, :ROAD_POINTS][::-1], -tangent[k, :ROAD_POINTS], atol=1e-6
        )


def test_right_lane_is_to_the_right_of_the_driving_direction():
    offset = (ROADS.right_lane - ROADS.middle) / ROADS.tangent
    assert offset.imag == pytest.approx(RIGHT_LANE_M, abs=1e-4)
    assert offset.real == pytest.approx(0, abs=1e-4)


def test_seed_decides():
    assert build_roads(5, 3) is ROADS
    assert not np.array_equal(build_roads(5, 4).middle, ROADS.middle)
