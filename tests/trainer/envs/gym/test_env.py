"""Registered Gymnasium environments through the common form."""

import sys

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.error import DependencyNotInstalled

from trainer.envs.errors import (
    MissingExtraError,
    UnknownEnvironmentError,
    UnsupportedEnvironmentError,
)
from trainer.envs.gym.config import GymConfig
from trainer.envs.gym.env import GymVectorEnv, make_env
from trainer.envs.gym.observation import ObservationAdapter


class Counter(gymnasium.Env):
    """Shows how many steps were made; ends after `end` steps."""

    def __init__(self, observation_space, action_space, end=5, terminates=False):
        self.observation_space, self.action_space = observation_space, action_space
        self.end, self.terminates = end, terminates

    def _fill(self, space):
        if isinstance(space, spaces.Dict):
            return {key: self._fill(part) for key, part in space.spaces.items()}
        if isinstance(space, spaces.Tuple):
            return tuple(self._fill(part) for part in space.spaces)
        if isinstance(space, spaces.Discrete):
            return self.count % space.n
        return np.full(space.shape, self.count, space.dtype)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.count = 0
        return self._fill(self.observation_space), {}

    def step(self, action):
        self.last_action = action
        self.count += 1
        ended = self.count >= self.end
        observation = self._fill(self.observation_space)
        return (
            observation,
            float(self.count),
            ended and self.terminates,
            ended and not self.terminates,
            {},
        )


BOX = spaces.Box(-1, 1, (2,), np.float32)


@pytest.fixture
def register():
    """Register an environment under a name that disappears after the test."""
    names = []

    def _register(entry_point, name="Counter-v0"):
        gymnasium.register(name, entry_point=entry_point, order_enforce=False)
        names.append(name)
        return GymConfig(id=f"gym:{name}", camera_size=16)

    yield _register
    for name in names:
        del gymnasium.registry[name]


def test_pendulum_is_pendulum_with_its_action_rescaled():
    env = GymVectorEnv(GymConfig(id="gym:Pendulum-v1"), num_envs=2)
    assert env.max_episode_steps == 200
    obs, _ = env.reset(seed=[11, 12])
    raw = gymnasium.make("Pendulum-v1")
    expected, _ = raw.reset(seed=12)
    assert list(obs) == ["vector"]
    rng = np.random.default_rng(0)
    for k in range(200):
        assert np.array_equal(obs["vector"][1], expected)
        action = rng.uniform(-1, 1, (2, 1)).astype(np.float32)
        obs, reward, terminated, truncated, infos = env.step(action)
        expected, raw_reward, *_ = raw.step(2 * action[1])
        assert reward[1] == pytest.approx(raw_reward, abs=1e-6)
        assert not terminated.any()
        assert truncated.all() == (k == 199)
        assert infos["reward_components"] == {}
    assert np.array_equal(infos["final_obs"]["vector"][1], expected)
    assert infos["_final_obs"].all()
    assert not np.array_equal(obs["vector"][1], expected)
    env.close()


