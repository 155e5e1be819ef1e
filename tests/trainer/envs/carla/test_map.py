"""Routes over a carla.Map made offline: no server is involved."""

import numpy as np
import pytest

from tests.trainer.envs.oval_map import LANE_M, RADIUS_M, STRAIGHT_M, oval
from trainer.envs.carla.map import LaneGraph, plane_direction, plane_point

carla = pytest.importorskip("carla", reason="the carla wheel is not installed")
pytestmark = pytest.mark.carla


@pytest.fixture(scope="module")
def graph():
    return LaneGraph(carla.Map("oval", oval()))


def test_left_is_positive_in_the_plane():
    assert plane_point(carla.Location(x=3, y=2)) == 3 - 2j
    assert plane_direction(90) == pytest.approx(-1j)


def test_every_lane_of_a_circuit_is_endless(graph):
    assert len(graph.endless) == 8


def test_route_follows_the_right_lane_round_and_round(graph):
    start = carla.Location(x=10, y=LANE_M / 2)
    route = graph.random_route(start, 1500.0, np.random.default_rng(0))
    assert 1500 <= route.length_m < 1600
    assert route.points[0] == pytest.approx(10 - 1.75j, abs=1e-3)
    assert np.abs(np.diff(route.points)) == pytest.approx(0.5, abs=0.01)
    for point in route.points[: int(1500 / 0.5)]:
        assert distance_from_the_middle_m(point) == pytest.approx(LANE_M / 2, abs=0.03)
    one_round = 2 * STRAIGHT_M + 2 * np.pi * (RADIUS_M + LANE_M / 2)
    again = route.locate(10 - 1.75j, 1 + 0j, one_round)
    assert again.arc_m == pytest.approx(one_round, rel=0.01)


def test_the_other_lane_goes_the_other_way(graph):
    start = carla.Location(x=50, y=-LANE_M / 2)
    route = graph.random_route(start, 200.0, np.random.default_rng(0))
    assert route.tangents[0] == pytest.approx(-1 + 0j, abs=1e-3)


def test_lane_direction_and_beside_the_road(graph):
    assert graph.lane_direction(carla.Location(x=50, y=1)) == pytest.approx(1 + 0j, abs=1e-6)
    assert graph.lane_direction(carla.Location(x=50, y=-1)) == pytest.approx(-1 + 0j, abs=1e-6)
    assert graph.lane_direction(carla.Location(x=50, y=5)) is None


def test_a_map_without_lanes_is_refused():
    with pytest.raises(ValueError, match="no driving lanes"):
        LaneGraph(carla.Map("empty", "<OpenDRIVE/>"))


def distance_from_the_middle_m(point: complex) -> float:
    """Return the distance from the oval's reference line."""
    x, y = point.real, point.imag
    if 0 <= x <= STRAIGHT_M:
        return min(abs(y), abs(y - 2 * RADIUS_M))
    return abs(abs(point - complex(STRAIGHT_M if x > 0 else 0, RADIUS_M)) - RADIUS_M)
