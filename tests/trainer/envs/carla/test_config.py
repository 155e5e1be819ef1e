"""Settings of the CARLA environment: what is refused, and what starts a server."""

import json
import sys

import pytest
from pydantic import ValidationError

from trainer.envs.carla import client as carla_client
from trainer.envs.carla import environment
from trainer.envs.carla.config import CarlaConfig, CarlaServerConfig
from trainer.envs.carla.environment import CARLA
from trainer.envs.carla.server import CarlaServer, free_ports, server_command
from trainer.envs.drive.config import DriveConfig
from trainer.envs.drive.environment import DRIVE
from trainer.envs.errors import (
    MissingExtraError,
    SimulatorLostError,
    UnsupportedEnvironmentError,
)
from trainer.mistakes import ConfigMistakesError
from trainer.run.request import read_task


@pytest.mark.parametrize(
    ("server", "sentence"),
    [
        ({"start": "command"}, "command and start: command need each other"),
        ({"command": ["x", "{port}"]}, "command and start: command need each other"),
        ({"start": "command", "command": ["x"]}, "must hold {port}"),
        ({"start": "command", "command": ["x", "{prot}"]}, "{prot} is unknown; there are {port}"),
        ({"start": "command", "command": ["x", "{port.real}"]}, "{port.real} is unknown"),
        ({"start": "command", "command": ["x", "{port:>9}"]}, "is unknown"),
        ({"start": "command", "command": ["x", "{"]}, "write {{ and }} for braces"),
        ({"ports": [0]}, "needs a server that is started here"),
        ({"ports": []}, "at least 1 item"),
        ({"restart_every_episodes": 3}, "needs a server that is started here"),
        ({"start": "container", "host": "gpu7"}, "cannot run on gpu7"),
        ({"ports": [2000, 2002]}, "leave 3 between them"),
        ({"gpus": "all; rm"}, "should match pattern"),
    ],
)
def test_refuses_a_server_that_cannot_be(server, sentence):
    with pytest.raises(ValidationError) as caught:
        CarlaServerConfig(**server)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("bad", [{"brake_share": 0}, {"town": "../x"}, {"tick_s": 1}])
def test_refuses_bad_settings(bad):
    with pytest.raises(ValidationError):
        CarlaConfig(**bad)


def test_scenarios_of_the_documents():
    assert [CarlaConfig(scenario=i).other_vehicles for i in (0, 1, 2)] == [20, 50, 100]
    assert CarlaConfig(scenario=2, vehicles=0).other_vehicles == 0


def test_same_shape_as_drive_84():
    drive, ours = DRIVE.describe(DriveConfig(camera_size=84)), CARLA.describe(CarlaConfig())
    for name in ("camera_shape", "vector_dim", "action_dim", "reward_components"):
        assert getattr(ours, name) == getattr(drive, name)
    assert (ours.exclusive, drive.exclusive) == (True, False)


def test_commands_are_lists_of_arguments():
    given = CarlaServerConfig(
        start="command", command=("{python}", "-m", "x", "--port={port}", "{{}}; $(id)")
    )
    assert server_command(given, 7) == [sys.executable, "-m", "x", "--port=7", "{}; $(id)"]
    container = server_command(CarlaServerConfig(start="container"), 2000)
    assert container[:3] == ["docker", "run", "--rm"]
    assert "127.0.0.1:2000-2002:2000-2002" in container
    assert container[-1] == "-carla-rpc-port=2000"


def request_file(folder, **changes):
    content = {
        "format": 1,
        "preset": "p",
        "stage": "s",
        "planned_steps": 100,
        "seed": 0,
        "env": {"id": "carla"},
        "train": {},
    }
    path = folder / "request.json"
    path.write_text(json.dumps(content | changes))
    return path


def test_mistakes_name_the_key_and_the_nearest_one(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "is_installed", lambda: True)
    env = {"id": "carla", "server": {"prots": [1]}, "camera": {"fov": 3}, "scenario": 9}
    with pytest.raises(ConfigMistakesError) as caught:
        read_task(request_file(tmp_path, env=env))
    text = str(caught.value)
    assert "env.server.prots: unknown key; did you mean env.server.ports?" in text
    assert "env.camera.fov: unknown key; did you mean env.camera.fov_deg?" in text
    assert "env.scenario: " in text


def test_more_environments_than_servers_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "is_installed", lambda: True)
    with pytest.raises(ConfigMistakesError, match="4 environments need as many CARLA servers"):
        read_task(request_file(tmp_path, train={"num_envs": 4}))


def test_a_missing_client_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "is_installed", lambda: False)
    with pytest.raises(ConfigMistakesError, match=r"pip install 'gonogo\[carla\]'"):
        read_task(request_file(tmp_path))
    monkeypatch.setitem(sys.modules, "carla", None)
    carla_client.load_carla.cache_clear()
    with pytest.raises(MissingExtraError, match="CARLA's client"):
        carla_client.load_carla()
    carla_client.load_carla.cache_clear()


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ({"host": "127.0.0.1", "ports": [2000, 2003]}, ("localhost:2000", "localhost:2003")),
        ({"host": "Sim7", "ports": [2000]}, ("sim7:2000",)),
        ({"start": "container", "ports": [0]}, ()),
    ],
)
def test_servers_at_fixed_ports_are_named(server, expected):
    assert CARLA.servers(CarlaConfig(server=server)) == expected


def test_free_ports_leave_room_for_the_next_two():
    assert 0 < free_ports() < 65_534


def server(*command, port=0, **settings):
    config = CarlaServerConfig(start="command", command=command, ports=(port,), **settings)
    return CarlaServer(config, 0)


def test_a_program_that_is_not_there_is_named(monkeypatch):
    with pytest.raises(UnsupportedEnvironmentError, match="there is no program no-such-server"):
        server("no-such-server", "{port}").open(alive=lambda: None)


@pytest.mark.carla
def test_a_server_that_ends_at_once_is_quoted():
    pytest.importorskip("carla", reason="the carla wheel is not installed")
    broken = server("{python}", "-c", "import sys; sys.exit('no licence {port}')")
    with pytest.raises(SimulatorLostError, match="ended with exit code 1: no licence"):
        broken.open(alive=lambda: None)
