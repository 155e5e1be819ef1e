"""The task is worth learning: solvable, not by luck, not by parking or crashing, not blindly."""

import numpy as np
import pytest

from tests.trainer.envs.reference_drivers import (
    blind_pursuit,
    crash,
    drive,
    park,
    pursuit,
    random_driver,
)
from trainer.envs.drive.config import DriveConfig
from trainer.envs.drive.env import DriveVectorEnv

EPISODES = 200


def results(driver, **settings):
    env = DriveVectorEnv(DriveConfig(camera_size=0, **settings), num_envs=EPISODES)
    return drive(env, driver, seed=7)


def test_reference_driver_reaches_the_time_limit():
    lengths, returns, ends = results(pursuit)
    assert (ends == "limit").mean() > 0.97
    assert lengths.max() == 300
    assert returns.mean() > 200
    assert returns.max() < 0.9 * 300


@pytest.mark.parametrize("settings", [{"road_seed": 5}, {"vehicles": 8}, {"vehicles": 0}])
def test_reference_driver_masters_other_roads_and_traffic(settings):
    _, returns, ends = results(pursuit, **settings)
    assert (ends == "limit").mean() > 0.95
    assert returns.mean() > 180


def test_driving_blindly_ends_in_collisions():
    _, _, ends = results(blind_pursuit)
    assert 0.15 < (ends == "collision").mean() < 0.6
    assert (ends == "off_road").mean() == 0


def test_random_actions_end_early():
    lengths, returns, ends = results(random_driver(1))
    assert 10 < lengths.mean() < 45
    assert (lengths >= 300).mean() < 0.01
    assert (ends == "off_road").mean() > 0.8
    assert abs(returns.mean()) < 15


def test_doing_nothing_ends_early():
    lengths, _, ends = results(lambda obs, _: np.zeros((len(obs["vector"]), 2), np.float32))
    assert 10 < lengths.mean() < 45
    assert (ends == "off_road").mean() > 0.8


def test_neither_parking_nor_crashing_pays():
    good = results(pursuit)[1].mean()
    slow = results(lambda o, s: pursuit(o, s, speed_mps=2.0))[1].mean()
    parked_lengths, parked, ends = results(park)
    crashed = results(crash)[1]
    assert (ends == "stalled").all()
    assert parked_lengths.max() < 100
    assert good > 4 * slow > 0
    assert max(parked.max(), crashed.max()) < 3 < slow


def test_per_step_reward_of_good_driving_is_clearly_positive_and_bounded():
    env = DriveVectorEnv(DriveConfig(camera_size=0), num_envs=100)
    obs, _ = env.reset(seed=3)
    rewards = []
    for _ in range(200):
        obs, reward, terminated, _, infos = env.step(pursuit(obs, env.simulation))
        assert np.allclose(sum(infos["reward_components"].values()), reward, atol=1e-6)
        rewards.append(reward[~terminated])
    rewards = np.concatenate(rewards)
    assert rewards.mean() > 0.7
    assert rewards.min() > -1
    assert rewards.max() <= 0.9 + 1e-6