def test_seeds_decide_and_neighbouring_seeds_share_no_episode():
    env = GymVectorEnv(GymConfig(id="gym:Pendulum-v1"), num_envs=5)
    first, again, other = (env.reset(seed=s)[0]["vector"] for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert len(np.unique(np.concatenate([first, other]), axis=0)) == 10
    with pytest.raises(ValueError, match="2 seeds were given for 5"):
        env.reset(seed=[1, 2])


def test_actions_reach_the_bounds_and_keep_their_shape(register):
    low, high = np.array([[-3, 0], [1, -1]], np.float32), np.array([[3, 10], [2, 1]], np.float32)
    config = register(lambda: Counter(spaces.Box(-1, 1, (3,)), spaces.Box(low, high)))
    env = GymVectorEnv(config)
    env.reset(seed=0)
    assert env.single_action_space == spaces.Box(-1, 1, (4,), np.float32)
    for action, expected in (
        ([-1, -1, -1, -1], low),
        ([1, 1, 1, 1], high),
        ([0, 0, 0, 0], (low + high) / 2),
        ([9, -9, 9, -9], np.where([[True, False], [True, False]], high, low)),
    ):
        env.step(np.float32([action]))
        assert np.allclose(env._envs[0].unwrapped.last_action, expected)


def test_mixed_observation_becomes_one_vector_and_one_image(register):
    space = spaces.Dict(
        {
            "grid": spaces.Box(-np.inf, np.inf, (2, 3), np.float64),
            "picture": spaces.Box(0, 255, (40, 60, 3), np.uint8),
            "inner": spaces.Tuple([spaces.Discrete(4), spaces.Box(0, 9, ())]),
        }
    )
    config = register(lambda: Counter(space, BOX, end=3))
    env = GymVectorEnv(config, num_envs=2)
    assert (env.vector_dim, env.camera_shape, env.action_dim) == (6 + 4 + 1, (4, 16, 16), 2)
    obs, _ = env.reset(seed=0)
    assert obs in env.observation_space
    for count in (1, 2):
        obs, *_ = env.step(np.zeros((2, 2), np.float32))
        vector = [*[count] * 6, *np.eye(4)[count], count]
        # Dict spaces are kept in their own order, keys sorted by Gymnasium where it does so.
        assert sorted(obs["vector"][0]) == sorted(vector)
        frames = [0] * (4 - count - 1) + list(range(count + 1))
        assert obs["camera"][0, :, 0, 0].tolist() == frames
    obs, reward, terminated, truncated, infos = env.step(np.zeros((2, 2), np.float32))
    assert reward.tolist() == [3, 3]
    assert truncated.all()
    assert not terminated.any()
    assert infos["final_obs"]["camera"][0, :, 0, 0].tolist() == [0, 1, 2, 3]
    assert not obs["camera"].any()


def test_terminated_is_not_truncated(register):
    env = GymVectorEnv(register(lambda: Counter(BOX, BOX, end=1, terminates=True)))
    env.reset(seed=0)
    _, _, terminated, truncated, _ = env.step(np.zeros((1, 2), np.float32))
    assert terminated
    assert not truncated


def test_time_limit_can_be_overridden():
    env = GymVectorEnv(GymConfig(id="gym:Pendulum-v1", max_episode_steps=3))
    env.reset(seed=0)
    truncated = [bool(env.step(np.zeros((1, 1), np.float32))[3][0]) for _ in range(6)]
    assert truncated == [False, False, True, False, False, True]
    assert env.max_episode_steps == 3


def test_returned_observations_are_not_changed_by_later_steps(register):
    env = GymVectorEnv(register(lambda: Counter(spaces.Box(0, 255, (20, 20), np.uint8), BOX)))
    obs, _ = env.reset(seed=0)
    env.step(np.zeros((1, 2), np.float32))
    assert not obs["camera"].any()
    assert obs["vector"].shape == (1, 0)


@pytest.mark.parametrize("shape", [(40, 60), (40, 60, 1), (40, 60, 3), (40, 60, 4), (4, 40, 60)])
def test_images_shrink_by_area_without_changing_their_brightness(shape):
    adapter = ObservationAdapter(spaces.Box(0, 255, shape, np.uint8), 10)
    image = np.zeros(shape, np.uint8)
    picture = image[-1] if shape[0] == 4 else image
    picture[:, :30] = 200  # the left half is light
    picture[20:, 30:] = 100
    out = np.zeros((10, 10), np.uint8)
    adapter.image(image, out)
    assert (out[:, :5] == 200).all()
    assert (out[:5, 5:] == 0).all()
    assert (out[5:, 5:] == 100).all()


def test_colour_turns_grey_by_luminance():
    adapter = ObservationAdapter(spaces.Box(0, 255, (20, 20, 3), np.uint8), 8)
    out = np.zeros((8, 8), np.uint8)
    for colour, grey in (((255, 0, 0), 76), ((0, 255, 0), 150), ((0, 0, 255), 29)):
        adapter.image(np.full((20, 20, 3), colour, np.uint8), out)
        assert (out == grey).all()


def test_enlarging_keeps_every_pixel():
    adapter = ObservationAdapter(spaces.Box(0, 255, (17, 17), np.uint8), 34)
    image = np.arange(17 * 17).reshape(17, 17).astype(np.uint8)
    out = np.zeros((34, 34), np.uint8)
    adapter.image(image, out)
    assert np.array_equal(out[::2, ::2], image)


def test_two_images_are_refused(register):
    picture = spaces.Box(0, 255, (20, 20), np.uint8)
    config = register(lambda: Counter(spaces.Tuple([picture, picture]), BOX))
    with pytest.raises(UnsupportedEnvironmentError, match="gym:Counter-v0' has 2 images"):
        GymVectorEnv(config)


def test_observation_without_a_fixed_size_is_refused(register):
    space = spaces.Dict({"words": spaces.Text(5)})
    config = register(lambda: Counter(space, BOX))
    with pytest.raises(UnsupportedEnvironmentError, match=r"its part words is Text"):
        GymVectorEnv(config)


def test_discrete_action_is_refused():
    with pytest.raises(UnsupportedEnvironmentError, match="needs a Box of real numbers"):
        make_env(GymConfig(id="gym:CartPole-v1"))


def test_action_without_bounds_is_refused(register):
    config = register(lambda: Counter(BOX, spaces.Box(-np.inf, np.inf, (1,))))
    with pytest.raises(UnsupportedEnvironmentError, match="without bounds"):
        make_env(config)


def test_bad_keyword_is_refused():
    with pytest.raises(UnsupportedEnvironmentError, match=r"env.kwargs \{'gravity': 3\}"):
        make_env(GymConfig(id="gym:Pendulum-v1", kwargs={"gravity": 3}))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("Pendlum-v1", "did you mean gym:Pendulum-v1"),
        ("Pendulum-v77", "did you mean gym:Pendulum-v1"),
        ("Zzzzzz", "is not registered with Gymnasium$"),
    ],
)
def test_unknown_name_suggests_the_nearest(name, sentence):
    with pytest.raises(UnknownEnvironmentError, match=sentence):
        make_env(GymConfig(id=f"gym:{name}"))


