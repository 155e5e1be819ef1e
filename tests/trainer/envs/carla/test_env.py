"""The environment `carla` through the genuine client, against the double or a real server.

By default a double is started. `pytest -m carla --carla-host HOST --carla-port PORT` runs the same
tests against CARLA 0.9.16.
"""

import hashlib
import subprocess
import sys
import warnings
from functools import partial
from pathlib import Path

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from trainer.envs.carla.config import CarlaConfig
from trainer.envs.carla.env import GYMNASIUM_ID, CarlaEnv, CarlaVectorEnv
from trainer.envs.carla.environment import CARLA
from trainer.envs.driving.observation import HORIZON_M, LATERAL_UNIT_M, WAYPOINTS
from trainer.envs.driving.trace import ending_of
from trainer.envs.errors import SimulatorLostError, UnsupportedEnvironmentError
from trainer.evaluate import evaluate

pytestmark = pytest.mark.carla
ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def config(carla_server):
    """Return settings; few vehicles keep resets short on a real server."""

    def make(**settings):
        server = {"host": carla_server.host, "ports": [carla_server.port]}
        return CarlaConfig(**{"server": server, "vehicles": 3, "traffic": "none", **settings})

    return make


@pytest.fixture
def make(config):
    """Return environments that are closed after the test."""
    made = []

    def open_env(**settings):
        made.append(CarlaVectorEnv(config(**settings)))
        return made[-1]

    yield open_env
    for env in made:
        env.close()


def steering(obs, *, lateral_m=0.0, speed_share=1.0):
    """Drive along the lane at a lateral position."""
    vector = obs["vector"][0]
    ahead, left = vector[3:].reshape(WAYPOINTS, 2)[3] * HORIZON_M
    steer = 2.0 * np.arctan2(left + lateral_m, ahead)
    pedal = 4.0 * (speed_share - vector[0])
    return np.clip([[steer, pedal]], -1.0, 1.0).astype(np.float32)


def drive(env, steps, **wish):
    """Drive and return the last step and how many were made; stops where an episode ends."""
    obs, _ = env.reset(seed=1)
    for made in range(1, steps + 1):
        obs, reward, terminated, truncated, infos = env.step(steering(obs, **wish))
        if terminated[0] or truncated[0]:
            return obs, reward[0], bool(terminated[0]), bool(truncated[0]), infos, made
    raise AssertionError(f"no episode ended within {steps} steps")


def test_keeps_the_promises_of_every_environment(make):
    env = make(max_episode_steps=12)
    obs, _ = env.reset(seed=1)
    assert obs["camera"].std() > 5, "the camera must not be blank"
    finals = 0
    for _ in range(30):
        assert obs in env.observation_space
        previous = obs
        obs, reward, terminated, truncated, infos = env.step(steering(obs))
        assert reward.dtype == np.float32
        assert sum(infos["reward_components"].values())[0] == pytest.approx(reward[0], abs=1e-6)
        last = infos.get("final_obs", obs)
        assert np.array_equal(last["camera"][:, :-1], previous["camera"][:, 1:])
        if terminated[0] or truncated[0]:
            finals += 1
            assert infos["_final_obs"].all()
            assert last in env.observation_space
            # A new episode starts with one picture, repeated.
            assert (obs["camera"] == obs["camera"][:, -1:]).all()
    assert finals >= 2


def test_a_good_driver_earns_and_reaches_the_time_limit(make):
    env = make(vehicles=0, max_episode_steps=150)
    obs, _ = env.reset(seed=3)
    rewards = []
    for _ in range(150):
        obs, reward, terminated, truncated, infos = env.step(steering(obs))
        rewards.append(reward[0])
        assert not terminated[0], [name for name in infos if infos[name] is True]
    assert truncated[0]
    assert np.mean(rewards[50:]) > 0.6
    assert max(rewards) <= 0.9 + 1e-6


def test_the_vector_says_where_the_lane_is(make):
    env = make(vehicles=0)
    obs, _ = env.reset(seed=2)
    for _ in range(60):
        obs, *_ = env.step(steering(obs, lateral_m=0.6))
    vector = obs["vector"][0]
    assert vector[1] * LATERAL_UNIT_M == pytest.approx(0.6, abs=0.35)
    waypoints = vector[3:].reshape(WAYPOINTS, 2) * HORIZON_M
    assert np.hypot(*np.diff(waypoints, axis=0).T) == pytest.approx(2.0, abs=0.1)
    assert waypoints[0, 0] == pytest.approx(2.0, abs=0.3)


