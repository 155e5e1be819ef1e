"""The projection onto the road against a search over all its points."""

import numpy as np
import pytest

from trainer.envs.drive.road_geometry import (
    POINT_SPACING_M,
    RIGHT_LANE_M,
    ROAD_LENGTH_M,
    ROAD_POINTS,
    TABLE_POINTS,
    build_roads,
)
from trainer.envs.drive.road_position import locate

ROADS = build_roads(4, 0)
N = 400


def place_randomly(seed):
    rng = np.random.default_rng(seed)
    row = rng.integers(0, 8, N)
    point = rng.integers(0, ROAD_POINTS, N)
    lateral, error = rng.uniform(-1.9, 5.4, N), rng.uniform(-1, 1, N)
    index = row * TABLE_POINTS + point
    tangent = ROADS.tangent[index].astype(complex)
    position = ROADS.middle[index] + 1j * (lateral + RIGHT_LANE_M) * tangent
    return (
        index - point,
        point * POINT_SPACING_M,
        position,
        tangent * np.exp(1j * error),
        lateral,
        error,
    )


@pytest.mark.parametrize("guess_error_m", [0.0, 0.6, -0.6])
def test_finds_arc_length_lateral_position_and_heading_error(guess_error_m):
    first, arc_m, position, direction, lateral, error = place_randomly(1)
    found = locate(
        ROADS,
        first,
        position.astype(np.complex64),
        direction.astype(np.complex64),
        np.float32((arc_m + guess_error_m) % ROAD_LENGTH_M),
    )
    difference = (found.arc_m - arc_m + 200) % ROAD_LENGTH_M - 200
    assert np.abs(difference).max() < 0.05
    assert found.lateral_m == pytest.approx(lateral, abs=0.015)
    assert found.heading_error_rad == pytest.approx(error, abs=0.01)


def test_guess_past_the_end_of_a_round_is_continued():
    first, _, _, _, _, _ = place_randomly(2)
    position = ROADS.middle[first + 2]
    direction = ROADS.tangent[first + 2]
    found = locate(ROADS, first, position, direction, np.full(N, ROAD_LENGTH_M + 0.4, np.float32))
    assert found.arc_m == pytest.approx(ROAD_LENGTH_M + 2 * POINT_SPACING_M, abs=0.01)
