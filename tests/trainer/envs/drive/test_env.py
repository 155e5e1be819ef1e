"""The faces of the driving simulator: spaces, resets, determinism, state."""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode
from pydantic import ValidationError

from tests.trainer.envs.reference_drivers import park, pursuit
from trainer.envs.drive.config import DriveConfig
from trainer.envs.drive.env import GYMNASIUM_ID, DriveEnv, DriveVectorEnv
from trainer.envs.driving.reward import REWARD_COMPONENTS
from trainer.envs.generator_state import pack_generators, unpack_generators

CONFIG = DriveConfig(camera_size=24, roads=4)


def actions_for(env_index, steps):
    rng = np.random.default_rng([99, env_index])
    actions = rng.uniform(-1, 1, (steps, 2)).astype(np.float32)
    actions[:, 0] *= 0.3
    return actions


def trajectory(num_envs, seed, steps=250, watch=3, config=CONFIG):
    watch = min(watch, num_envs)
    env = DriveVectorEnv(config, num_envs=num_envs)
    obs, _ = env.reset(seed=seed)
    actions = np.stack([actions_for(i, steps) for i in range(num_envs)], axis=1)
    log = [{name: array[:watch] for name, array in obs.items()}]
    ends = 0
    for action in actions:
        obs, reward, terminated, truncated, _ = env.step(action)
        step = {name: array[:watch] for name, array in obs.items()}
        step |= {"reward": reward[:watch], "terminated": terminated[:watch]}
        log.append(step)
        ends += int((terminated | truncated)[:watch].sum())
    assert ends > watch, "the test must cover resets"
    return log


def same(a, b):
    return len(a) == len(b) and all(
        x.keys() == y.keys() and all(np.array_equal(x[k], y[k]) for k in x)
        for x, y in zip(a, b, strict=True)
    )


def test_same_seed_same_trajectory_and_another_seed_another():
    assert same(trajectory(3, 1), trajectory(3, 1))
    assert not same(trajectory(3, 1), trajectory(3, 2))


@pytest.mark.parametrize("num_envs", [1, 2, 3, 19])
def test_trajectory_of_an_environment_does_not_depend_on_how_many_there_are(num_envs):
    watch = min(num_envs, 3)
    assert same(trajectory(num_envs, 1, watch=watch), trajectory(8, 1, watch=watch))


def test_environments_of_one_seed_differ():
    obs, _ = DriveVectorEnv(CONFIG, num_envs=8).reset(seed=0)
    assert len({row.tobytes() for row in obs["vector"]}) == 8


def test_single_environment_is_environment_0_of_the_vector():
    single, vector = DriveEnv(CONFIG), DriveVectorEnv(CONFIG, num_envs=2)
    one, _ = single.reset(seed=5)
    many, _ = vector.reset(seed=5)
    for action in actions_for(0, 200):
        assert all(np.array_equal(one[k], many[k][0]) for k in one)
        one, reward, terminated, truncated, info = single.step(action)
        many, rewards, terms, truncs, infos = vector.step(np.stack([action, action]))
        assert (reward, terminated, truncated) == (rewards[0], terms[0], truncs[0])
        parts = infos["reward_components"]
        assert info["reward_components"] == {name: part[0] for name, part in parts.items()}
        if terminated or truncated:
            one, _ = single.reset()


def test_seed_list():
    env = DriveVectorEnv(CONFIG, num_envs=2)
    obs, _ = env.reset(seed=[4, 5])
    alone, _ = DriveEnv(CONFIG).reset(seed=5)
    assert np.array_equal(obs["vector"][1], alone["vector"])
    with pytest.raises(ValueError, match="3 seeds were given for 2"):
        env.reset(seed=[1, 2, 3])


def test_reset_without_seed_goes_on_with_the_generator():
    env = DriveEnv(CONFIG)
    first, _ = env.reset(seed=1)
    second, _ = env.reset()
    again, _ = env.reset(seed=1)
    assert np.array_equal(first["vector"], again["vector"])
    assert not np.array_equal(first["vector"], second["vector"])
    assert np.array_equal(env.reset()[0]["vector"], second["vector"])


