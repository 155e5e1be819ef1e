"""The genuine client drives the double: every call that an environment for learning makes."""

from __future__ import annotations

import math
import queue
import time
from collections.abc import Iterator

import numpy as np
import pytest

from tests.carla_double.double_process import DoubleProcess
from tests.carla_double.driving_client import STEP_S, DrivingClient, carla

pytestmark = pytest.mark.carla


@pytest.fixture
def driver(double: DoubleProcess) -> Iterator[DrivingClient]:
    double.clear()
    client = DrivingClient(double.port)
    yield client
    if client.ego is not None:
        client.tear_down()
    leftover = [a.id for a in client.world.get_actors() if a.type_id != "spectator"]
    client.client.apply_batch_sync([carla.command.DestroyActor(i) for i in leftover], False)
    client.let_go()


def test_versions_agree(double: DoubleProcess) -> None:
    client = carla.Client("127.0.0.1", double.port, 1)
    client.set_timeout(10)
    assert client.get_server_version() == client.get_client_version() == "0.9.16"
    assert client.get_available_maps() == ["/Game/Carla/Maps/Town01", "/Game/Carla/Maps/Town02"]


def test_settings_are_kept(driver: DrivingClient) -> None:
    settings = driver.world.get_settings()
    assert settings.synchronous_mode
    assert settings.fixed_delta_seconds == STEP_S
    settings.fixed_delta_seconds = 0.1
    driver.world.apply_settings(settings)
    frame = driver.world.tick()
    snapshot = driver.world.get_snapshot()
    assert snapshot.frame == frame
    assert snapshot.timestamp.delta_seconds == pytest.approx(0.1)


def test_frames_and_time_go_on_by_one_step_per_tick(driver: DrivingClient) -> None:
    first = driver.world.get_snapshot().timestamp
    frames = [driver.world.tick() for _ in range(20)]
    last = driver.world.get_snapshot().timestamp
    assert frames == list(range(first.frame + 1, first.frame + 21))
    assert last.elapsed_seconds - first.elapsed_seconds == pytest.approx(20 * STEP_S)


def test_a_snapshot_is_what_the_double_holds(double: DoubleProcess, driver: DrivingClient) -> None:
    for place in driver.places[5:15]:
        driver.spawn(place, role="autopilot", blueprint="vehicle.audi.tt")
    for _ in range(30):
        driver.step(throttle=0.6, steer=0.05)
    state = double.state()
    snapshot = driver.world.get_snapshot()
    assert snapshot.frame == state["frame"]
    assert {str(actor.id) for actor in snapshot} == set(state["actors"])
    for actor in snapshot:
        at = actor.get_transform()
        seen = [at.location.x, at.location.y, at.location.z]
        seen += [at.rotation.pitch, at.rotation.yaw, at.rotation.roll]
        held = state["actors"][str(actor.id)]["transform"]
        assert seen[:4] == pytest.approx(held[:4], abs=1e-4)
        turn = (seen[4] - held[4] + 180.0) % 360.0 - 180.0
        assert [turn, seen[5] - held[5]] == pytest.approx([0.0, 0.0], abs=1e-4)
    kinds = {actor.id: actor.type_id for actor in driver.world.get_actors()}
    assert kinds == {int(i): actor["type"] for i, actor in state["actors"].items()}
    assert driver.camera.parent.id == driver.ego.id


def test_every_frame_brings_one_image_with_its_number(driver: DrivingClient) -> None:
    frames = []
    for _ in range(100):
        frame, pixels = driver.step(throttle=0.4)
        frames.append(frame)
        assert pixels.shape == (84, 84, 4)
        assert pixels.mean() > 30
    assert driver.images.empty()
    assert np.array_equal(np.diff(frames), np.ones(99))