def test_leaving_the_road_terminates(make):
    *_, terminated, truncated, infos, _ = drive(make(vehicles=0), 200, lateral_m=-4.0)
    assert (terminated, truncated) == (True, False)
    assert infos["off_road"][0] or infos["collision"][0]
    assert infos["reward_components"]["safety"][0] <= -5


def test_driving_on_the_wrong_side_terminates_after_a_while(make):
    env = make(vehicles=0, wrong_way_limit_s=1.0)
    *_, terminated, _, infos, made = drive(env, 300, lateral_m=3.5)
    assert terminated
    assert infos["wrong_way"][0]
    assert made > 20


def test_crossing_a_lane_marking_is_counted(make):
    env = make(vehicles=0, wrong_way_limit_s=30.0)
    obs, _ = env.reset(seed=1)
    crossed = 0
    for _ in range(80):
        obs, *_, infos = env.step(steering(obs, lateral_m=3.5))
        crossed += int(infos["lane_invasions"][0])
    assert crossed >= 1


def test_standing_terminates_after_the_limit(make):
    env = make(vehicles=0, stall_limit_s=1.0)
    *_, terminated, _, infos, made = drive(env, 200, speed_share=0.0)
    assert terminated
    assert infos["stalled"][0]
    assert made >= 20


def test_the_goal_terminates_without_a_penalty(make):
    env = make(vehicles=0, route_m=100)
    *_, terminated, _, infos, made = drive(env, 600)
    assert terminated
    assert infos["goal"][0]
    assert infos["reward_components"]["safety"][0] == 0
    assert made > 100


def test_hitting_another_vehicle_terminates(make):
    env = make(vehicles=12, max_episode_steps=3000)
    obs, _ = env.reset(seed=1)
    for _ in range(3000):
        obs, _, terminated, _, infos = env.step(steering(obs, speed_share=1.5))
        if terminated[0] and infos["collision"][0]:
            break
    assert infos["collision"][0]
    assert ending_of(infos, 0) == "collision_vehicle"
    assert infos["reward_components"]["safety"][0] <= -5


def measured(env, **how):
    """Drive an episode and measure it as an evaluation does."""
    task = CARLA.describe(env.config).driving
    policy = partial(steering, **how)
    (episode,) = evaluate(env, policy, episodes=1, seed=1, gamma=0.99, driving=task)
    return episode.driven


def test_a_good_drive_is_measured_as_one(make):
    driven = measured(make(vehicles=0, route_m=100))
    assert (driven.ending, driven.success, driven.route_completion) == ("goal", True, 1.0)
    # Routes end with a piece of road, so that they may be longer than asked for.
    assert driven.distance_m > 95.0
    assert driven.mean_speed_mps == pytest.approx(
        driven.distance_m / (0.05 * driven.steps), rel=0.05
    )
    assert driven.lateral_rms_m < 0.5
    assert driven.driving_score_2_1 == pytest.approx(100.0, abs=5.0)


def test_a_bad_drive_is_measured_as_one(make):
    driven = measured(make(vehicles=0, wrong_way_limit_s=1.0), lateral_m=3.5)
    assert (driven.ending, driven.success) == ("wrong_way", False)
    assert driven.lane_invasions >= 1
    assert driven.outside_lanes_share > 0.2
    assert driven.driving_score_2_0 < 50.0


def test_ticks_per_step_make_steps_longer(make):
    env = make(vehicles=0, ticks_per_step=2)
    obs, _ = env.reset(seed=1)
    for _ in range(40):
        obs, _, _, _, infos = env.step(steering(obs))
    # Progress is measured against the simulated time, whatever the length of a step.
    assert infos["reward_components"]["progress"][0] == pytest.approx(0.3, abs=0.06)


def test_blind_environment(make):
    env = make(camera_size=0)
    obs, _ = env.reset(seed=1)
    assert list(obs) == ["vector"]
    obs, *_ = env.step(steering(obs))
    assert obs in env.observation_space