def test_missing_package_is_named(register):
    def missing():
        raise DependencyNotInstalled("Physics is not installed, run `pip install physics`")

    with pytest.raises(MissingExtraError, match=r"gym:Counter-v0' needs .*pip install physics"):
        make_env(register(missing))


@pytest.mark.parametrize(
    ("name", "module", "install"),
    [
        ("HalfCheetah-v5", "mujoco", "gymnasium[mujoco]"),
        ("CarRacing-v3", "Box2D", "gymnasium[box2d]"),
        ("racetrack-v1", "highway_env", "highway-env"),
    ],
)
def test_known_extras_are_named(name, module, install, monkeypatch):
    # A None entry makes the import fail as if the package were absent.
    for loaded in ("mujoco_env", "mujoco_rendering", "half_cheetah_v5"):
        monkeypatch.delitem(sys.modules, f"gymnasium.envs.mujoco.{loaded}", raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError) as caught:
        make_env(GymConfig(id=f"gym:{name}"))
    assert install in str(caught.value)


def test_black_images_of_highway_env_are_refused(register):
    picture = spaces.Box(0, 255, (20, 20), np.uint8)
    config = register(lambda: Counter(picture, BOX), name="highway-black-v0")
    with pytest.raises(UnsupportedEnvironmentError, match="unset SDL_VIDEODRIVER"):
        GymVectorEnv(config).reset(seed=0)


@pytest.mark.parametrize(
    ("package", "config", "camera_shape", "vector_dim", "action_dim"),
    [
        ("mujoco", GymConfig(id="gym:HalfCheetah-v5"), None, 17, 6),
        ("Box2D", GymConfig(id="gym:CarRacing-v3", camera_size=48), (4, 48, 48), 0, 3),
        ("highway_env", GymConfig(id="gym:racetrack-v1"), None, 288, 1),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_environments_of_other_packages(
    package, config, camera_shape, vector_dim, action_dim, tmp_path, monkeypatch
):
    pytest.importorskip(package, reason=f"{package} is not installed")
    monkeypatch.chdir(tmp_path)  # MuJoCo writes a log where it runs
    try:
        env = GymVectorEnv(config, num_envs=2)
    except MissingExtraError as problem:
        pytest.skip(str(problem))
    found = (env.camera_shape, env.vector_dim, env.action_dim)
    assert found == (camera_shape, vector_dim, action_dim)
    obs, _ = env.reset(seed=0)
    for _ in range(5):
        assert obs in env.observation_space
        obs, *_ = env.step(np.full((2, action_dim), 0.2, np.float32))
    assert not np.array_equal(env.reset(seed=1)[0]["vector"], obs["vector"]) or vector_dim == 0
    env.close()
