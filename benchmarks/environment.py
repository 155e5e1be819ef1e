"""Environment steps with a stack of four 84x84 grey pictures and a vector, beside highway-env's racetrack."""

from __future__ import annotations

import os
from typing import Any

import gymnasium
import numpy as np

from benchmarks.measure import side_by_side
from benchmarks.rows import Row, against_peer
from trainer.envs.drive.config import DriveConfig
from trainer.envs.drive.env import DriveEnv

HIGHWAY = "highway-env racetrack"
STEPS = 200


def measure(short: bool) -> list[Row]:
    ours = DriveEnv(DriveConfig(id="drive", camera_size=84))
    theirs = _highway()
    timings = side_by_side(
        {"gonogo": lambda: _drive(ours), HIGHWAY: lambda: _drive(theirs)},
        rounds=2 if short else 11,
        warm_up=1,
    )
    return [
        against_peer("environment step, 4x84x84", timings, HIGHWAY, least=25, per=STEPS),
    ]


def _highway() -> gymnasium.Env[Any, Any]:
    # Without a display it draws off-screen; the dummy video driver would give black pictures.
    os.environ.pop("SDL_VIDEODRIVER", None)
    import highway_env  # noqa: F401 - registers its environments

    picture = {
        "type": "GrayscaleObservation",
        "observation_shape": (84, 84),
        "stack_size": 4,
        "weights": [0.2989, 0.5870, 0.1140],
        "scaling": 1.75,
    }
    config = {
        "observation": {
            "type": "TupleObservation",
            "observation_configs": [picture, {"type": "Kinematics"}],
        },
        "offscreen_rendering": True,
    }
    env = gymnasium.make("racetrack-v1", config=config, disable_env_checker=True)
    obs, _ = env.reset(seed=0)
    assert np.ptp(obs[0]) > 0, "highway-env's pictures are black here"
    return env


def _drive(env: gymnasium.Env[Any, Any]) -> None:
    env.action_space.seed(0)
    env.reset(seed=0)
    for _ in range(STEPS):
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            env.reset()