def test_an_action_that_is_no_number_is_refused(make):
    env = make()
    env.reset(seed=1)
    with pytest.raises(ValueError, match="holds NaN"):
        env.step(np.array([[np.nan, 0]], np.float32))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"weather": ("Sunny",)}, "env.weather: Sunny is unknown; there are ClearN"),
        ({"ego": "vehicle.no.such"}, "knows no blueprint vehicle.no.such"),
        ({"town": "Town99"}, "cannot load env.town Town99"),
    ],
)
def test_what_the_server_lacks_is_said_in_a_sentence(make, settings, sentence):
    with pytest.raises(UnsupportedEnvironmentError, match=sentence):
        make(**settings).reset(seed=1)


def test_the_world_is_given_back_as_it_was(carla_server, config):
    import carla

    client = carla.Client(carla_server.host, carla_server.port)
    client.set_timeout(20.0)
    before = client.get_world().get_settings()
    env = CarlaVectorEnv(config(vehicles=5))
    env.reset(seed=1)
    for _ in range(5):
        env.step(np.zeros((1, 2), np.float32))
    env.reset(seed=2)
    env.close()
    # Another client: the first one's world is from before.
    after = carla.Client(carla_server.host, carla_server.port)
    after.set_timeout(20.0)
    world = after.get_world()
    world.wait_for_tick() if carla_server.real else None
    assert (world.get_settings().synchronous_mode, world.get_settings().fixed_delta_seconds) == (
        before.synchronous_mode,
        before.fixed_delta_seconds,
    )
    actors = world.get_actors()
    assert len(actors.filter("vehicle.*")) == len(actors.filter("sensor.*")) == 0


def test_actors_of_a_client_that_died_are_removed(carla_server, config, capfd):
    code = (
        "import sys, os, json; from trainer.envs.carla.env import *;"
        "env = CarlaVectorEnv(CarlaConfig(**json.loads(sys.argv[1])));"
        "env.reset(seed=1); os._exit(0)"
    )
    settings = config(vehicles=3).model_dump_json()
    subprocess.run([sys.executable, "-c", code, settings], cwd=ROOT, check=True, timeout=120)
    env = CarlaVectorEnv(config(vehicles=0))
    env.reset(seed=1)
    env.close()
    # The vehicle, three others and two server-side sensors at least.
    assert "removed" in capfd.readouterr().err


def test_fewer_vehicles_than_asked_for_are_a_lost_simulator(only_the_double, config):
    """Places that are taken make another, easier task; what was spawned is removed again."""
    import carla

    client = carla.Client(only_the_double.host, only_the_double.port)
    client.set_timeout(20.0)
    env = CarlaVectorEnv(config(vehicles=30))
    env.reset(seed=1)
    env.drivings[0]._remove_actors()
    world = client.get_world()
    places = world.get_map().get_spawn_points()[10:]
    parked = world.get_blueprint_library().find("vehicle.nissan.patrol_2021")
    spawn = carla.command.SpawnActor
    client.apply_batch_sync([spawn(parked, place) for place in places], False)
    with pytest.raises(SimulatorLostError, match="free places to start from on Town01 for only"):
        env.reset(seed=2)
    env.close()
    again = CarlaVectorEnv(config(vehicles=30))
    again.reset(seed=1)
    again.close()


def test_gymnasium_checker_passes(config):
    env = CarlaEnv(config())
    check_env(env, skip_render_check=True)
    env.close()
    registered = gymnasium.make(GYMNASIUM_ID, config=config(), render_mode="rgb_array")
    registered.reset(seed=1)
    assert registered.render().shape == (84, 84, 3)
    registered.close()


def test_stable_baselines3_checker_passes(config):
    sb3 = pytest.importorskip("stable_baselines3.common.env_checker")
    env = CarlaEnv(config())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Stable-Baselines3 takes a stack of four grey images for an image with four channels.
        warnings.filterwarnings("ignore", message=".*image.*")
        sb3.check_env(env, warn=True)
    env.close()