def test_state_round_trip_continues_exactly():
    env = DriveVectorEnv(CONFIG, num_envs=4)
    obs, _ = env.reset(seed=3)
    actions = np.stack([actions_for(i, 400) for i in range(4)], axis=1)
    for action in actions[:150]:
        obs, *_ = env.step(action)
    state = env.get_state()
    assert all(type(array) is np.ndarray and array.dtype != object for array in state.values())
    expected = [env.step(action) for action in actions[150:]]
    assert any(step[2].any() for step in expected), "the test must cover resets"

    other = DriveVectorEnv(CONFIG, num_envs=4)
    other.reset(seed=77)
    for action in actions[:30]:
        other.step(action)
    resumed = other.set_state(state)
    assert all(np.array_equal(resumed[k], obs[k]) for k in obs)
    for action, step in zip(actions[150:], expected, strict=True):
        got = other.step(action)
        assert all(np.array_equal(got[0][k], step[0][k]) for k in obs)
        assert all(np.array_equal(got[j], step[j]) for j in (1, 2, 3))


@pytest.mark.parametrize("driver", [park, pursuit])
def test_state_holds_queues_and_standing_time(driver):
    config = DriveConfig(camera_size=0, roads=4, vehicles=10, stall_limit_s=12)
    env, other = (DriveVectorEnv(config, num_envs=6) for _ in range(2))
    obs, _ = env.reset(seed=3)
    other.reset(seed=4)
    for _ in range(60):
        obs, *_ = env.step(driver(obs, env.simulation))
    resumed = other.set_state(env.get_state())
    for _ in range(250):
        assert np.array_equal(resumed["vector"], obs["vector"])
        obs, *rest = env.step(driver(obs, env.simulation))
        resumed, *resumed_rest = other.step(driver(resumed, other.simulation))
        assert np.array_equal(rest[0], resumed_rest[0])
        assert np.array_equal(env.simulation.traffic.arc_m, other.simulation.traffic.arc_m)
        assert np.array_equal(rest[1], resumed_rest[1])


def test_standing_ends_an_episode_after_the_limit_each_time():
    config = DriveConfig(camera_size=0, roads=4, vehicles=0, stall_limit_s=2)
    env = DriveVectorEnv(config, num_envs=5)
    obs, _ = env.reset(seed=0)
    standing = np.zeros(5, int)
    ends = 0
    for _ in range(250):
        obs, _, terminated, _, infos = env.step(park(obs, env.simulation))
        last_speed = infos.get("final_obs", obs)["vector"][:, 0] * 8
        standing = np.where(last_speed < 1.0, standing + 1, 0)
        assert np.array_equal(infos["stalled"], standing >= 20)
        assert np.array_equal(terminated, infos["stalled"])
        ends += int(terminated.sum())
        standing[terminated] = 0
    assert ends >= 20


def test_constant_steering_drives_a_circle_with_the_heading_along_it():
    env = DriveVectorEnv(DriveConfig(camera_size=0, vehicles=0), num_envs=1)
    env.reset(seed=0)
    simulation = env.simulation
    simulation.speed_mps[:] = 5
    radius_m = 2.7 / np.tan(0.35 * 0.5)
    centre = simulation.position + 1j * radius_m * np.exp(1j * simulation.heading_rad)
    for _ in range(300):
        simulation.step(np.float32([[0.5, 0]]))  # off the road, but nobody resets it
        spoke = (simulation.position - centre) / np.exp(1j * simulation.heading_rad)
        assert spoke.imag == pytest.approx(-radius_m, rel=2e-3)
        assert spoke.real == pytest.approx(0, abs=0.02)


