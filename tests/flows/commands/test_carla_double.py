from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

pytest.importorskip("msgpack", reason="pip install 'gonogo[carla]' for the double of CARLA")
pytestmark = pytest.mark.carla


def gonogo(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "gonogo", "carla-double", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # In the background of a shell SIGINT is ignored, and Python would leave it so.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_serves_until_it_is_stopped_and_leaves_nothing_behind(number: signal.Signals) -> None:
    command = gonogo("--port", "0", "--map", "Town02")
    assert command.stdout is not None
    first = command.stdout.readline()
    port = int(re.findall(r"127\.0\.0\.1:(\d+), map Carla/Maps/Town02", first)[0])
    assert "not CARLA" in first
    assert listens(port)
    os.kill(command.pid, number)
    out, err = command.communicate(timeout=120)
    deadline = time.monotonic() + 120
    while listens(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not listens(port)
    if number != signal.SIGKILL:
        assert (command.returncode, err) == (0, "")
        assert out.endswith("The double has ended.\n")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--map", "Town9"), 2, "map not found: 'Town9'"),
        (("--fault", "kill:when=noon"), 2, "'idle', 'mid_tick' or 'load_world'"),
        (("--fault", "kill:after_ticks=3"), 1, "was ended by signal 9"),
    ],
)
def test_what_goes_wrong_is_one_sentence(
    arguments: tuple[str, ...], code: int, message: str
) -> None:
    command = gonogo("--port", "0", *arguments)
    _, err = command.communicate(timeout=60)
    assert command.returncode == code
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = gonogo("--port", str(port))
        _, err = command.communicate(timeout=60)
    assert command.returncode == 2
    assert f"127.0.0.1:{port}" in err
