"""A run that begins with another run's agent: what it takes over, and what is refused in one sentence."""

import hashlib
import json
from pathlib import Path

import pytest
import torch

from trainer import __main__ as command_line
from trainer.agents.td3 import TD3
from trainer.config import TrainConfig
from trainer.observation import ObservationShape
from trainer.run import checkpoint

STEPS = 120
NETWORKS = ("actor", "critic", "actor_target", "critic_target")
SMALL = {
    "num_envs": 2,
    "encoder": "small",
    "features_dim": 8,
    "hidden_sizes": [16],
    "batch_size": 16,
    "learning_starts": 40,
    "train_freq": 4,
    "buffer_size": 600,
    "reward_normalization": True,
    "eval_every_steps": 60,
    "eval_episodes": 1,
    "checkpoint_every_steps": 60,
    "actor_lr": 1.0e-3,
}
ENV = {"id": "drive", "camera_size": 16, "max_episode_steps": 30}


def request(folder: Path, *, env: dict | None = None, warm: dict | None = None, **train) -> Path:
    folder.mkdir(exist_ok=True)
    content = {
        "format": 1,
        "preset": "test",
        "stage": "tiny",
        "planned_steps": STEPS,
        "seed": 5,
        "env": ENV | (env or {}),
        "train": SMALL | train,
    }
    if warm is not None:
        content["warm_start"] = warm
    (folder / "request.json").write_text(json.dumps(content))
    return folder


def train(run: Path, *options: str) -> int:
    return command_line.main(["run", "--run", str(run), *options])


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    run = request(tmp_path_factory.mktemp("runs") / "source")
    assert train(run) == 0
    return run


def warm(source: Path, step: int = STEPS, carry: str = "weights", **changes) -> dict:
    file = source / "checkpoints" / f"step-{step:09d}.ckpt"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return {"checkpoint": str(file), "sha256": digest, "step": step, "carry": carry} | changes


def saved(run: Path, step: int) -> dict:
    file = run / "checkpoints" / f"step-{step:09d}.ckpt"
    return checkpoint.load_file(file, torch.device("cpu"))["agent"]


def agent(**changes) -> TD3:
    shape = ObservationShape(camera=(4, 16, 16), vector=53)
    return TD3(TrainConfig.model_validate(SMALL | changes), shape, 2)


def test_a_run_begins_where_the_other_one_ended(tmp_path: Path, source: Path) -> None:
    # Nothing is learned in this run, so that what it saves is what it began with.
    run = request(tmp_path / "run", warm=warm(source), learning_starts=STEPS)
    assert train(run) == 0
    before, after = saved(source, STEPS), saved(run, STEPS)
    for name in NETWORKS:
        for key, value in before[name].items():
            assert torch.equal(value, after[name][key]), (name, key)
    assert after["updates"] == 0
    assert after["rewards"]["count"] == before["rewards"]["count"] + STEPS
    assert after["critic_optimizer"]["state"] == {}
    told = json.loads((run / "run.json").read_text())
    assert told["warm_start"] == warm(source) | {"named": False}
    assert json.loads((source / "run.json").read_text())["warm_start"] is None


def test_moments_are_taken_over_but_not_learning_rates(source: Path) -> None:
    state = saved(source, STEPS)
    fresh = agent(actor_lr=5.0e-4)
    fresh.begin_with(state, optimizers=True)
    moments = fresh.actor_optimizer.state_dict()["state"]
    assert moments[0]["step"] == state["actor_optimizer"]["state"][0]["step"] > 0
    assert torch.equal(moments[0]["exp_avg"], state["actor_optimizer"]["state"][0]["exp_avg"])
    assert fresh.actor_optimizer.param_groups[-1]["lr"] == 5.0e-4
    assert state["actor_optimizer"]["param_groups"][-1]["lr"] == 1.0e-3


def test_a_run_that_began_warm_is_resumed_bit_by_bit(tmp_path: Path, source: Path) -> None:
    whole = request(tmp_path / "whole", warm=warm(source, 60, "learner"))
    assert train(whole) == 0
    cut = request(tmp_path / "cut", warm=warm(source, 60, "learner"))
    assert train(cut) == 0
    checkpoint.discard_after(cut / "checkpoints", 60)
    assert train(cut, "--resume") == 0
    one, other = saved(whole, STEPS), saved(cut, STEPS)
    assert one["updates"] == other["updates"] > 0
    for name in NETWORKS:
        for key, value in one[name].items():
            assert torch.equal(value, other[name][key]), (name, key)