def test_controls_move_the_vehicle(driver: DrivingClient) -> None:
    start = driver.places[0]
    for _ in range(40):
        driver.step(throttle=0.8)
    there = driver.ego.get_transform()
    ahead = start.get_forward_vector()
    moved = there.location - start.location
    assert moved.dot(ahead) > 5.0
    assert driver.ego.get_velocity().dot(ahead) > 5.0
    assert driver.ego.get_acceleration().dot(ahead) > 1.0
    assert driver.ego.get_control().throttle == pytest.approx(0.8)
    for _ in range(10):
        driver.step(throttle=0.8, steer=0.5)
    turned = (driver.ego.get_transform().rotation.yaw - there.rotation.yaw + 180) % 360 - 180
    assert turned > 5.0
    assert driver.ego.get_angular_velocity().z > 5.0
    for _ in range(60):
        driver.step(brake=1.0)
    assert driver.ego.get_velocity().length() == 0.0


def test_a_target_velocity_and_a_transform_take_effect(driver: DrivingClient) -> None:
    forward = driver.ego.get_transform().get_forward_vector()
    driver.world.tick()
    driver.ego.set_target_velocity(driver.places[0].get_forward_vector() * 6.0)
    driver.world.tick()
    assert driver.ego.get_velocity().length() == pytest.approx(6.0, abs=0.1)
    driver.ego.set_transform(driver.places[30])
    driver.ego.set_target_velocity(carla.Vector3D())
    driver.world.tick()
    assert driver.ego.get_location().distance(driver.places[30].location) < 1.0
    assert forward.length() == pytest.approx(1.0)


def test_crossed_lane_marks_are_reported(driver: DrivingClient) -> None:
    for _ in range(20):
        driver.step(throttle=0.8)
    assert not driver.invasions
    for _ in range(40):
        driver.step(throttle=0.5, steer=-0.15)
    kinds = [kind for _, crossed in driver.invasions for kind in crossed]
    assert "Broken" in kinds


def test_a_collision_is_reported(driver: DrivingClient) -> None:
    ahead = driver.map.get_waypoint(driver.places[0].location)
    place = ahead.next(14.0)[0].transform
    place.location.z = 0.5
    wall = driver.spawn(place, role="parked")
    for _ in range(100):
        driver.step(throttle=1.0)
        if driver.collisions:
            break
    frame = driver.world.get_snapshot().frame
    assert driver.collisions[0][1] == wall.id
    assert frame - driver.collisions[0][0] <= 1
    assert driver.ego.get_velocity().length() < 0.5


def test_traffic_stays_on_the_lanes_of_the_map_that_the_client_has(driver: DrivingClient) -> None:
    others = [
        driver.spawn(place, role="autopilot", blueprint="vehicle.audi.a2")
        for place in driver.places[1:21]
    ]
    moved = 0.0
    for tick in range(400):
        driver.world.tick()
        if tick % 20:
            continue
        for other in others:
            at = other.get_transform()
            waypoint = driver.map.get_waypoint(at.location, project_to_road=False)
            assert waypoint is not None
            nearest = driver.map.get_waypoint(at.location).transform
            off = at.location.distance(nearest.location)
            # Inside a junction lanes overlap, and the nearest one may be another vehicle's.
            assert waypoint.is_junction or off < 0.2
            moved += other.get_velocity().length()
    assert moved / (20 * 20) > 3.0


def test_a_batch_spawns_attaches_controls_and_destroys(driver: DrivingClient) -> None:
    car = driver.library.find("vehicle.mini.cooper_s")
    spawn, destroy = carla.command.SpawnActor, carla.command.DestroyActor
    answers = driver.client.apply_batch_sync(
        [
            spawn(car, driver.places[40]),
            spawn(car, driver.places[40]),
            spawn(car, driver.places[41]).then(
                carla.command.ApplyVehicleControl(
                    carla.command.FutureActor, carla.VehicleControl(throttle=1.0)
                )
            ),
        ],
        True,
    )
    assert [bool(answer.error) for answer in answers] == [False, True, False]
    assert "collision" in answers[1].error
    for _ in range(10):
        driver.world.tick()
    moving = driver.world.get_actor(answers[2].actor_id)
    assert moving.get_velocity().length() > 1.0
    gone = driver.client.apply_batch_sync([destroy(answers[0].actor_id), destroy(10**6)], True)
    assert [bool(answer.error) for answer in gone] == [False, True]
    assert driver.world.get_snapshot().find(answers[0].actor_id) is None


