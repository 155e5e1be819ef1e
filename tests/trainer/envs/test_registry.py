"""Finding environments by name, and what every one of them promises."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from trainer.envs.drive.config import DriveConfig
from trainer.envs.environment import EnvConfig, EnvSpec
from trainer.envs.errors import UnknownEnvironmentError
from trainer.envs.gym.config import GymConfig
from trainer.envs.registry import find_environment
from trainer.run.tags import REWARD_COMPONENTS

ROOT = Path(__file__).resolve().parents[3]


def parse(mapping: dict) -> EnvConfig:
    return find_environment(mapping.get("id")).config.model_validate(mapping)


def describe(config: EnvConfig) -> EnvSpec:
    return find_environment(config.id).describe(config)


def make(config: EnvConfig, num_envs: int, seed: int):
    return find_environment(config.id).make(config, num_envs, seed, print)


def test_parse():
    config = parse({"id": "drive", "camera_size": 24, "reward": {"jerk_scale_mps3": 9}})
    assert isinstance(config, DriveConfig)
    assert (config.camera_size, config.reward.jerk_scale_mps3) == (24, 9)
    assert isinstance(parse({"id": "gym:Pendulum-v1"}), GymConfig)


@pytest.mark.parametrize(
    ("mapping", "sentence"),
    [
        ({}, "env.id: missing; available are drive, carla, gym:<id>"),
        ({"id": 3}, "env.id: 3 is not a name"),
        ({"id": "drvie"}, "did you mean drive?"),
        ({"id": "Pendulum-v1"}, "did you mean gym:Pendulum-v1?"),
        ({"id": "crala"}, "did you mean carla?"),
        ({"id": "qqqqqq"}, "env.id: 'qqqqqq' is unknown; available are drive, carla"),
    ],
)
def test_unknown_id(mapping, sentence):
    with pytest.raises(UnknownEnvironmentError) as caught:
        find_environment(mapping.get("id"))
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    "mapping",
    [
        {"id": "drive", "camra_size": 3},
        {"id": "drive", "camera_size": "big"},
        {"id": "gym:Pendulum-v1", "vehicles": 3},
        {"id": "gym:"},
        {"id": "gym:no such name"},
    ],
)
def test_bad_settings(mapping):
    with pytest.raises(ValidationError):
        parse(mapping)


@pytest.mark.parametrize(
    "config",
    [
        DriveConfig(camera_size=24, roads=2),
        DriveConfig(camera_size=0, roads=2),
        GymConfig(id="gym:Pendulum-v1"),
    ],
    ids=["drive", "drive-blind", "pendulum"],
)
def test_every_environment_keeps_the_same_promises(config):
    spec = describe(config)
    env = make(config, 3, 1)
    obs, _ = env.reset(seed=1)
    rng = np.random.default_rng(0)
    finals = 0
    for _ in range(450):
        assert obs["vector"].shape == (3, spec.vector_dim)
        assert obs["vector"].dtype == np.float32
        assert ("camera" in obs) == (spec.camera_shape is not None)
        if spec.camera_shape is not None:
            assert obs["camera"].shape == (3, *spec.camera_shape)
            assert obs["camera"].dtype == np.uint8
        action = rng.uniform(-1, 1, (3, spec.action_dim)).astype(np.float32)
        obs, reward, terminated, truncated, infos = env.step(action)
        assert reward.shape == terminated.shape == truncated.shape == (3,)
        assert terminated.dtype == truncated.dtype == bool
        parts = infos["reward_components"]
        assert tuple(parts) == spec.reward_components
        assert all(part.shape == (3,) for part in parts.values())
        if (terminated | truncated).any():
            finals += 1
            assert {k: (v.shape, v.dtype) for k, v in infos["final_obs"].items()} == {
                k: (v.shape, v.dtype) for k, v in obs.items()
            }
    assert finals
    env.close()


def test_made_environment_is_already_seeded():
    config = DriveConfig(camera_size=0, roads=2)
    first, second, other = (make(config, 2, s).reset()[0]["vector"] for s in (1, 1, 2))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_description_of_the_default():
    spec = describe(DriveConfig(camera_size=84))
    assert spec.camera_shape == (4, 84, 84)
    assert (spec.vector_dim, spec.action_dim, spec.max_episode_steps) == (53, 2, 300)
    assert spec.reward_components == REWARD_COMPONENTS


def test_environments_need_neither_torch_nor_an_extra():
    code = (
        "import sys; from trainer.envs.registry import find_environment;"
        "envs = [(find_environment(i), {'id': i}) for i in ('drive', 'gym:Pendulum-v1')];"
        "[e.make(e.config(**m), 1, 0, print) for e, m in envs];"
        "print([m for m in ('torch', 'cv2', 'pygame', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
