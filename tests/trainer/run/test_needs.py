"""What a training takes, as it is told before the start, is what it takes."""

import json

import numpy as np
import pytest

from trainer.envs.environment import EnvSpec
from trainer.observation import ObservationShape
from trainer.replay.buffer import ReplayBuffer
from trainer.replay.capacity import transition_bytes
from trainer.run.needs import Needs, needs
from trainer.run.request import read_task


def needs_of(folder, *, env=None, steps=1_000_000, **train) -> Needs:
    content = {
        "format": 1,
        "preset": "p",
        "stage": "s",
        "planned_steps": steps,
        "seed": 0,
        "env": env or {"id": "drive", "camera_size": 84},
        "train": {"milestone_steps": [100, 500_000]} | train,
    }
    (folder / "request.json").write_text(json.dumps(content))
    return needs(read_task(folder / "request.json"))


@pytest.mark.parametrize("camera", [(4, 24, 24), None], ids=["camera", "blind"])
def test_bytes_of_a_transition_are_those_of_the_replay_buffer(camera):
    spec = EnvSpec(camera_shape=camera, vector_dim=5, action_dim=3, max_episode_steps=None)
    buffer = ReplayBuffer(1_000, 1, ObservationShape(camera=camera, vector=5), 3)
    arrays = [value for value in vars(buffer).values() if isinstance(value, np.ndarray)]
    rings = [array for array in arrays if array.ndim > 1]
    slots = rings[0].shape[1]
    assert sum(array.nbytes for array in rings) == slots * transition_bytes(spec)


def test_a_long_stage_keeps_single_frames_milestones_and_newest_checkpoints(tmp_path):
    storage = needs_of(tmp_path, buffer_size=1_000_000).storage
    assert storage.transitions == 1_000_000
    assert 84 * 84 <= storage.bytes_each <= 84 * 84 + 250
    assert 6_700 < storage.memory_mib < 8_000
    assert storage.checkpoints == 8
    assert needs_of(tmp_path, save_replay=False).storage.disk_mib < 600 < storage.disk_mib


def test_a_short_stage_never_fills_its_buffer(tmp_path):
    storage = needs_of(tmp_path, steps=5_000).storage
    assert storage.transitions == 5_500
    assert storage.memory_mib < 800


def test_an_environment_without_images_takes_little(tmp_path):
    storage = needs_of(tmp_path, env={"id": "gym:Pendulum-v1"}).storage
    assert storage.bytes_each < 40


def test_processors_and_simulators_are_told(tmp_path, monkeypatch):
    found = needs_of(tmp_path, threads=2)
    assert (found.device, found.threads) == ("cpu", 2)
    assert (found.servers, found.exclusive_simulator) == ((), False)
    monkeypatch.setattr("trainer.envs.carla.environment.is_installed", lambda: True)
    found = needs_of(tmp_path, env={"id": "carla"})
    assert (found.servers, found.exclusive_simulator) == (("localhost:2000",), True)