def test_an_occupied_place_gives_none_or_an_error(driver: DrivingClient) -> None:
    car = driver.library.find("vehicle.audi.tt")
    assert driver.world.try_spawn_actor(car, driver.places[0]) is None
    with pytest.raises(RuntimeError, match="collision at spawn position"):
        driver.world.spawn_actor(car, driver.places[0])


def test_the_weather_is_kept(driver: DrivingClient) -> None:
    driver.world.set_weather(carla.WeatherParameters.HardRainSunset)
    driver.world.tick()
    weather = driver.world.get_weather()
    assert weather.precipitation == carla.WeatherParameters.HardRainSunset.precipitation
    assert weather.sun_altitude_angle == carla.WeatherParameters.HardRainSunset.sun_altitude_angle


def test_other_sensors_report(driver: DrivingClient) -> None:
    found: dict[str, queue.Queue[object]] = {}
    for kind in ("gnss", "imu", "obstacle"):
        found[kind] = queue.Queue()
        settings = {"distance": 30} if kind == "obstacle" else {}
        driver.attach(f"sensor.other.{kind}", **settings).listen(found[kind].put)
    place = driver.map.get_waypoint(driver.places[0].location).next(20.0)[0].transform
    place.location.z = 0.5
    ahead = driver.spawn(place, role="parked")
    frame, _ = driver.step(throttle=0.5)
    gnss, imu, obstacle = (found[kind].get(timeout=120) for kind in ("gnss", "imu", "obstacle"))
    assert gnss.frame == imu.frame == obstacle.frame == frame
    expected = driver.map.transform_to_geolocation(driver.sensors[-3].get_location())
    assert gnss.latitude == pytest.approx(expected.latitude, abs=1e-6)
    assert gnss.longitude == pytest.approx(expected.longitude, abs=1e-6)
    assert imu.accelerometer.z == pytest.approx(9.81, abs=0.01)
    assert imu.accelerometer.x > 1.0
    assert math.isfinite(imu.compass)
    assert obstacle.other_actor.id == ahead.id
    assert 10.0 < obstacle.distance < 20.0


def test_an_unknown_sensor_and_a_bad_attribute_are_clean_errors(driver: DrivingClient) -> None:
    with pytest.raises(IndexError):
        driver.library.find("sensor.lidar.ray_cast")
    with pytest.raises(RuntimeError, match="image_size_x is '0'"):
        driver.attach("sensor.camera.rgb", image_size_x=0)
    assert driver.client.get_server_version() == "0.9.16"


def test_a_sensor_with_a_period_reports_at_that_rate(driver: DrivingClient) -> None:
    images: queue.Queue[object] = queue.Queue()
    slow = driver.attach("sensor.camera.rgb", image_size_x=20, image_size_y=20, sensor_tick=0.1)
    slow.listen(images.put)
    frames = [driver.step()[0] for _ in range(11)]
    driver.step()
    seen = [images.get(timeout=120).frame for _ in range(5)]
    assert seen == [seen[0] + 2 * i for i in range(5)]
    assert seen[0] in frames[:2]


def test_actors_can_be_destroyed_one_by_one(double: DoubleProcess, driver: DrivingClient) -> None:
    for sensor in driver.sensors:
        sensor.stop()
        assert sensor.destroy()
    driver.sensors = []
    assert driver.ego.destroy()
    driver.ego = None
    driver.world.tick()
    assert len(double.state()["actors"]) == 1
    assert driver.client.get_server_version() == "0.9.16"


