"""An evaluation with all that is recorded of driving, beside the same one without."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
import yaml
from numpy.typing import NDArray

from benchmarks.measure import side_by_side
from benchmarks.rows import Row, against_floor
from trainer.drives import Drives, write_drives
from trainer.envs.drive import simulation
from trainer.envs.environment import DrivingTask
from trainer.evaluate import EvaluatedEpisode, driving_tags, evaluate, evaluation_tags
from trainer.observation import Observation
from trainer.run.request import read_task
from trainer.run.task import Task

ROOT = Path(__file__).resolve().parents[1]
WITHOUT = "the same, nothing recorded of driving"
EPISODES = 10


def measure(short: bool) -> list[Row]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        task = _task(folder)
        evaluation = Evaluation(task)

        def recorded() -> None:
            episodes = evaluation.run(task.spec.driving)
            driving_tags("eval_driving", episodes)
            drives = Drives(
                driver="policy", routes="training", conditions={}, first_seed=0, episodes=episodes
            )
            write_drives(folder, 0, [drives])

        def plain() -> None:
            with mock.patch.object(simulation, "trace_step", return_value=None):
                evaluation.run(None)

        timings = side_by_side({"gonogo": recorded, WITHOUT: plain}, rounds=2 if short else 21)
    work = f"evaluation of {EPISODES} episodes of drive"
    return [against_floor(work, timings, WITHOUT, most=1.1)]


class Evaluation:
    """Episodes that last until the time limit: the network is asked, and a driver by rules obeyed."""

    def __init__(self, task: Task) -> None:
        assert task.environment.rule_based is not None
        torch.set_num_threads(1)
        self._gamma = task.request.train.gamma
        self._env = task.make_env(EPISODES, 0)
        self._agent = task.make_agent()
        self._rules = task.environment.rule_based(self._env)

    def run(self, driving: DrivingTask | None) -> tuple[EvaluatedEpisode, ...]:
        episodes = evaluate(
            self._env,
            self._act,
            episodes=EPISODES,
            seed=list(range(EPISODES)),
            gamma=self._gamma,
            driving=driving,
        )
        evaluation_tags(episodes, reward_factor=1.0)
        return episodes

    def _act(self, obs: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        self._agent.act(
            Observation(torch.from_numpy(obs["camera"]), torch.from_numpy(obs["vector"]))
        )
        return self._rules(obs)


def _task(folder: Path) -> Task:
    preset = yaml.safe_load((ROOT / "config" / "presets" / "drive.yaml").read_text("utf-8"))
    request = {
        "format": 1,
        "preset": "drive",
        "stage": "5k",
        "planned_steps": 5_000,
        "seed": 0,
        "env": preset["env"],
        "train": preset["train"],
    }
    path = folder / "request.json"
    path.write_text(json.dumps(request), encoding="utf-8")
    return read_task(path)
