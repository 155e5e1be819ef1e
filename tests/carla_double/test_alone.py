from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.carla_double.double_process import running_double


def test_it_needs_nothing_else_of_the_trainer_and_no_simulator_library() -> None:
    script = """
import sys
import carla_double.calls.table
import carla_double.control_door
import carla_double.__main__
print(" ".join(sys.modules))
"""
    pytest.importorskip("msgpack", reason="pip install 'gonogo[carla]'")
    loaded = subprocess.check_output([sys.executable, "-c", script], text=True).split()
    for name in loaded:
        assert name.partition(".")[0] not in ("torch", "carla", "gymnasium", "flows", "gates")
        assert not name.startswith("trainer.") or name.startswith("carla_double")


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "carla_double", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--map", "Town07"], "map not found: 'Town07'"),
        (["--fault", "kill:when=noon"], "kill.when"),
        (["--faults", "/nowhere.json"], "/nowhere.json: No such file"),
    ],
)
def test_bad_usage_is_one_sentence(arguments: list[str], message: str) -> None:
    pytest.importorskip("msgpack", reason="pip install 'gonogo[carla]'")
    done = start("--port", "0", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_taken_port_is_told(tmp_path: Path) -> None:
    pytest.importorskip("msgpack", reason="pip install 'gonogo[carla]'")
    faults = tmp_path / "faults.json"
    faults.write_text(json.dumps([{"kind": "hang", "method": "version"}]))
    with running_double("--faults", str(faults)) as double:
        assert double.state()["faults"][0]["kind"] == "hang"
        done = start("--port", str(double.port))
    assert done.returncode == 1
    assert f"127.0.0.1:{double.port}" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_also_while_it_is_frozen(number: signal.Signals) -> None:
    pytest.importorskip("msgpack", reason="pip install 'gonogo[carla]'")
    with running_double() as double:
        double.fault("freeze", seconds=60)
        double.process.send_signal(number)
        assert double.process.wait(120) == 0


def test_a_reply_that_nobody_waits_for_goes_along_with_the_next_or_after_a_moment() -> None:
    msgpack = pytest.importorskip("msgpack", reason="pip install 'gonogo[carla]'")
    weather = [0.0] * 14

    def call(number: int, method: str, waits: bool, *arguments: object) -> bytes:
        return bytes(msgpack.packb([0, number, method, [[not waits], *arguments]]))

    with (
        running_double() as double,
        socket.create_connection(("127.0.0.1", double.port), 10) as client,
    ):
        client.sendall(call(1, "set_weather_parameters", False, weather))
        replies = msgpack.Unpacker()
        replies.feed(client.recv(4096))
        assert [reply[1] for reply in replies] == [1]
        client.sendall(call(2, "set_weather_parameters", False, weather) + call(3, "version", True))
        replies.feed(client.recv(4096))
        assert [reply[1] for reply in replies] == [2, 3]


def test_the_control_door_names_mistakes() -> None:
    pytest.importorskip("msgpack", reason="pip install 'gonogo[carla]'")
    with running_double() as double:
        with pytest.raises(AssertionError, match="op is fault, clear, load or state"):
            double.ask(op="dance")
        with pytest.raises(AssertionError, match="seconds"):
            double.fault("freeze")
        with pytest.raises(AssertionError, match="map not found"):
            double.ask(op="load", map="Town99")
        assert double.state()["map"] == "Carla/Maps/Town01"
