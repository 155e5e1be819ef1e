"""A run that is killed and resumed ends bit by bit like one that was not."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from gates.events.reader import read_events
from trainer import __main__ as command_line
from trainer.loop import Trainer
from trainer.run import checkpoint

ROOT = Path(__file__).resolve().parents[2]
STEPS = 1200


def _request(folder: Path, **changes) -> Path:
    folder.mkdir()
    content = {
        "format": 1,
        "preset": "test",
        "stage": "tiny",
        "planned_steps": STEPS,
        "seed": 5,
        "env": {"id": "drive", "camera_size": 16, "max_episode_steps": 60},
        "train": {
            "num_envs": 3,
            "encoder": "small",
            "features_dim": 8,
            "hidden_sizes": [16],
            "batch_size": 16,
            "learning_starts": 150,
            "train_freq": 15,
            "buffer_size": 600,
            "reward_normalization": True,
            "exploration_noise_final": 0.05,
            "exploration_noise_decay_steps": 500,
            "actor_mlp_max_grad_norm": 0.1,
            "eval_every_steps": 300,
            "eval_episodes": 2,
            "checkpoint_every_steps": 150,
            "keep_checkpoints": 2,
            "milestone_steps": [300],
        },
    }
    content |= {k: v for k, v in changes.items() if k != "train"}
    content["train"] |= changes.get("train", {})
    (folder / "request.json").write_text(json.dumps(content))
    return folder


def _train(run: Path, *options: str) -> int:
    return command_line.main(["run", "--run", str(run), *options])


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> Path:
    run = _request(tmp_path_factory.mktemp("runs") / "whole")
    assert _train(run) == 0
    return run


def _final_state(run: Path) -> dict:
    manifest, damage = checkpoint.newest_good(run / "checkpoints")
    assert damage == []
    state = checkpoint.load(manifest, torch.device("cpu"))
    assert state["step"] == STEPS
    return state


def _assert_same(a, b, where="state"):
    assert type(a) is type(b), where
    if isinstance(a, dict):
        assert a.keys() == b.keys(), where
        for key in a:
            _assert_same(a[key], b[key], f"{where}.{key}")
    elif isinstance(a, list):
        assert len(a) == len(b), where
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            _assert_same(x, y, f"{where}[{i}]")
    elif isinstance(a, torch.Tensor):
        assert torch.equal(a, b), where
    else:
        assert a == b, where


def _assert_same_events(a: Path, b: Path) -> None:
    ours, theirs = read_events(a).series, read_events(b).series
    assert ours.keys() == theirs.keys()
    for tag, series in ours.items():
        if not tag.startswith("time/"):
            np.testing.assert_array_equal(series.steps, theirs[tag].steps, err_msg=tag)
            np.testing.assert_array_equal(series.values, theirs[tag].values, err_msg=tag)


class _Killed(BaseException):
    """Stands for the end of the process."""


def _train_and_kill(run: Path, monkeypatch: pytest.MonkeyPatch, *, at: int) -> None:
    interact = Trainer._interact

    def until(trainer, obs):
        if trainer.step >= at:
            raise _Killed
        return interact(trainer, obs)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_interact", until)
        with pytest.raises(_Killed):
            _train(run)


@pytest.mark.parametrize("kill_at", [3, 150, 153, 444, 600, 1197])
def test_resumed_run_equals_uninterrupted_run(tmp_path, monkeypatch, uninterrupted, kill_at):
    run = _request(tmp_path / "run")
    _train_and_kill(run, monkeypatch, at=kill_at)
    assert _train(run, "--resume") == 0
    _assert_same(_final_state(run), _final_state(uninterrupted))
    _assert_same_events(run, uninterrupted)
    attempts = json.loads((run / "run.json").read_text())["attempts"]
    resumed_from = None if kill_at < 150 else kill_at // 150 * 150
    assert [a["resumed_from_step"] for a in attempts] == [None, resumed_from]


def test_falls_back_when_the_newest_checkpoint_is_damaged(
    tmp_path, monkeypatch, uninterrupted, capsys
):
    run = _request(tmp_path / "run")
    _train_and_kill(run, monkeypatch, at=500)
    path = run / "checkpoints" / "step-000000450.ckpt"
    path.write_bytes(path.read_bytes()[:100])
    assert _train(run, "--resume") == 0
    assert "step-000000450.ckpt: damaged" in capsys.readouterr().err
    _assert_same(_final_state(run), _final_state(uninterrupted))
    _assert_same_events(run, uninterrupted)


def test_keeps_the_newest_the_milestones_and_the_best(uninterrupted):
    folder = uninterrupted / "checkpoints"
    assert [m.step for m in checkpoint.available(folder)] == [300, 900, 1050, 1200]
    for manifest in checkpoint.available(folder):
        checkpoint.verify(manifest)
    best = torch.load(folder / checkpoint.BEST, weights_only=True)
    returns = read_events(uninterrupted).series["eval/mean_reward"]
    later = returns.steps > 0
    step = returns.steps[later][np.argmax(returns.values[later])]
    told = json.loads((folder / "best.json").read_text())
    assert best["step"] == told["step"] == step
    assert told["mean_return"] == pytest.approx(returns.values[later].max())
    assert step == 900


def test_the_best_evaluation_can_be_resumed_from(tmp_path):
    """Evaluations between two checkpoints: the best one has its own."""
    run = _request(tmp_path / "run", train={"checkpoint_every_steps": 900, "eval_every_steps": 240})
    assert _train(run) == 0
    folder = run / "checkpoints"
    best = json.loads((folder / "best.json").read_text())["step"]
    assert best % 900
    (manifest,) = [m for m in checkpoint.available(folder) if m.step == best]
    assert checkpoint.load(manifest, torch.device("cpu"))["best_step"] == best
    whole = _final_state(run)
    checkpoint.discard_after(folder, best)
    assert _train(run, "--resume") == 0
    _assert_same(_final_state(run), whole)


def test_resuming_a_finished_run_evaluates_nothing_twice(tmp_path):
    run = _request(tmp_path / "run", train={"eval_every_steps": 500})
    assert _train(run) == 0
    assert _train(run, "--resume") == 0
    assert read_events(run).series["eval/mean_reward"].steps.tolist() == [0, 501, 1002, 1200]


def test_refuses_to_resume_with_another_configuration(tmp_path, uninterrupted, capsys):
    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)
    content = json.loads((run / "request.json").read_text())
    content["train"]["tau"] = 0.5
    (run / "request.json").write_text(json.dumps(content))
    assert _train(run, "--resume") == 2
    assert "another configuration" in capsys.readouterr().err
    assert [m.step for m in checkpoint.available(run / "checkpoints")] == [300, 900, 1050, 1200]


def test_an_environment_without_state_resumes_with_new_episodes(tmp_path, monkeypatch):
    run = _request(tmp_path / "run", env={"id": "gym:Pendulum-v1", "max_episode_steps": 70})
    _train_and_kill(run, monkeypatch, at=450)
    assert _train(run, "--resume") == 0
    lengths = read_events(run).series["train/episode_length"]
    assert set(lengths.values) == {70.0}
    assert np.all((lengths.steps <= 450) | (lengths.steps >= 450 + 3 * 70))


@pytest.mark.slow
@pytest.mark.parametrize("trial", range(5))
def test_sigkill_at_a_random_moment_changes_nothing(tmp_path, uninterrupted, trial):
    run = _request(tmp_path / "run")
    delays = random.Random(trial)
    command = [sys.executable, "-m", "trainer", "run", "--run", str(run), "--resume"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    for _attempt in range(4):
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
        _wait_until_it_lives(process, run)
        time.sleep(delays.uniform(0.0, 0.7))
        process.kill()
        process.wait()
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=120)
    _assert_same(_final_state(run), _final_state(uninterrupted))
    _assert_same_events(run, uninterrupted)


def _wait_until_it_lives(process: subprocess.Popen, run: Path) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None:
        assert time.monotonic() < deadline
        status = run / "status.json"
        if status.exists() and json.loads(status.read_text())["pid"] == process.pid:
            return
        time.sleep(0.005)
