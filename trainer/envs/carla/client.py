"""The only module that imports `carla`, when it is first needed.

The client library is C++ behind thin Python: some of its failures end the process or never return,
and no `except` sees them. What can be caught is turned into `SimulatorLostError` here.
"""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import util
from typing import Any

from trainer.envs.errors import (
    MissingExtraError,
    SimulatorLostError,
    UnsupportedEnvironmentError,
)

INSTALL_ADVICE = (
    "carla needs CARLA's client, which is not installed: pip install 'gonogo[carla]' "
    "(carla 0.9.16, Python 3.10 to 3.12, Linux)"
)
PROBE_TIMEOUT_S = 2.0
"""Time-out of one question whether a server is ready."""
_POLL_S = 0.2


def is_installed() -> bool:
    """Tell whether the client library is there, without importing it."""
    return util.find_spec("carla") is not None


@lru_cache(maxsize=1)
def load_carla() -> Any:
    """Import the client library.

    Raises:
        MissingExtraError: It is not installed.
    """
    if not os.environ.get("HOME"):
        # Without HOME the import ends the process with a segmentation fault.
        os.environ["HOME"] = tempfile.gettempdir()
    try:
        import carla
    except ImportError:
        raise MissingExtraError(INSTALL_ADVICE, key="env.id") from None
    return carla


@contextlib.contextmanager
def calling(what: str) -> Iterator[None]:
    """Turn what the client library raises into a lost simulator.

    It knows no error classes of its own: a time-out, a refusal and a broken connection are all a
    RuntimeError.

    Raises:
        SimulatorLostError: The block raised a RuntimeError.
    """
    try:
        yield
    except RuntimeError as error:
        raise SimulatorLostError(f"{what}: {' '.join(str(error).split())}") from error


def wait_until_ready(
    host: str,
    port: int,
    *,
    timeout_s: float,
    check_process: Callable[[], None] = lambda: None,
    alive: Callable[[], None] = lambda: None,
) -> Any:
    """Wait for a simulator to answer and return a new `carla.Client` of it.

    A client that has seen its server end never connects again, so this is called again after every
    restart.

    Args:
        host: Machine of the server.
        port: Its RPC port.
        timeout_s: Longest wait.
        check_process: Raises when the server's process, started here, has ended.
        alive: Called at least every few seconds.

    Raises:
        SimulatorLostError: The server did not answer in time.
        UnsupportedEnvironmentError: The server and the client library have different versions and
            would misread each other.
    """
    carla = load_carla()
    deadline = time.monotonic() + timeout_s
    while True:
        check_process()
        alive()
        if listens(host, port):
            try:
                client = carla.Client(host, port)
                client.set_timeout(PROBE_TIMEOUT_S)
                server, ours = client.get_server_version(), client.get_client_version()
            except RuntimeError:
                pass
            else:
                if server != ours:
                    raise UnsupportedEnvironmentError(
                        f"the CARLA server at {host}:{port} has version {server}, the installed "
                        f"client {ours}; start a server of version {ours}"
                    )
                return client
        if time.monotonic() >= deadline:
            raise SimulatorLostError(
                f"no CARLA server answered at {host}:{port} within {timeout_s:g} s; start one "
                "(docs/carla.md) or let env.server.start do it"
            )
        time.sleep(_POLL_S)


def listens(host: str, port: int) -> bool:
    """Tell whether the port takes connections: asking the client library costs a whole time-out."""
    try:
        with socket.create_connection((host, port), timeout=PROBE_TIMEOUT_S):
            return True
    except OSError:
        return False
