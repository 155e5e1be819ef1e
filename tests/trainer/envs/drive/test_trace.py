"""The trace of `drive` agrees with what was driven."""

import numpy as np
import pytest

from tests.trainer.envs.reference_drivers import crash, pursuit
from trainer.driving.episode import measure
from trainer.envs.drive.config import DriveConfig
from trainer.envs.drive.env import DriveVectorEnv
from trainer.envs.drive.environment import DRIVE
from trainer.envs.driving.trace import TRACE, ending_of

CONFIG = DriveConfig(camera_size=0, vehicles=0)
SPEC = DRIVE.describe(CONFIG)


def drive_one(driver, config=CONFIG, seed=0):
    env = DriveVectorEnv(config, num_envs=1)
    obs, _ = env.reset(seed=seed)
    steps = []
    while True:
        obs, _, terminated, truncated, infos = env.step(driver(obs, env.simulation))
        steps.append(infos["driving"][0])
        if terminated[0] or truncated[0]:
            return measure(np.array(steps), ending_of(infos, 0), SPEC.driving)


def test_route_is_what_the_slowest_traffic_drives_in_the_time_limit():
    assert SPEC.driving.route_m == pytest.approx(0.7 * 8.0 * 30.0)


def test_a_good_driver_on_an_empty_road_succeeds():
    driven = drive_one(pursuit)
    assert driven.ending == "time_limit"
    assert driven.success
    assert driven.driving_score_2_1 == 100.0
    assert driven.distance_m == pytest.approx(8.0 * 30.0, rel=0.03)
    assert driven.lane_invasions == 0
    assert driven.lateral_rms_m < 0.4


def test_a_crawler_stays_on_the_road_and_completes_no_route():
    driven = drive_one(lambda obs, sim: pursuit(obs, sim, speed_mps=2.0))
    assert driven.ending == "time_limit"
    assert not driven.success
    assert driven.route_completion < 0.5


def test_leaving_the_road_is_an_invasion_and_an_ending():
    driven = drive_one(crash)
    assert driven.ending == "off_road"
    assert driven.lane_invasions >= 1
    assert driven.route_completion < 0.2


def test_traces_of_an_environment_do_not_depend_on_how_many_there_are():
    alone, many = (DriveVectorEnv(CONFIG, num_envs=n) for n in (1, 5))
    one, _ = alone.reset(seed=3)
    all_obs, _ = many.reset(seed=3)
    for _ in range(120):
        one, *_, infos = alone.step(pursuit(one, alone.simulation))
        all_obs, *_, all_infos = many.step(pursuit(all_obs, many.simulation))
        assert np.array_equal(infos["driving"][0], all_infos["driving"][0])
        assert infos["driving"].shape == (1, len(TRACE))