def test_generators_survive_as_plain_numbers():
    generators = [np.random.default_rng([1, i]) for i in range(3)]
    for i, generator in enumerate(generators):
        generator.integers(0, 9, i + 1, dtype=np.uint32)  # may leave half a word behind
    copies = unpack_generators(pack_generators(generators))
    for generator, copy in zip(generators, copies, strict=True):
        assert copy.bit_generator.state == generator.bit_generator.state
        assert copy.integers(0, 1 << 30, 5, dtype=np.uint32).tolist() == (
            generator.integers(0, 1 << 30, 5, dtype=np.uint32).tolist()
        )


def test_state_of_another_shape_is_refused_and_changes_nothing():
    env = DriveVectorEnv(CONFIG, num_envs=2)
    env.reset(seed=0)
    before = env.get_state()
    with pytest.raises(ValueError, match=r"'road' has shape \(3,\).*needs \(2,\)"):
        env.set_state(DriveVectorEnv(CONFIG, num_envs=3).get_state())
    with pytest.raises(ValueError, match="but this environment needs"):
        env.set_state({"road": before["road"]})
    after = env.get_state()
    assert all(np.array_equal(before[k], after[k]) for k in before)


def test_final_observation_and_reset_in_the_same_step():
    config = DriveConfig(camera_size=24, roads=4, max_episode_steps=20)
    env = DriveVectorEnv(config, num_envs=6)
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    obs, _ = env.reset(seed=2)
    lengths = np.zeros(6, int)
    seen = {"terminated": 0, "truncated": 0}
    for _ in range(200):
        action = pursuit(obs, env.simulation)
        action[:3] = [1, 1]  # three leave the road, three reach the limit
        previous = obs
        obs, _, terminated, truncated, infos = env.step(action)
        lengths += 1
        ended = terminated | truncated
        assert np.array_equal(truncated, lengths >= 20)
        assert np.array_equal(terminated, infos["collision"] | infos["off_road"] | infos["stalled"])
        if not ended.any():
            assert "final_obs" not in infos
            last = obs
        else:
            last = infos["final_obs"]
            assert np.array_equal(infos["_final_obs"], ended)
            assert np.array_equal(infos["final_info"]["off_road"], infos["off_road"])
            assert np.array_equal(last["vector"][~ended], obs["vector"][~ended])
            assert not np.array_equal(last["vector"][ended], obs["vector"][ended])
            # A new episode starts with one picture, repeated.
            assert (obs["camera"][ended] == obs["camera"][ended][:, -1:]).all()
        # The last observation continues the episode that ended.
        assert np.array_equal(last["camera"][:, :-1], previous["camera"][:, 1:])
        seen["terminated"] += int(terminated.sum())
        seen["truncated"] += int(truncated.sum())
        lengths[ended] = 0
    assert seen["terminated"] >= 10
    assert seen["truncated"] >= 20


def test_observations_are_not_changed_by_later_steps():
    env = DriveVectorEnv(CONFIG, num_envs=2)
    obs, _ = env.reset(seed=0)
    copies = {name: array.copy() for name, array in obs.items()}
    _, reward, *_ = env.step(np.ones((2, 2), np.float32))
    reward_copy = reward.copy()
    for _ in range(60):
        env.step(np.ones((2, 2), np.float32))
    assert all(np.array_equal(obs[k], copies[k]) for k in obs)
    assert np.array_equal(reward, reward_copy)


def test_observations_lie_in_their_space():
    env = DriveVectorEnv(CONFIG, num_envs=16)
    obs, _ = env.reset(seed=0)
    for action in np.random.default_rng(0).uniform(-1, 1, (300, 16, 2)).astype(np.float32):
        assert obs in env.observation_space
        obs, reward, *_, infos = env.step(action)
        assert reward.dtype == np.float32
        assert np.isfinite(reward).all()
        assert tuple(infos["reward_components"]) == REWARD_COMPONENTS
        if "final_obs" in infos:
            assert infos["final_obs"] in env.observation_space


