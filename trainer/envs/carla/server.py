"""Starts CARLA servers, waits for them, and ends the processes that were started here and no others."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainer.envs.carla.client import wait_until_ready
from trainer.envs.carla.config import PORTS_PER_SERVER, CarlaServerConfig
from trainer.envs.errors import SimulatorLostError, UnsupportedEnvironmentError

GRACE_S = 10.0
"""Time that a server has to end by itself before its process group is killed."""
START_ATTEMPTS = 3
"""Ports that are tried if the chosen free one is taken in the meantime."""

_HOME = Path(__file__).resolve().parents[3]
"""Folder that holds the product's packages."""
_GUARD = _HOME / "trainer" / "child_guard.py"
_LOG_TAIL_BYTES = 4096


class CarlaServer:
    """One server: it runs already and is only connected to, or it is started here.

    A guard process watches over a started server. When the trainer ends in whatever way, also
    killed or aborted, the guard ends the server with its whole process group.
    """

    def __init__(self, config: CarlaServerConfig, index: int) -> None:
        self._config = config
        self._port = config.ports[index]
        self._any_port = self._port == 0
        self._process: _GuardedProcess | None = None

    @property
    def started_here(self) -> bool:
        """Whether this object starts and ends the server."""
        return self._config.start != "connect"

    @property
    def address(self) -> str:
        """Host and port, for messages."""
        return f"{self._config.host}:{self._port}"

    def open(self, alive: Callable[[], None]) -> Any:
        """Start the server if that is ours to do, and return a new `carla.Client` of it.

        Args:
            alive: Called every few seconds of waiting.

        Raises:
            SimulatorLostError: It does not answer in time, or ended.
            UnsupportedEnvironmentError: It cannot be started, or has another version.
        """
        if not self.started_here:
            return self._wait(alive)
        for attempt in range(START_ATTEMPTS):
            if self._any_port:
                self._port = free_ports()
            else:
                self._wait_for_the_port(alive)
            process = self._process = _GuardedProcess(server_command(self._config, self._port))
            try:
                return self._wait(alive)
            except SimulatorLostError:
                ended = process.poll() is not None
                self.stop()
                if not (self._any_port and ended) or attempt + 1 == START_ATTEMPTS:
                    raise
        raise AssertionError

    def stop(self) -> None:
        """End the server, if it was started here."""
        process, self._process = self._process, None
        if process is not None:
            process.stop()

    def _wait_for_the_port(self, alive: Callable[[], None]) -> None:
        """Wait until the server of an earlier attempt is gone, so that we do not connect to it.

        Raises:
            UnsupportedEnvironmentError: Another program keeps one of the ports.
        """
        deadline = time.monotonic() + 2.0 * GRACE_S
        while (taken := _taken_port(self._port)) is not None:
            alive()
            if time.monotonic() >= deadline:
                raise UnsupportedEnvironmentError(
                    f"env.server.ports: {self._port} also takes the next two ports, and {taken} is "
                    "in use on this machine; choose another port, 0 for any free one, or "
                    "env.server.start=connect to use what runs there"
                )
            time.sleep(0.1)

    def _wait(self, alive: Callable[[], None]) -> Any:
        return wait_until_ready(
            self._config.host,
            self._port,
            timeout_s=self._config.ready_timeout_s,
            check_process=self._check_process,
            alive=alive,
        )

    def _check_process(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            raise SimulatorLostError(
                f"the CARLA server ended with exit code {self._process.poll()}: "
                f"{self._process.last_words() or 'it said nothing'}"
            )


class _GuardedProcess:
    """A child in a process group of its own, with a guard that outlives us by a moment."""

    def __init__(self, command: list[str]) -> None:
        if shutil.which(command[0]) is None:
            raise UnsupportedEnvironmentError(
                f"the CARLA server cannot be started: there is no program {command[0]}"
            )
        self._output = tempfile.TemporaryFile()  # noqa: SIM115
        read, self._alive = os.pipe()
        try:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_GUARD), str(read), str(GRACE_S), *command],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(read,),
                env={**os.environ, "PYTHONPATH": _own_packages_first()},
            )
        except OSError as error:
            os.close(self._alive)
            raise UnsupportedEnvironmentError(
                f"the CARLA server cannot be started: {error}"
            ) from None
        finally:
            os.close(read)

    def poll(self) -> int | None:
        """Return the exit code; None while the server runs."""
        if self._guard.returncode is None and _ended(self._guard.pid):
            self._clear_away()
        return self._guard.returncode

    def stop(self) -> None:
        """Ask the server to end, wait, then kill what is left of its process group."""
        if self.poll() is None:
            self._guard.terminate()
            self._wait(GRACE_S)
            if self._guard.returncode is None:
                # The guard knows best what belongs to the server.
                self._guard.send_signal(signal.SIGINT)
                self._wait(GRACE_S)
            if self._guard.returncode is None:
                self._clear_away()
        os.close(self._alive)
        self._output.close()

    def _wait(self, limit_s: float) -> None:
        deadline = time.monotonic() + limit_s
        while self.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)

    def _clear_away(self) -> None:
        """Kill the group, then reap its leader; in this order the number cannot be another's."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._guard.pid, signal.SIGKILL)
        self._guard.wait()

    def last_words(self) -> str:
        """Return the last line that the server wrote."""
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, size - _LOG_TAIL_BYTES))
        lines = self._output.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1].strip() if lines else ""


def server_command(config: CarlaServerConfig, port: int) -> list[str]:
    """Return the command that starts a server; no shell is involved."""
    if config.start == "command":
        values = {"port": str(port), "python": sys.executable}
        return [part.format_map(values) for part in config.command]
    last = port + PORTS_PER_SERVER - 1
    return [
        "docker",
        "run",
        "--rm",
        # With an init process the container ends with the signal that docker hands on.
        "--init",
        "--name",
        f"gonogo-carla-{os.getpid()}-{port}",
        "--gpus",
        config.gpus,
        "--publish",
        f"127.0.0.1:{port}-{last}:{port}-{last}",
        config.image,
        "./CarlaUE4.sh",
        "-RenderOffScreen",
        "-nosound",
        f"-carla-rpc-port={port}",
    ]


def _own_packages_first() -> str:
    """Return PYTHONPATH with our packages first, so that `{python} -m carla_double` finds ours."""
    return os.pathsep.join([str(_HOME), *filter(None, [os.environ.get("PYTHONPATH")])])


def free_ports() -> int:
    """Return a port that is free together with the next two."""
    for _ in range(100):
        with contextlib.ExitStack() as held:
            first = held.enter_context(socket.socket())
            first.bind(("", 0))
            port = int(first.getsockname()[1])
            try:
                for offset in range(1, PORTS_PER_SERVER):
                    held.enter_context(socket.socket()).bind(("", port + offset))
            except OSError:
                continue
            return port
    raise SimulatorLostError("no three neighbouring ports are free")


def _taken_port(first: int) -> int | None:
    """Return the first of a server's ports that is in use; None: all are free.

    Tests by binding: a frozen server still has the port, although it does not answer.
    """
    for port in range(first, first + PORTS_PER_SERVER):
        with socket.socket() as probe:
            # Old connections that linger do not keep a server from starting.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError:
                return port
    return None


def _ended(pid: int) -> bool:
    """Tell whether a child ended, without reaping it."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return True
