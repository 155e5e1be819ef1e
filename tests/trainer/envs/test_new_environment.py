"""An environment from outside: one record in a folder of its own, and one line in the registry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from pydantic import Field

from trainer import __main__ as command_line
from trainer.envs.environment import EnvConfig, Environment, EnvSpec
from trainer.envs.registry import ENVIRONMENTS
from trainer.mistakes import Mistake
from trainer.run.request import read_task


class BallConfig(EnvConfig):
    id: str = "ball"
    steps: int = Field(default=20, ge=1)
    """Steps of an episode."""


class Balls(VectorEnv):
    """Balls on a line; the reward is how near to the middle they are."""

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012

    def __init__(self, config: BallConfig, num_envs: int) -> None:
        self.config, self.num_envs = config, num_envs
        self.single_action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
        self._rng = np.random.default_rng()
        self._place, self._age = np.zeros(num_envs), 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        self._place, self._age = self._rng.uniform(-1, 1, self.num_envs), 0
        return self._obs(), {}

    def step(self, actions: Any) -> Any:
        self._place = np.clip(self._place + 0.2 * actions[:, 0], -1, 1)
        self._age += 1
        reward, over = -np.abs(self._place), self._age >= self.config.steps
        ended, infos = np.full(self.num_envs, over), {"reward_components": {}}
        obs = self._obs()
        if over:
            infos["final_obs"] = obs
            obs, _ = self.reset()
        return obs, reward, np.zeros_like(ended), ended, infos

    def _obs(self) -> dict[str, Any]:
        return {"vector": self._place[:, None].astype(np.float32)}


def make(config: BallConfig, num_envs: int, seed: int, _on_activity: object) -> Balls:
    env = Balls(config, num_envs)
    env.reset(seed=seed)
    return env


def describe(config: BallConfig) -> EnvSpec:
    return EnvSpec(camera_shape=None, vector_dim=1, action_dim=1, max_episode_steps=config.steps)


def too_many(_config: BallConfig, num_envs: int) -> Mistake | None:
    return Mistake(key="train.num_envs", text="there are 4 balls") if num_envs > 4 else None


BALL = Environment(
    id="ball",
    config=BallConfig,
    describe=describe,
    make=make,
    why_unavailable=too_many,
    servers=lambda config: ("localhost:7",),
    packages=("pytest",),
)


def answer(run: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    command_line.main(["check", str(run / "request.json")])
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def request(folder: Path, env: dict[str, Any], **train: object) -> Path:
    small = {
        "num_envs": 2,
        "hidden_sizes": [16],
        "batch_size": 16,
        "learning_starts": 40,
        "eval_every_steps": 100,
        "eval_episodes": 2,
    }
    content = {
        "format": 1,
        "preset": "test",
        "stage": "tiny",
        "planned_steps": 200,
        "seed": 0,
        "env": env,
        "train": small | train,
    }
    (folder / "request.json").write_text(json.dumps(content))
    return folder


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trainer.envs.registry.ENVIRONMENTS", [*ENVIRONMENTS, BALL])


def test_it_is_trained_in(tmp_path: Path) -> None:
    run = request(tmp_path, {"id": "ball"})
    assert command_line.main(["run", "--run", str(run)]) == 0
    told = json.loads((run / "run.json").read_text())
    assert told["env"] == {"id": "ball", "steps": 20}
    assert told["versions"]["pytest"] == pytest.__version__
    assert json.loads((run / "status.json").read_text())["mean_episode_length"] == 20


def test_its_settings_and_limits_are_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert answer(request(tmp_path, {"id": "bal"}), capsys)["mistakes"] == [
        {
            "key": "env.id",
            "text": "'bal' is unknown; available are drive, carla, gym:<id>, ball",
            "nearest": "ball",
        }
    ]
    (mistake,) = answer(request(tmp_path, {"id": "ball", "stesp": 3}), capsys)["mistakes"]
    assert mistake == {"key": "env.stesp", "text": "unknown key", "nearest": "env.steps"}
    (mistake,) = answer(request(tmp_path, {"id": "ball"}, num_envs=5), capsys)["mistakes"]
    assert mistake == {"key": "train.num_envs", "text": "there are 4 balls"}
    assert answer(request(tmp_path, {"id": "ball"}), capsys)["needs"]["servers"] == ["localhost:7"]


def test_its_folder_is_part_of_the_recipe(tmp_path: Path) -> None:
    task = read_task(request(tmp_path, {"id": "ball"}) / "request.json")
    assert task.code[2] == BALL.package == __name__.rpartition(".")[0]
