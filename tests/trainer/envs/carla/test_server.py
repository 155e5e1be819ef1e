"""Starting, losing and ending servers: only what was started here is ended, and always."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tests.carla_double.double_process import running_double
from trainer.envs.carla import server as carla_server
from trainer.envs.carla.config import CarlaConfig, CarlaServerConfig
from trainer.envs.carla.env import CarlaVectorEnv
from trainer.envs.carla.server import CarlaServer
from trainer.envs.errors import SimulatorLostError, UnsupportedEnvironmentError

pytest.importorskip("carla", reason="the carla wheel is not installed: pip install -e '.[carla]'")
pytestmark = pytest.mark.carla
ROOT = Path(__file__).resolve().parents[4]
DOUBLE = ("{python}", "-m", "carla_double", "--port", "{port}")


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def started(**settings):
    server = {"start": "command", "command": DOUBLE, "ports": [0], "call_timeout_s": 2.0}
    server |= settings.pop("server", {})
    return CarlaConfig(server=server, **{"vehicles": 2, "traffic": "none", **settings})


def alive(pid):
    """Tell whether a process runs; a zombie that nobody reaps does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until_gone(pid, limit_s=120.0):
    deadline = time.monotonic() + limit_s
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(pid)


def guard_of(env):
    return env.drivings[0]._simulator._server._process._guard.pid


def child_of(pid):
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def drive(env, steps=5):
    for _ in range(steps):
        env.step(np.zeros((1, 2), np.float32))


def test_started_server_ends_with_the_environment():
    env = CarlaVectorEnv(started())
    env.reset(seed=0)
    drive(env)
    guard = guard_of(env)
    double = child_of(guard)
    assert alive(double)
    env.close()
    assert not alive(guard)
    assert not alive(double)


def test_a_server_that_ignores_sigterm_is_killed_with_what_it_started(monkeypatch):
    monkeypatch.setattr(carla_server, "GRACE_S", 0.3)
    code = (
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print(subprocess.Popen(['sleep', '60'], start_new_session=True).pid, flush=True);"
        "time.sleep(60)"
    )
    process = carla_server._GuardedProcess([sys.executable, "-c", code])
    deadline = time.monotonic() + 120
    while not process.last_words() and time.monotonic() < deadline:
        time.sleep(0.05)
    sleeper = int(process.last_words())
    assert alive(sleeper)
    process.stop()
    assert wait_until_gone(sleeper)


