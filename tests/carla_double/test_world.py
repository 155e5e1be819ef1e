from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from carla_double.wire.encodings import CallError, EpisodeSettings, Transform, VehicleControl
from carla_double.world.actors import Actor, Description
from carla_double.world.contacts import touching
from carla_double.world.vehicle_model import GRIP_MPS2, MAX_STEER_RAD
from carla_double.world.world import World, spawn_points

EGO = "vehicle.tesla.model3"


def describe(blueprint: str, role: str = "hero") -> Description:
    return Description(1, blueprint, {"role_name": role}, [1, blueprint, []])


def town(seed: int = 0, step_s: float = 0.05) -> World:
    world = World("Town01", seed)
    world.settings = replace(EpisodeSettings(), synchronous_mode=True, fixed_delta_s=step_s)
    return world


def ego_in_the_open(world: World) -> Actor:
    """Put a vehicle onto the meadow, with nothing near."""
    return world.spawn(describe(EGO), Transform(20.0, 60.0, 0.5))


def populate(world: World, count: int) -> list[int]:
    places = spawn_points(world.lanes)
    return [world.spawn(describe(EGO, "autopilot"), at).id for at in places[:count]]


def speed(world: World, actor: Actor) -> float:
    return float(world.fleet.speed_mps[world.row_of(actor.id)])


def test_throttle_moves_a_vehicle_ahead_and_brakes_stop_it_for_good() -> None:
    world = town()
    ego = ego_in_the_open(world)
    world.control(ego.id, VehicleControl(throttle=1.0))
    for _ in range(60):
        world.step()
    assert 10.0 < speed(world, ego) < 16.0
    at = world.transform_of(ego.id)
    assert at.x > 30.0
    assert at.y == pytest.approx(60.0)
    world.control(ego.id, VehicleControl(brake=1.0))
    for _ in range(60):
        world.step()
    assert speed(world, ego) == 0.0
    here = world.transform_of(ego.id)
    world.step()
    assert world.transform_of(ego.id) == here


def test_reverse_moves_it_back() -> None:
    world = town()
    ego = ego_in_the_open(world)
    world.control(ego.id, VehicleControl(throttle=0.5, reverse=True))
    for _ in range(20):
        world.step()
    assert world.transform_of(ego.id).x < 19.5
    assert speed(world, ego) < 0.0


def test_a_steered_vehicle_drives_the_circle_of_a_bicycle() -> None:
    world = town(step_s=0.01)
    ego = ego_in_the_open(world)
    world.set_velocity(ego.id, 4.0, 0.0)
    steer = 0.5
    before = world.transform_of(ego.id)
    world.control(ego.id, VehicleControl(steer=steer, throttle=0.04))
    way_m = 0.0
    for _ in range(100):
        world.step()
        way_m += speed(world, ego) * 0.01
    after = world.transform_of(ego.id)
    wheelbase = 0.62 * 4.79
    expected = math.degrees(way_m * math.tan(steer * MAX_STEER_RAD) / wheelbase)
    assert after.yaw - before.yaw == pytest.approx(expected, rel=0.02)
    # Steering is positive to the right, where CARLA's y grows.
    assert after.y > before.y


def test_grip_is_limited() -> None:
    world = town()
    ego = ego_in_the_open(world)
    world.set_velocity(ego.id, 30.0, 0.0)
    world.control(ego.id, VehicleControl(steer=1.0))
    world.step()
    row = world.row_of(ego.id)
    assert abs(world.fleet.acceleration[row].imag) == pytest.approx(GRIP_MPS2, rel=1e-6)


def test_traffic_keeps_to_its_lanes_keeps_apart_and_keeps_moving() -> None:
    world = town(seed=3)
    populate(world, 100)
    fleet = world.fleet
    moved = np.zeros(100)
    for tick in range(1200):
        before = fleet.position.copy()
        world.step()
        moved += np.abs(fleet.position - before)
        if tick % 20 == 0:
            off = np.abs(fleet.position[:, None] - world.lanes.middle).min(axis=1)
            assert off.max() < 0.3
            assert not touching(fleet, np.arange(100))
    assert np.abs(fleet.speed_mps).max() <= 8.5 + 1e-9
    assert moved.min() > 5.0
    assert moved.mean() > 150.0


def test_traffic_stops_for_a_vehicle_on_its_lane() -> None:
    world = town()
    places = spawn_points(world.lanes)
    lane, at = max(world.lanes.spawn_lanes)
    chosen = world.lanes.spawn_lanes.index((lane, at))
    ego = world.spawn(describe(EGO), places[chosen])
    world.control(ego.id, VehicleControl(brake=1.0))
    behind = world.lanes.spawn_lanes.index((lane, at - 27.0))
    other = world.spawn(describe(EGO, "autopilot"), places[behind])
    for _ in range(300):
        world.step()
        assert not world.contacts
    assert speed(world, other) == 0.0
    gap = abs(world.fleet.position[1] - world.fleet.position[0]) - 4.79
    assert 1.0 < gap < 8.0