def trajectory_hash(config, seed, steps=150):
    env = CarlaVectorEnv(config)
    digest = hashlib.sha256()
    obs, _ = env.reset(seed=seed)
    actions = np.random.default_rng(seed).uniform(-1, 1, (steps, 1, 2)).astype(np.float32)
    ends = 0
    for action in actions * np.float32([0.6, 1.0]):
        for part in (obs["vector"], obs["camera"]):
            digest.update(part.tobytes())
        obs, reward, terminated, truncated, _ = env.step(action)
        digest.update(reward.tobytes())
        ends += int(terminated[0] | truncated[0])
    env.close()
    return digest.hexdigest(), ends


def test_a_seed_gives_one_trajectory_in_two_processes_and_two_seeds_give_two(
    only_the_double, config
):
    settings = config(vehicles=8, max_episode_steps=60)
    code = (
        "import sys, json; from tests.trainer.envs.carla.test_env import *;"
        "settings = CarlaConfig(**json.loads(sys.argv[1]));"
        "print(*(trajectory_hash(settings, seed)[0] for seed in (1, 2)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, settings.model_dump_json()],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    (first, ends), (second, _) = trajectory_hash(settings, 1), trajectory_hash(settings, 2)
    assert done.stdout.split() == [first, second]
    assert first != second
    assert ends >= 2, "the test must cover resets"


def test_policies_of_drive_and_carla_are_exchanged(make, tmp_path):
    torch = pytest.importorskip("torch")
    from trainer.agents.td3 import TD3
    from trainer.config import TrainConfig
    from trainer.envs.drive.config import DriveConfig
    from trainer.envs.drive.environment import DRIVE
    from trainer.envs.driving.spaces import describe_driving
    from trainer.observation import Observation, ObservationShape

    def agent(config):
        spec = describe_driving(config, step_s=0.1, camera="", pedal="")
        shape = ObservationShape(camera=spec.camera_shape, vector=spec.vector_dim)
        return TD3(TrainConfig(features_dim=16, hidden_sizes=(16,)), shape, spec.action_dim)

    def action(agent, obs):
        parts = (torch.from_numpy(obs[name]) for name in ("camera", "vector"))
        return agent.act(Observation(*parts)).numpy()

    drive_config = DriveConfig(camera_size=84)
    drive_env = DRIVE.make(drive_config, 1, 0, print)
    carla_env = make(vehicles=0)
    for trained_in, used_in, env in (
        (drive_config, carla_env.config, carla_env),
        (carla_env.config, drive_config, drive_env),
    ):
        torch.manual_seed(1)
        ours = agent(trained_in)
        torch.save({"agent": ours.state_dict()}, tmp_path / "policy.ckpt")
        torch.manual_seed(2)
        theirs = agent(used_in)
        obs, _ = env.reset(seed=1)
        assert not np.array_equal(action(theirs, obs), action(ours, obs))
        theirs.load_state_dict(torch.load(tmp_path / "policy.ckpt", weights_only=True)["agent"])
        for _ in range(3):
            assert np.array_equal(action(theirs, obs), action(ours, obs))
            obs, *_ = env.step(action(theirs, obs))
    assert drive_env.single_observation_space == carla_env.single_observation_space
    assert drive_env.single_action_space == carla_env.single_action_space
    drive_env.close()


def test_the_traffic_manager_drives_the_others(make):
    env = make(vehicles=4, traffic="traffic_manager", warm_up_ticks=20)
    env.reset(seed=1)
    driving = env.drivings[0]
    for _ in range(60):
        env.step(np.zeros((1, 2), np.float32))
    _, velocities = driving._episode.others(driving._scene.tick)
    assert len(velocities) == 4
    assert np.abs(velocities).max() > 1.0


def test_the_autopilot_drives_the_route_whatever_the_actions_are(make):
    env = make(vehicles=1, traffic="traffic_manager", max_episode_steps=200)
    driver = CARLA.rule_based(env)
    obs, _ = env.reset(seed=2)
    driven_m = 0.0
    for _ in range(200):
        full_brake_to_the_left = driver(obs) + np.float32([[1.0, -1.0]])
        obs, _, terminated, truncated, infos = env.step(full_brake_to_the_left)
        driven_m += float(infos["driving"][0, 4])
        if terminated[0] or truncated[0]:
            break
    assert not infos["off_road"][0]
    assert driven_m > 15.0


def test_nobody_drives_by_rules_without_a_traffic_manager(make):
    with pytest.raises(UnsupportedEnvironmentError, match="set it to traffic_manager"):
        CARLA.rule_based(make())