def test_started_server_ends_when_the_trainer_is_killed():
    code = (
        "import sys, time; from tests.trainer.envs.carla.test_server import *;"
        "env = CarlaVectorEnv(started()); env.reset(seed=0);"
        "print(child_of(guard_of(env)), flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as trainer:
        double = int(trainer.stdout.readline())
        assert alive(double)
        trainer.kill()
    assert wait_until_gone(double)


def test_servers_are_replaced_after_some_episodes_and_the_driving_goes_on():
    env = CarlaVectorEnv(started(server={"restart_every_episodes": 2}, max_episode_steps=5))
    env.reset(seed=0)
    first = guard_of(env)
    drive(env, 5)
    assert guard_of(env) == first
    drive(env, 5)
    assert guard_of(env) != first
    assert not alive(first)
    drive(env, 5)
    env.close()


def test_a_server_that_was_killed_is_a_lost_simulator_and_closing_is_quick():
    time_out_s = 8.0
    env = CarlaVectorEnv(started(server={"call_timeout_s": time_out_s}))
    env.reset(seed=0)
    os.kill(child_of(guard_of(env)), signal.SIGKILL)
    with pytest.raises(SimulatorLostError, match="was lost in 'tick'"):
        drive(env, 3)
    began = time.monotonic()
    env.close()
    assert time.monotonic() - began < time_out_s, "a call to a dead server waits as long"


def test_after_a_loss_a_reset_begins_with_a_new_server():
    env = CarlaVectorEnv(started())
    env.reset(seed=0)
    os.kill(child_of(guard_of(env)), signal.SIGKILL)
    with pytest.raises(SimulatorLostError):
        drive(env, 3)
    env.reset(seed=0)
    drive(env)
    env.close()


def test_a_map_that_somebody_else_loads_between_two_episodes_is_never_driven():
    with running_double() as double:
        server = {"ports": [double.port], "call_timeout_s": 10.0}
        env = CarlaVectorEnv(CarlaConfig(server=server, vehicles=2, traffic="none"))
        env.reset(seed=1)
        drive(env)
        double.ask(op="load", map="Town02")
        with pytest.raises(SimulatorLostError, match="does another client use this server"):
            env.reset(seed=2)
        env.reset(seed=2)
        assert double.state()["map"] == "Carla/Maps/Town01"
        drive(env)
        env.close()


def test_nobody_there_is_said_after_the_wait():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        env = CarlaVectorEnv(CarlaConfig(server={"ports": [port], "ready_timeout_s": 0.3}))
        with pytest.raises(SimulatorLostError, match=rf"no CARLA server answered at .*{port}"):
            env.reset(seed=0)
        env.close()


@pytest.mark.parametrize("before", [0, 1, 2])
def test_a_port_that_somebody_else_keeps_is_refused(monkeypatch, before):
    """Each of the three ports of a server counts, also where nobody accepts connections."""
    monkeypatch.setattr(carla_server, "GRACE_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        config = CarlaServerConfig(start="command", command=DOUBLE, ports=(port - before,))
        with pytest.raises(UnsupportedEnvironmentError, match=f"{port} is in use"):
            CarlaServer(config, 0).open(alive=lambda: None)


def request(folder, **changes):
    train = {
        "encoder": "nature",
        "features_dim": 8,
        "hidden_sizes": [16],
        "batch_size": 16,
        "learning_starts": 60,
        "train_freq": 20,
        "eval_every_steps": 100,
        "eval_episodes": 2,
        "checkpoint_every_steps": 100,
        "policy_delay": 1,
    }
    env = json.loads(started(max_episode_steps=40, camera_size=36).model_dump_json())
    content = {"format": 1, "preset": "test", "stage": "tiny", "planned_steps": 200, "seed": 0}
    content |= {"env": env, "train": train, **changes}
    folder.mkdir(exist_ok=True)
    (folder / "request.json").write_text(json.dumps(content))
    return folder


def trainer(run, *options):
    return subprocess.Popen(
        [sys.executable, "-m", "trainer", "run", "--run", str(run), *options],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def status(run):
    path = run / "status.json"
    return json.loads(path.read_text()) if path.exists() else {"phase": "", "step": -1}


def test_a_trainer_whose_simulator_is_lost_exits_with_75_and_is_resumed(tmp_path):
    from trainer.run import checkpoint

    run = request(tmp_path / "run")
    with trainer(run) as process:
        while status(run)["step"] < 120 and process.poll() is None:
            time.sleep(0.02)
        guards = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(child_of(int(guards[0])), signal.SIGKILL)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 75, errors
    assert status(run)["phase"] == "failed"
    assert "was lost" in status(run)["message"]
    with trainer(run, "--resume") as process:
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert status(run)["phase"] == "finished"
    attempts = json.loads((run / "run.json").read_text())["attempts"]
    assert [attempt["resumed_from_step"] for attempt in attempts] == [None, 100]
    assert [m.step for m in checkpoint.available(run / "checkpoints")] == [100, 200]


def test_an_environment_that_cannot_be_had_as_configured_is_no_crash(tmp_path):
    env = started().model_dump() | {"town": "Town99"}
    with trainer(request(tmp_path / "run", env=env)) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2, errors
    assert "cannot load env.town Town99" in errors
    assert "Traceback" not in errors
    assert status(tmp_path / "run")["phase"] == "failed"


def test_a_run_resumed_at_an_evaluation_goes_on_exactly(tmp_path):
    """New episodes begin after an evaluation, resumed or not, with the same seed."""
    import torch

    from trainer.run import checkpoint

    def weights(run):
        newest = checkpoint.available(run / "checkpoints")[-1]
        assert newest.step == 200
        return checkpoint.load(newest, torch.device("cpu"))["agent"]["actor"]

    whole, cut = request(tmp_path / "whole"), request(tmp_path / "cut")
    with trainer(whole) as process:
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    with trainer(cut) as process:
        while status(cut)["step"] < 110 and process.poll() is None:
            time.sleep(0.01)
        process.kill()
    with trainer(cut, "--resume") as process:
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    ours, theirs = weights(whole), weights(cut)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