def test_a_relative_path_begins_at_the_runs_folder(tmp_path: Path, source: Path) -> None:
    import os

    told = warm(source)
    told["checkpoint"] = os.path.relpath(told["checkpoint"], tmp_path / "run")
    run = request(tmp_path / "run", warm=told)
    assert command_line.main(["check", str(run / "request.json")]) == 0


@pytest.mark.parametrize(
    ("env", "changes", "words"),
    [
        ({"camera_size": 20}, {}, "another observation: actor.cnn."),
        ({"frame_stack": 2}, {}, "another observation: actor.cnn."),
        ({"camera_size": 0}, {}, "another observation: actor.cnn."),
        ({"camera_size": 40}, {"encoder": "nature"}, "another architecture: actor.cnn."),
        ({}, {"features_dim": 16}, "another architecture: actor.cnn."),
        ({}, {"hidden_sizes": [32]}, "another architecture: actor.mlp."),
        ({}, {"hidden_sizes": [16, 16]}, "another architecture: actor.mlp."),
        ({}, {"twin_critics": False}, "another architecture: critic."),
        ({"id": "gym:Pendulum-v1"}, {}, "another observation: actor.cnn."),
    ],
)
def test_what_does_not_fit_is_one_sentence_before_anything_starts(
    tmp_path: Path, source: Path, capsys, env: dict, changes: dict, words: str
) -> None:
    run = request(tmp_path / "run", env=env, warm=warm(source), **changes)
    if env.get("id", "").startswith("gym"):
        content = json.loads((run / "request.json").read_text())
        content["env"] = {"id": env["id"]}
        (run / "request.json").write_text(json.dumps(content))
    assert command_line.main(["check", str(run / "request.json")]) == 2
    (mistake,) = json.loads(capsys.readouterr().out)["mistakes"]
    assert mistake["key"] == "warm_start"
    assert f"does not fit this stage: {words}" in mistake["text"]


def test_another_action_is_named(source: Path) -> None:
    from trainer.warm_start import misfit

    shape = ObservationShape(camera=(4, 16, 16), vector=53)
    state = TD3(TrainConfig.model_validate(SMALL), shape, 3).state_dict()
    assert misfit(agent(), state).startswith("another action: actor.mlp.2.weight is 3x16 there")


def test_a_file_that_was_changed_or_is_no_checkpoint_is_refused(
    tmp_path: Path, source: Path, capsys
) -> None:
    told = warm(source, sha256="0" * 64)
    assert train(request(tmp_path / "changed", warm=told)) == 2
    assert "was changed since it was chosen" in capsys.readouterr().err
    other = tmp_path / "other.ckpt"
    other.write_bytes(b"no checkpoint")
    digest = hashlib.sha256(other.read_bytes()).hexdigest()
    assert (
        train(request(tmp_path / "other", warm=told | {"checkpoint": str(other), "sha256": digest}))
        == 2
    )
    assert "cannot be read as a checkpoint" in capsys.readouterr().err
    gone = told | {"checkpoint": "nowhere.ckpt"}
    assert train(request(tmp_path / "gone", warm=gone)) == 2
    assert "No such file" in capsys.readouterr().err


def test_a_checkpoint_is_never_executed(tmp_path: Path, capsys) -> None:
    """A pickle that would run a command is refused unread."""
    import os
    import pickle

    trap = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {trap}",)

    file = tmp_path / "evil.ckpt"
    file.write_bytes(pickle.dumps({"format": 1, "agent": Evil()}))
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    told = {"checkpoint": str(file), "sha256": digest, "step": 1, "carry": "weights"}
    assert train(request(tmp_path / "run", warm=told)) == 2
    assert "cannot be read as a checkpoint" in capsys.readouterr().err
    assert not trap.exists()


def test_weights_that_are_not_finite_are_refused(source: Path) -> None:
    from trainer.warm_start import misfit

    state = saved(source, STEPS)
    state["critic"]["heads.0.0.bias"][0] = float("nan")
    assert "is not finite" in misfit(agent(), state)
