"""An algorithm from outside: a file that holds an `Agent`, and one line in the registry."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from trainer import __main__ as command_line
from trainer.agents.agent import Agent, UpdateStats
from trainer.agents.registry import ALGORITHMS
from trainer.agents.rewards import RewardTransform
from trainer.config import TrainConfig
from trainer.observation import Observation, ObservationShape
from trainer.replay.buffer import Batch
from trainer.run import checkpoint
from trainer.run.request import read_task


class BanditStats:
    def __init__(self, loss: float) -> None:
        self.loss = loss

    def tags(self) -> dict[str, float]:
        return {"train/actor_loss": self.loss}


class Bandit:
    """Moves a linear policy towards the actions that were rewarded."""

    def __init__(self, config: TrainConfig, observation: ObservationShape, action_dim: int) -> None:
        self.device = torch.device(config.device)
        self.policy = nn.Linear(observation.vector, action_dim)
        self.networks = {"policy": self.policy}
        self.rewards = RewardTransform(config)
        self.updates = 0
        self._lr = config.actor_lr

    @torch.inference_mode()
    def act(self, obs: Observation) -> Tensor:
        return torch.tanh(self.policy(obs.vector))

    def update(self, batch: Batch, *, log: bool = False) -> UpdateStats | None:
        self.updates += 1
        error = (torch.tanh(self.policy(batch.obs.vector)) - batch.action).square().sum(dim=1)
        loss = (self.rewards(batch.reward) * error).mean()
        gradients = torch.autograd.grad(loss, [*self.policy.parameters()])
        with torch.no_grad():
            for parameter, gradient in zip(self.policy.parameters(), gradients, strict=True):
                parameter -= self._lr * gradient
        return BanditStats(loss.item()) if log else None

    def state_dict(self) -> dict[str, Any]:
        rewards = self.rewards.state_dict()
        return {"policy": self.policy.state_dict(), "rewards": rewards, "updates": self.updates}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.begin_with(state, optimizers=True)
        self.updates = state["updates"]

    def begin_with(self, state: Mapping[str, Any], *, optimizers: bool) -> None:
        self.policy.load_state_dict(state["policy"])
        self.rewards.load_state_dict(state["rewards"])


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(ALGORITHMS, "bandit", f"{__name__}:Bandit")
    content = {
        "format": 1,
        "preset": "test",
        "stage": "tiny",
        "planned_steps": 240,
        "seed": 0,
        "env": {"id": "drive", "camera_size": 0, "max_episode_steps": 30},
        "train": {
            "algorithm": "bandit",
            "num_envs": 2,
            "batch_size": 16,
            "learning_starts": 40,
            "train_freq": 4,
            "eval_every_steps": 120,
            "eval_episodes": 1,
            "checkpoint_every_steps": 120,
        },
    }
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "request.json").write_text(json.dumps(content))
    return tmp_path / "run"


def saved(run: Path) -> dict[str, Any]:
    newest, damage = checkpoint.newest_good(run / "checkpoints")
    assert newest is not None
    assert damage == []
    state: dict[str, Any] = checkpoint.load(newest, torch.device("cpu"))["agent"]
    return state


def test_it_trains_logs_and_is_resumed(run: Path, tmp_path: Path) -> None:
    again = shutil.copytree(run, tmp_path / "again")
    task = read_task(run / "request.json")
    agent: Agent = task.make_agent()
    assert isinstance(agent, Bandit)
    assert task.code[1] == __name__
    assert command_line.main(["run", "--run", str(run)]) == 0
    told = json.loads((run / "run.json").read_text())
    assert told["algorithm"] == "bandit"
    whole = saved(run)
    assert whole["updates"] == 50

    assert command_line.main(["run", "--run", str(again)]) == 0
    checkpoint.discard_after(again / "checkpoints", 120)
    assert command_line.main(["run", "--run", str(again), "--resume"]) == 0
    for key, value in saved(again)["policy"].items():
        assert torch.equal(value, whole["policy"][key])


def test_a_warm_start_takes_it_over(run: Path, tmp_path: Path) -> None:
    import hashlib

    assert command_line.main(["run", "--run", str(run)]) == 0
    file = run / "checkpoints" / "step-000000240.ckpt"
    content = json.loads((run / "request.json").read_text())
    content["warm_start"] = {
        "checkpoint": str(file),
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "carry": "weights",
    }
    content["train"]["learning_starts"] = 240  # learns nothing of its own
    (tmp_path / "warm").mkdir()
    (tmp_path / "warm" / "request.json").write_text(json.dumps(content))
    assert command_line.main(["run", "--run", str(tmp_path / "warm")]) == 0
    for key, value in saved(tmp_path / "warm")["policy"].items():
        assert torch.equal(value, saved(run)["policy"][key])
