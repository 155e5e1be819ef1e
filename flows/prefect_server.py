"""A Prefect server of our own on loopback, for as long as a pipeline or the cockpit runs.

Prefect can start one by itself, but that one shares our process group: Ctrl-C ends it before the
flow could say that it was stopped, and the client then retries for minutes.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from flows.errors import OutputError, ServerError, UsageError, writing
from flows.prefect_database import copy_prepared_database
from flows.settings.trainers.own_trainer import own_module
from flows.training.process.process import ChildProcess

LOOPBACK = "127.0.0.1"
PREFECTS_APP = "flows.prefect_app:create_app"
START_TIMEOUT_S = 120.0
_HEALTH_INTERVAL_S = 0.1
_WATCH_INTERVAL_S = 2.0
_STOP_GRACE_S = 5.0
_MARK = "Gonogo-Server"
WITHOUT_PAGES = {
    # As Prefect starts its own temporary server: no pages, no background services.
    "PREFECT_UI_ENABLED": "0",
    "PREFECT__SERVER_EPHEMERAL": "1",
    "PREFECT__SERVER_FINAL": "1",
}


_NOT_THE_SERVERS = frozenset({"PREFECT_API_URL", "PYTHONWARNINGS"})
"""Where somebody's own warnings are errors, those of the server's libraries must not end it."""
_SAYS_WHY = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "ERROR"}
"""Our terminal is spared Prefect's lines; the server's go to its log, which says why it ended."""


@contextlib.contextmanager
def prefect_server() -> Iterator[str]:
    """Give the URL of a server's API: the user's own, or one that lives inside this block.

    `prepare_environment` must have been called, and Prefect must not have been imported yet.

    Raises:
        ServerError: The server does not start.
        OutputError: Prefect's data folder cannot be written.
    """
    own = os.environ.get("PREFECT_API_URL")
    if own:
        yield own
        return
    server = PrefectServer(Path(os.environ["PREFECT_HOME"]), environment=WITHOUT_PAGES)
    try:
        server.start()
        os.environ["PREFECT_API_URL"] = server.url
        yield server.url
    finally:
        send_what_waits()
        server.stop()
        os.environ.pop("PREFECT_API_URL", None)


class PrefectServer:
    """A server in a process of its own, started again should it end."""

    def __init__(
        self,
        home: Path,
        *,
        environment: Mapping[str, str],
        host: str = LOOPBACK,
        port: int | None = None,
        app: str = PREFECTS_APP,
    ) -> None:
        """Prepare to start.

        Args:
            home: Prefect's data folder.
            environment: What differs from ours.
            host: Address to listen on.
            port: A free one when absent.
            app: `module:function` that makes the application.

        Raises:
            UsageError: The port is taken, or the address is not one of this machine.
        """
        self._app = app
        self._home = home
        self._log = home / "server.log"
        self._environment = dict(environment)
        self._host = host
        self._port = free_port(host, port)
        self._mark = secrets.token_hex(8)
        """Comes with every answer: somebody else's server may have taken the port before ours did."""
        self._child: ChildProcess | None = None
        self._stopping = threading.Event()
        self._watch = threading.Thread(target=self._keep_alive, daemon=True)

    @property
    def address(self) -> str:
        """Where its pages are."""
        host = LOOPBACK if self._host in ("0.0.0.0", "::", "") else self._host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}"

    @property
    def url(self) -> str:
        """Of its API."""
        return f"{self.address}/api"

    def start(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Start the server and wait until it answers.

        Args:
            meanwhile: Called once it has been started, before the wait.

        Raises:
            ServerError: It does not start.
            OutputError: Its data folder cannot be written.
        """
        with self._alone():
            copy_prepared_database(self._home)
            self._launch()
            meanwhile()
            deadline = time.monotonic() + START_TIMEOUT_S
            while not self._answers():
                assert self._child is not None
                if self._child.poll() is not None or time.monotonic() > deadline:
                    self.stop()
                    raise ServerError(f"Prefect's server does not start. Its log: {self._log}")
                time.sleep(_HEALTH_INTERVAL_S)
        self._watch.start()

    def stop(self) -> None:
        """End the server."""
        self._stopping.set()
        if self._watch.is_alive():
            self._watch.join()
        if self._child is not None:
            self._child.stop()

    def _launch(self) -> None:
        self._child = ChildProcess(
            [
                *own_module("uvicorn", "--factory", self._app),
                *("--host", self._host, "--port", str(self._port)),
                *("--log-level", "error", "--lifespan", "on"),
                *("--header", f"{_MARK}:{self._mark}"),
            ],
            cwd=self._home,
            log=self._log,
            environment={
                **{k: v for k, v in os.environ.items() if k not in _NOT_THE_SERVERS},
                **_SAYS_WHY,
                **self._environment,
            },
            grace_s=_STOP_GRACE_S,
        )

    def _keep_alive(self) -> None:
        """Start the server again should it end: a training of days must not hang on it."""
        while not self._stopping.wait(_WATCH_INTERVAL_S):
            if self._child is not None and self._child.poll() is not None:
                with contextlib.suppress(OutputError):
                    self._launch()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=2) as answer:
                return bool(answer.status == 200 and answer.headers.get(_MARK) == self._mark)
        except (OSError, urllib.error.URLError):
            return False

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the folder's lock: two servers must not create one database at the same time."""
        with writing("Prefect's data", self._home):
            self._home.mkdir(parents=True, exist_ok=True)
            with (self._home / "start.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield


def free_port(host: str = LOOPBACK, port: int | None = None) -> int:
    """Return `port` when it is free, or any free one.

    Raises:
        UsageError: The port is taken, or the address is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As the server itself does: a connection that is still closing takes no port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port or 0))
        except OSError as error:
            raise UsageError(
                f"--host {host} --port {port or 0}: {error.strerror or error}; choose others."
            ) from None
        return int(probe.getsockname()[1])


def send_what_waits() -> None:
    """Let Prefect send its last logs and events while the server still answers.

    Without this its workers try for many minutes at the end of the process.
    """
    if "prefect" not in sys.modules:
        return
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    for worker in (APILogWorker, EventsWorker):
        worker.drain_all(timeout=_STOP_GRACE_S)
