from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from carla_double.town.lane_graph import LaneGraph, build_lanes
from carla_double.town.opendrive import opendrive_text
from carla_double.town.road_network import LANE_WIDTH_M
from carla_double.town.town import PLANS, build_town

towns = pytest.mark.parametrize("name", list(PLANS))


@towns
def test_lanes_continue_without_a_gap_or_a_kink(name: str) -> None:
    lanes = build_lanes(name)
    ends = [*lanes.first[1:], len(lanes.middle)]
    for lane, successors in enumerate(lanes.successors):
        assert successors
        last = ends[lane] - 1
        for successor in successors:
            first = lanes.first[successor]
            assert lanes.middle[last] == pytest.approx(lanes.middle[first], abs=1e-6)
            turn = np.exp(1j * (lanes.yaw_rad[last] - lanes.yaw_rad[first]))
            assert turn == pytest.approx(1.0, abs=1e-6)


@towns
def test_every_lane_can_be_reached_from_every_other(name: str) -> None:
    successors = build_lanes(name).successors
    for start in range(len(successors)):
        reached, waiting = {start}, [start]
        while waiting:
            for lane in successors[waiting.pop()]:
                if lane not in reached:
                    reached.add(lane)
                    waiting.append(lane)
        assert len(reached) == len(successors)


@towns
def test_the_network_has_junctions_where_the_way_branches(name: str) -> None:
    network, lanes = build_town(name), build_lanes(name)
    assert network.junctions
    assert any(len(successors) > 1 for successors in lanes.successors)


@towns
def test_no_road_is_followed_by_itself_within_two_links(name: str) -> None:
    # The client's next() gives nothing there: a circuit needs three roads.
    network = build_town(name)
    roads = {road.id: road for road in network.roads}
    for road in network.roads:
        if road.successor.kind == "road":
            after = roads[road.successor.id]
            onward = after.successor if road.successor.contact == "start" else after.predecessor
            assert (onward.kind, onward.id) != ("road", road.id)


@towns
def test_opendrive_is_well_formed_and_marks_every_lane(name: str) -> None:
    network = build_town(name)
    root = ElementTree.fromstring(opendrive_text(network))
    ids = [road.get("id") for road in root.iter("road")]
    assert len(ids) == len(set(ids)) == len(network.roads)
    lanes = list(root.iter("lane"))
    assert {lane.get("id") for lane in lanes} == {"-1", "0", "1"}
    assert all(lane.find("roadMark") is not None for lane in lanes)
    known = {*ids, *(junction.get("id") for junction in root.iter("junction"))}
    for link in [*root.iter("predecessor"), *root.iter("successor")]:
        if link.get("elementId"):
            assert link.get("elementId") in known
    for road in root.iter("road"):
        lengths = [float(g.get("length", "nan")) for g in road.iter("geometry")]
        assert sum(lengths) == pytest.approx(float(road.get("length", "nan")))


@towns
def test_spawn_points_lie_on_lanes_and_far_enough_apart(name: str) -> None:
    lanes = build_lanes(name)
    points = np.array([complex(x, y) for x, y, _ in lanes.spawn_points])
    assert len(points) > 100
    apart = np.abs(points[:, None] - points)
    np.fill_diagonal(apart, np.inf)
    assert apart.min() >= LANE_WIDTH_M - 1e-6
    for x, y, yaw in lanes.spawn_points:
        nearest, direction = _nearest(lanes, complex(x, y))
        assert nearest < 0.3
        assert direction == pytest.approx(np.exp(1j * np.radians(yaw)), abs=0.05)


def _nearest(lanes: LaneGraph, place: complex) -> tuple[float, complex]:
    off = np.abs(lanes.middle - place)
    row = int(off.argmin())
    return float(off[row]), complex(np.exp(1j * lanes.yaw_rad[row]))
