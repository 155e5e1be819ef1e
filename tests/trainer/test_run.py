"""A whole training run through the trainer's own command line: its files, its exit codes, its determinism."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from gates.events.reader import read_events
from trainer import __main__ as command_line
from trainer import loop
from trainer.agents.td3 import TD3
from trainer.loop import Trainer
from trainer.replay.ledger import Ledger
from trainer.run import checkpoint
from trainer.run.heartbeat import Heartbeat
from trainer.run.request import read_task
from trainer.run.tags import ALL_TAGS

ROOT = Path(__file__).resolve().parents[2]
TRAIN = {
    "num_envs": 4,
    "encoder": "small",
    "features_dim": 8,
    "hidden_sizes": [16],
    "batch_size": 16,
    "learning_starts": 100,
    "train_freq": 20,
    "eval_every_steps": 200,
    "eval_episodes": 2,
    "checkpoint_every_steps": 200,
    "policy_delay": 1,
}


def _content(**changes) -> dict:
    train = TRAIN | changes.pop("train", {})
    content = {
        "format": 1,
        "preset": "test",
        "stage": "tiny",
        "planned_steps": 400,
        "seed": 0,
        "env": {"id": "drive", "camera_size": 16, "max_episode_steps": 40},
        "train": train,
        "routes": {
            "episodes": 2,
            "training": {"first_seed": 1},
            "held_out": {"first_seed": 9, "env": {"road_seed": 1}},
        },
    }
    return content | changes


def _run_directory(folder: Path, **changes) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "request.json").write_text(json.dumps(_content(**changes)))
    return folder


def _status(run: Path) -> dict:
    return json.loads((run / "status.json").read_text())


def test_a_caller_gets_its_signal_handlers_back(tmp_path):
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    run = _run_directory(tmp_path / "run", planned_steps=40)
    assert command_line.main(["run", "--run", str(run)]) == command_line.FINISHED
    assert [signal.getsignal(number) for number in numbers] == before


def _scalars(run: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run / "events"), size_guidance={"scalars": 0})
    events.Reload()
    return {
        tag: [(point.step, point.value) for point in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    run = _run_directory(tmp_path_factory.mktemp("runs") / "run-001")
    assert command_line.main(["run", "--run", str(run)]) == 0
    return run


def test_writes_every_file_of_the_contract(finished):
    status = _status(finished)
    assert (status["phase"], status["step"], status["updates"]) == ("finished", 400, 15)
    scalars = _scalars(finished)
    for key, tag in (("length", "train/episode_length"), ("return", "train/episode_reward")):
        latest = [value for _, value in scalars[tag]][-20:]
        assert status[f"mean_episode_{key}"] == pytest.approx(sum(latest) / len(latest))
    described = json.loads((finished / "run.json").read_text())
    assert described["planned_steps"] == 400
    assert described["train"]["gamma"] == 0.99
    assert described["env"]["camera_size"] == 16
    assert [m.step for m in checkpoint.available(finished / "checkpoints")] == [200, 400]


def test_writes_every_tag_of_the_contract(finished):
    scalars = _scalars(finished)
    too_short_for = {"env/exploration_side"}
    assert set(scalars) == {tag.name for tag in ALL_TAGS} - too_short_for
    assert [step for step, _ in scalars["eval/mean_reward"]] == [0, 200, 400]
    assert [value for _, value in scalars["agent/total_updates"]] == list(range(1, 16))
    for step, size in scalars["agent/buffer_size"]:
        assert size == step


def test_episodes_add_up_to_the_steps(finished):
    scalars = _scalars(finished)
    steps = sum(value for _, value in scalars["train/episode_length"])
    assert 400 - 4 * 40 <= steps <= 400
    total = scalars["reward_components/total"]
    length, reward = scalars["train/episode_length"], scalars["train/episode_reward"]
    names = ("efficiency", "lane_keeping", "comfort", "safety", "progress")
    for i, (_, mean) in enumerate(total):
        assert mean * length[i][1] == pytest.approx(reward[i][1], rel=1e-4, abs=1e-4)
        parts = sum(scalars[f"reward_components/{name}"][i][1] for name in names)
        assert parts == pytest.approx(mean, rel=1e-4, abs=1e-4)


def test_same_seed_gives_the_same_weights_and_another_seed_does_not(tmp_path, finished):
    def weights(run):
        newest = checkpoint.available(run / "checkpoints")[-1]
        return checkpoint.load(newest, torch.device("cpu"))["agent"]["actor"]

    again = _run_directory(tmp_path / "again")
    other = _run_directory(tmp_path / "other", seed=1)
    for run in (again, other):
        assert command_line.main(["run", "--run", str(run)]) == 0
    first, second, third = weights(finished), weights(again), weights(other)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert not all(torch.equal(first[key], third[key]) for key in first)


def test_trains_a_gymnasium_environment(tmp_path):
    run = _run_directory(
        tmp_path / "run", env={"id": "gym:Pendulum-v1"}, planned_steps=1600, routes=None
    )
    assert command_line.main(["run", "--run", str(run)]) == 0
    scalars = _scalars(run)
    assert "features/actor_cnn_l2" not in scalars
    assert {value for _, value in scalars["train/episode_length"]} == {200.0}


def test_stops_on_request_with_a_checkpoint(tmp_path):
    run = _run_directory(tmp_path / "run", planned_steps=40_000_000)
    process = subprocess.Popen(
        [sys.executable, "-m", "trainer", "run", "--run", str(run)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
    )
    try:
        deadline = time.monotonic() + 60
        while not (run / "status.json").exists() or _status(run)["phase"] != "training":
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 143, errors
    status = _status(run)
    assert status["phase"] == "stopped"
    newest, damage = checkpoint.newest_good(run / "checkpoints")
    assert (newest.step, damage) == (status["step"], [])


def test_a_diverged_policy_ends_the_run_and_keeps_its_events(tmp_path, monkeypatch):
    original = TD3.update

    def poisoned(agent, batch, *, log=False):
        statistics = original(agent, batch, log=log)
        if agent.updates == 5:
            with torch.no_grad():
                next(agent.actor.mlp.parameters()).fill_(float("nan"))
        return statistics

    monkeypatch.setattr(TD3, "update", poisoned)
    run = _run_directory(tmp_path / "run")
    assert command_line.main(["run", "--run", str(run)]) == 3
    status = _status(run)
    assert status["phase"] == "diverged"
    assert "non-finite action at step 200" in status["message"]
    assert len(_scalars(run)["train/q1_value"]) == 5


def test_an_exception_is_named_in_the_status(tmp_path, monkeypatch, capfd):
    def broken(*_):
        raise RuntimeError("the road ended")

    monkeypatch.setattr(loop.Trainer, "_interact", broken)
    run = _run_directory(tmp_path / "run")
    assert command_line.main(["run", "--run", str(run)]) == 1
    assert _status(run)["message"] == "RuntimeError: the road ended"
    assert "the road ended" in capfd.readouterr().err


def test_a_full_disk_is_named_with_the_file(tmp_path, monkeypatch, capfd):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.torch, "save", full)
    run = _run_directory(tmp_path / "run", train={"eval_every_steps": 400})
    assert command_line.main(["run", "--run", str(run)]) == 1
    assert _status(run)["message"].endswith("step-000000200.ckpt: No space left on device")
    assert list((run / "checkpoints").iterdir()) == []


def test_refuses_a_directory_that_holds_a_run(finished, capsys):
    assert command_line.main(["run", "--run", str(finished)]) == 2
    assert "holds a run already" in capsys.readouterr().err


def test_check_answers_with_records(tmp_path, capsys):
    run = _run_directory(tmp_path / "good")
    assert command_line.main(["check", str(run / "request.json")]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["mistakes"] == []
    assert answer["resolved"]["train"]["tau"] == 0.005
    assert answer["needs"]["storage"]["transitions"] == 440
    assert answer["code"] == ["trainer.loop", "trainer.agents.td3", "trainer.envs.drive"]
    run = _run_directory(tmp_path / "bad", train={"taau": 1}, env={"id": "drive", "vehicels": 3})
    assert command_line.main(["check", str(run / "request.json")]) == 2
    assert json.loads(capsys.readouterr().out) == {
        "mistakes": [
            {"key": "train.taau", "text": "unknown key", "nearest": "train.tau"},
            {"key": "env.vehicels", "text": "unknown key", "nearest": "env.vehicles"},
        ]
    }


def test_what_an_environment_prints_is_no_part_of_the_answer(tmp_path, capsys, monkeypatch):
    from trainer.envs.registry import ENVIRONMENTS

    (drive,) = (each for each in ENVIRONMENTS if each.id == "drive")

    def greeting(config):
        print("hello from the simulator")
        return drive.describe(config)

    loud = dataclasses.replace(drive, describe=greeting)
    monkeypatch.setattr("trainer.envs.registry.ENVIRONMENTS", [loud])
    run = _run_directory(tmp_path / "run")
    assert command_line.main(["check", str(run / "request.json")]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["mistakes"] == []
    assert "hello" in captured.err


def test_exploration_noise_decays_linearly(tmp_path):
    train = {
        "exploration_noise": 0.3,
        "exploration_noise_final": 0.1,
        "exploration_noise_decay_steps": 200,
    }
    task = read_task(_run_directory(tmp_path, train=train) / "request.json")
    trainer = Trainer(tmp_path, task, Heartbeat(tmp_path, 400))
    noise = []
    for step in (0, 100, 200, 300, 400):
        trainer.step = step
        noise.append(trainer.exploration_noise)
    trainer.writer.close()
    np.testing.assert_allclose(noise, [0.3, 0.3, 0.2, 0.1, 0.1])


def test_only_updates_take_several_threads(tmp_path, monkeypatch):
    seen: dict[str, set[int]] = {"act": set(), "update": set()}
    for name in seen:
        work = getattr(TD3, name)

        def recorded(*arguments, name=name, work=work, **options):
            seen[name].add(torch.get_num_threads())
            return work(*arguments, **options)

        monkeypatch.setattr(TD3, name, recorded)
    before = torch.get_num_threads()
    try:
        run = _run_directory(tmp_path / "run", planned_steps=200, train={"threads": 2})
        assert command_line.main(["run", "--run", str(run)]) == 0
    finally:
        torch.set_num_threads(before)
    assert seen == {"act": {1}, "update": {2}}


def test_evidence_is_logged_from_the_first_update_and_changes_nothing_that_is_learned(
    tmp_path, monkeypatch
):
    def final_agent(name: str) -> dict:
        run = _run_directory(tmp_path / name)
        assert command_line.main(["run", "--run", str(run)]) == 0
        manifest, _ = checkpoint.newest_good(run / "checkpoints")
        return checkpoint.load(manifest, torch.device("cpu"))["agent"]

    measured = final_agent("measured")
    series = read_events(tmp_path / "measured" / "events").series
    evidence = series["replay/reward_error"]
    assert evidence.steps[0] == series["train/q1_value"].steps[0]
    assert not evidence.values.any()
    assert 3 <= len(evidence) < len(series["train/q1_value"])

    monkeypatch.setattr(Ledger, "witness", lambda *_: None)
    bare = final_agent("bare")
    assert "replay/reward_error" not in read_events(tmp_path / "bare" / "events").series
    for network in ("actor", "critic", "actor_target", "critic_target"):
        for key, values in measured[network].items():
            assert torch.equal(values, bare[network][key]), f"{network}.{key}"
