"""A route: arc lengths, lateral positions and look-ahead points, without any simulator."""

import numpy as np
import pytest

from trainer.envs.driving.observation import WAYPOINTS
from trainer.envs.driving.route import Route

RADIUS_M = 25.0


def circle(turns=1.0):
    """Return a left turn around the origin, from (RADIUS_M, 0)."""
    angles = np.arange(0.0, 2 * np.pi * turns, 1.0 / RADIUS_M)
    return Route(RADIUS_M * np.exp(1j * angles))


def test_follows_a_vehicle_round_a_bend():
    route = circle(turns=2.5)
    arc_m = 0.0
    for angle in np.arange(0.0, 12.0, 0.02):
        offset_m, heading_rad = 0.8 * np.sin(7 * angle), 0.3 * np.sin(3 * angle)
        position = (RADIUS_M - offset_m) * np.exp(1j * angle)
        place = route.locate(position, 1j * np.exp(1j * (angle + heading_rad)), arc_m)
        arc_m = place.arc_m
        # The route is a chain of chords of 1 m, a little inside of the circle.
        assert place.arc_m == pytest.approx(angle * RADIUS_M, abs=0.1, rel=1e-3)
        assert place.lateral_m == pytest.approx(offset_m, abs=0.02)
        assert place.heading_error_rad == pytest.approx(heading_rad, abs=0.03)


def test_a_route_that_crosses_itself_keeps_its_place():
    there = np.linspace(-50, 50, 101) + 0j
    loop = 50 + 50j + 50 * np.exp(1j * np.linspace(-np.pi / 2, np.pi, 200))
    route = Route(np.concatenate([there, loop, 1j * np.linspace(50, -50, 101)]))
    on_the_first_pass = route.locate(0.2 + 0.1j, 1 + 0j, 49.0)
    assert on_the_first_pass.arc_m == pytest.approx(50.2, abs=0.01)
    assert on_the_first_pass.lateral_m == pytest.approx(0.1, abs=1e-3)
    later = route.locate(0.2 + 0.1j, -1j, route.length_m - 51.0)
    assert later.arc_m == pytest.approx(route.length_m - 50.1, abs=0.01)
    assert later.lateral_m == pytest.approx(0.2, abs=1e-3)


def test_looks_ahead_every_two_metres_also_past_the_end():
    route = Route(np.array([0j, 10 + 0j]))
    assert route.length_m == 10
    ahead = route.look_ahead(3.25)
    assert ahead.dtype == np.complex64
    assert ahead == pytest.approx(3.25 + 2.0 * np.arange(1, WAYPOINTS + 1), abs=1e-4)
    assert route.look_ahead(12.0)[-1] == pytest.approx(62.0, abs=1e-4)
    assert route.locate(12.0 + 1j, 1 + 0j, 9.0).arc_m == pytest.approx(12.0)


def test_projects_other_vehicles_onto_a_part_of_the_route():
    route = circle(turns=0.9)
    angles, lateral = np.array([0.5, 1.0, 1.4]), np.array([0.5, -2.0, 3.0])
    positions = (RADIUS_M - lateral) * np.exp(1j * angles)
    arc_m, lateral_m = route.project(positions, 5.0, 60.0)
    assert arc_m == pytest.approx(angles * RADIUS_M, abs=0.2)
    assert lateral_m == pytest.approx(lateral, abs=0.1)
    assert np.angle(route.direction_at(arc_m)) == pytest.approx(angles + np.pi / 2, abs=0.05)
    behind, _ = route.project(RADIUS_M * np.exp(1j * np.array([-0.4])), 5.0, 60.0)
    assert behind[0] <= 5.0


@pytest.mark.parametrize("points", [[], [1j], [1j, 1j, 1j]])
def test_needs_two_different_points(points):
    with pytest.raises(ValueError, match="two different points"):
        Route(np.array(points, np.complex128))
