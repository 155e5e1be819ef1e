"""Threads, signals, settings of property tests, and options of the tests that drive CARLA against its double."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parents[1]

# Before torch is imported: tests run side by side, and a thread that waits for another one turns in circles meanwhile.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A busy machine is slow; that says nothing about what is tested.
settings.register_profile("any speed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any speed")


def pytest_configure() -> None:
    """Take Ctrl-C back: a shell that starts the tests in the background has it ignored, by our children too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Look for garbage among what tests make only: all that was imported takes a quarter of a second each time."""
    gc.collect()
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("carla", "a real CARLA server")
    group.addoption("--carla-host", help="run the tests marked carla against this server")
    group.addoption("--carla-port", type=int, default=2000, help="its RPC port (default: 2000)")


@dataclass(frozen=True, kw_only=True)
class CarlaAddress:
    """Where a server answers, and whether it is CARLA itself."""

    host: str
    port: int
    real: bool


@pytest.fixture(scope="session")
def carla_server(request: pytest.FixtureRequest) -> Iterator[CarlaAddress]:
    """A server for the genuine client: the one named by the options, else a double of our own."""
    pytest.importorskip(
        "carla", reason="the carla wheel is not installed: pip install -e '.[carla]'"
    )
    host = request.config.getoption("--carla-host")
    if host:
        yield CarlaAddress(host=host, port=request.config.getoption("--carla-port"), real=True)
        return
    with subprocess.Popen(
        [sys.executable, "-m", "carla_double", "--port", "0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as double:
        try:
            assert double.stdout is not None
            ready = json.loads(double.stdout.readline())
            yield CarlaAddress(host="localhost", port=ready["port"], real=False)
        finally:
            double.terminate()
            double.wait(120)


@pytest.fixture
def only_the_double(carla_server: CarlaAddress) -> CarlaAddress:
    """The double; skips where a real server is tested, which is not exactly repeatable."""
    if carla_server.real:
        pytest.skip("a real CARLA server does not repeat itself exactly, nor may it be killed")
    return carla_server