def test_vector_says_where_the_lane_is():
    env = DriveVectorEnv(DriveConfig(camera_size=0), num_envs=50)
    obs, _ = env.reset(seed=1)
    vector, simulation = obs["vector"], env.simulation
    assert vector[:, 0] * 8 == pytest.approx(simulation.speed_mps)
    waypoints = vector[:, 3:].reshape(50, 25, 2) * 50
    # About two metres apart, the first about two metres ahead, the lane where lateral says it is.
    assert np.abs(np.hypot(*np.diff(waypoints, axis=1).T) - 2).max() < 0.4
    assert np.abs(waypoints[:, 0, 0] - 2).max() < 0.5
    heading = vector[:, 2] * 0.5
    expected = -vector[:, 1] * 1.75 - 2 * np.tan(heading)
    assert waypoints[:, 0, 1] == pytest.approx(expected, abs=0.25)


def test_double_precision_actions_change_no_type():
    env = DriveVectorEnv(CONFIG, num_envs=2)
    env.reset(seed=0)
    obs, reward, *_ = env.step(np.zeros((2, 2)))
    assert obs["vector"].dtype == reward.dtype == np.float32
    assert env.simulation.speed_mps.dtype == np.float32


def test_camera_may_be_left_out():
    env = DriveVectorEnv(DriveConfig(camera_size=0), num_envs=2)
    obs, _ = env.reset(seed=0)
    assert list(obs) == ["vector"]
    assert list(env.single_observation_space) == ["vector"]
    obs, *_ = env.step(np.zeros((2, 2), np.float32))
    assert obs in env.observation_space


def test_camera_changes_nothing_but_itself():
    log = trajectory(3, 1)
    blind = trajectory(3, 1, config=CONFIG.model_copy(update={"camera_size": 0}))
    assert same([{k: v for k, v in step.items() if k != "camera"} for step in log], blind)


def test_time_limit_does_not_hide_a_termination():
    env = DriveVectorEnv(DriveConfig(camera_size=0, max_episode_steps=1), num_envs=1)
    env.reset(seed=0)
    env.simulation.position += 30  # far off the road
    _, _, terminated, truncated, _ = env.step(np.zeros((1, 2), np.float32))
    assert terminated
    assert truncated


def test_gymnasium_checker_passes():
    check_env(DriveEnv(CONFIG), skip_render_check=True)
    env = gymnasium.make(GYMNASIUM_ID, camera_size=36, render_mode="rgb_array")
    check_env(env.unwrapped)


def test_stable_baselines3_checker_passes():
    sb3 = pytest.importorskip("stable_baselines3.common.env_checker")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Stable-Baselines3 takes a stack of four grey images for an image with four channels.
        warnings.filterwarnings("ignore", message=".*image.*")
        sb3.check_env(DriveEnv(DriveConfig(camera_size=84, roads=4)), warn=True)


def test_registered_with_gymnasium():
    env = gymnasium.make(GYMNASIUM_ID, camera_size=0, vehicles=1)
    assert env.unwrapped.config == DriveConfig(camera_size=0, vehicles=1)
    vector = gymnasium.make_vec(
        GYMNASIUM_ID, 3, vectorization_mode="vector_entry_point", camera_size=0
    )
    assert vector.reset(seed=0)[0]["vector"].shape == (3, 53)


def test_render():
    env = DriveEnv(CONFIG, render_mode="rgb_array")
    obs, _ = env.reset(seed=0)
    image = env.render()
    assert image.shape == (24, 24, 3)
    assert np.array_equal(image[:, :, 1], obs["camera"][-1])


@pytest.mark.parametrize(
    "bad",
    [
        {"camera_sise": 32},
        {"camera_size": -1},
        {"camera_span_m": float("nan")},
        {"max_episode_steps": 0},
        {"vehicles": 99},
        {"reward": {"target_speed_mps": 0}},
        {"id": "drve"},
    ],
)
def test_config_rejects(bad):
    with pytest.raises(ValidationError):
        DriveConfig(**bad)