def test_spectator_bounding_box_and_physics_are_known(driver: DrivingClient) -> None:
    assert driver.world.get_spectator().type_id == "spectator"
    extent = driver.ego.bounding_box.extent
    assert 2.0 < extent.x < 3.0
    assert driver.ego.get_physics_control().mass > 1000
    assert len(driver.ego.get_physics_control().wheels) == 4
    assert driver.ego.get_light_state() == carla.VehicleLightState.NONE


def test_loading_a_world_gives_a_new_map_and_new_ids(double: DoubleProcess) -> None:
    driver = DrivingClient(double.port)
    old_ids = {actor.id for actor in driver.world.get_actors()}
    driver.tear_down()
    driver.world = driver.client.load_world("Town02")
    assert not driver.world.get_settings().synchronous_mode
    driver.synchronise()
    driver.map = driver.world.get_map()
    assert driver.map.name == "Carla/Maps/Town02"
    driver.places = driver.map.get_spawn_points()
    driver.set_up()
    driver.step(throttle=0.5)
    assert not old_ids & {actor.id for actor in driver.world.get_actors()}
    driver.tear_down()
    with pytest.raises(RuntimeError, match="map not found"):
        driver.client.load_world("Town07")
    world = driver.client.load_world("Town01", False)
    assert world.get_settings().synchronous_mode
    assert world.get_map().name == "Carla/Maps/Town01"
    settings = world.get_settings()
    settings.synchronous_mode = False
    world.apply_settings(settings)


def test_a_server_that_nobody_ticks_goes_on_by_itself(double: DoubleProcess) -> None:
    client = carla.Client("127.0.0.1", double.port, 1)
    client.set_timeout(10)
    world = client.get_world()
    settings = world.get_settings()
    settings.synchronous_mode = False
    settings.fixed_delta_seconds = None
    world.apply_settings(settings)
    first = world.wait_for_tick().frame
    assert world.wait_for_tick().frame > first


def test_a_second_client_sees_the_same_world(double: DoubleProcess, driver: DrivingClient) -> None:
    other = carla.Client("127.0.0.1", double.port, 1)
    other.set_timeout(10)
    world = other.get_world()
    frame, _ = driver.step(throttle=0.3)
    # Its messages come on a connection of its own, so they may come a moment later.
    deadline = time.monotonic() + 120
    while world.get_snapshot().frame < frame and time.monotonic() < deadline:
        time.sleep(0.01)
    assert world.get_snapshot().frame == frame
    assert driver.ego.id in {actor.id for actor in world.get_actors()}


def test_the_client_branches_where_the_map_does(driver: DrivingClient) -> None:
    places = driver.map.generate_waypoints(4.0)
    onward = [place.next(4.0) for place in places]
    assert all(onward)
    assert any(len(choices) > 1 for choices in onward)
    assert any(place.is_junction for place in places)
    starts = {(p.road_id, p.lane_id) for p, _ in driver.map.get_topology()}
    assert len(starts) > 20


@pytest.mark.parametrize("seed", [0, 1])
def test_a_drive_repeats_exactly(double: DoubleProcess, seed: int) -> None:
    tracks = []
    for _ in range(2):
        driver = DrivingClient(double.port)
        rng = np.random.default_rng(seed)
        others = [
            driver.spawn(driver.places[int(i)], role="autopilot")
            for i in rng.choice(np.arange(1, 200), 10, replace=False)
        ]
        track, pixels_sum = [], 0
        for _ in range(120):
            _, pixels = driver.step(throttle=0.5, steer=float(rng.uniform(-0.1, 0.1)))
            pixels_sum += int(pixels.astype(np.int64).sum())
            for actor in (driver.ego, *others):
                at = actor.get_transform()
                track.append((at.location.x, at.location.y, at.rotation.yaw))
        tracks.append((track, pixels_sum, len(driver.collisions)))
        gone = [carla.command.DestroyActor(other.id) for other in others]
        driver.client.apply_batch_sync(gone, False)
        driver.tear_down()
        driver.let_go()
    assert tracks[0] == tracks[1]