@pytest.mark.parametrize("same", [True, False])
def test_traffic_is_the_same_for_the_same_seed_only(same: bool) -> None:
    first, second = town(seed=1), town(seed=1 if same else 2)
    ego_in_the_open(second)
    for world in (first, second):
        # Actor ids differ between the two worlds: they must not matter.
        populate(world, 30)
        for _ in range(400):
            world.step()
    assert np.array_equal(first.fleet.position, second.fleet.position[1:]) == same


def test_traffic_is_the_same_again_after_loading_the_map_again() -> None:
    world = town(seed=5)
    tracks = []
    for _ in range(2):
        world.load("Town01")
        populate(world, 10)
        for _ in range(300):
            world.step()
        tracks.append(world.fleet.position.copy())
    assert np.array_equal(tracks[0], tracks[1])


def test_a_controlled_vehicle_leaves_the_traffic_and_can_join_again() -> None:
    world = town()
    (npc,) = populate(world, 1)
    row = world.row_of(npc)
    for _ in range(40):
        world.step()
    assert world.fleet.speed_mps[row] > 1.0
    world.control(npc, VehicleControl(brake=1.0))
    for _ in range(60):
        world.step()
    assert world.fleet.speed_mps[row] == 0.0
    world.set_autopilot(npc, True)
    for _ in range(40):
        world.step()
    assert world.fleet.speed_mps[row] > 1.0


def test_a_collision_is_felt_and_stops_the_vehicle() -> None:
    world = town()
    ego = ego_in_the_open(world)
    wall = world.spawn(describe("vehicle.carlamotors.firetruck"), Transform(45.0, 60.0, 0.5))
    world.control(ego.id, VehicleControl(throttle=1.0))
    world.control(wall.id, VehicleControl(hand_brake=True))
    for _ in range(200):
        world.step()
        if world.contacts:
            break
    felt = [contact for contact in world.contacts if contact.actor == ego.id]
    assert [contact.other for contact in felt] == [wall.id]
    assert felt[0].impulse[0] < -1845.0 * 3.0
    assert speed(world, ego) == 0.0
    gap = abs(world.fleet.position[1] - world.fleet.position[0])
    assert gap == pytest.approx(0.5 * (4.79 + 8.47), abs=0.8)


def test_nothing_spawns_where_something_stands() -> None:
    world = town()
    ego_in_the_open(world)
    with pytest.raises(CallError, match="collision at spawn position"):
        world.spawn(describe(EGO), Transform(22.0, 60.5, 0.5))
    world.spawn(describe(EGO), Transform(22.0, 64.0, 0.5))


def test_ids_of_actors_and_streams_are_never_used_twice() -> None:
    world = town()
    camera = describe("sensor.camera.rgb")
    seen_actors, seen_streams = set(), set()
    for _ in range(3):
        ego = ego_in_the_open(world)
        sensor = world.spawn(camera, Transform(z=2.0), ego.id)
        for actor in (ego, sensor, world.spectator):
            assert actor.id not in seen_actors
            seen_actors.add(actor.id)
        assert sensor.stream_id not in seen_streams
        seen_streams.add(sensor.stream_id)
        world.load("Town02")


def test_attached_actors_follow_and_stay_behind_when_their_parent_goes() -> None:
    world = town()
    ego = world.spawn(describe(EGO), Transform(20.0, 60.0, 0.5, yaw=90.0))
    sensor = world.spawn(describe("sensor.other.gnss"), Transform(2.0, 0.0, 1.0), ego.id)
    at = world.transform_of(sensor.id)
    assert (at.x, at.y, at.z) == pytest.approx((20.0, 62.0, 1.0))
    assert world.destroy(ego.id) is not None
    assert world.destroy(ego.id) is None
    at = world.transform_of(sensor.id)
    assert math.isfinite(at.x)
    world.step()
    assert len(world.state_message()) == 84 + 2 * 119


def test_unknown_things_are_refused_with_their_name() -> None:
    world = town()
    with pytest.raises(CallError, match=r"offers no 'sensor\.camera\.dvs'"):
        world.spawn(describe("sensor.camera.dvs"), Transform())
    with pytest.raises(CallError, match="map not found: 'Town07'"):
        world.load("Town07")
    with pytest.raises(CallError, match="parent actor 99 not found"):
        world.spawn(describe("sensor.other.gnss"), Transform(), 99)
    with pytest.raises(CallError, match="actor 99 is no living vehicle"):
        world.control(99, VehicleControl())
