"""`gonogo serve`: a Prefect server, the deployments and the processes behind them, in one command."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

from flows.cockpit.api import Api, pages_of
from flows.cockpit.choices import check_files
from flows.cockpit.served_processes import ServedProcesses
from flows.commands.terminal import say
from flows.errors import FlowsError, ServerError, UsageError, writing
from flows.prefect_environment import prepare_environment
from flows.prefect_server import LOOPBACK, PrefectServer, free_port
from flows.records.folder_lock import try_lock
from flows.settings.shell_path import shell_path
from flows.surroundings import without_password
from flows.training.process.stopping import StopRequested, raise_on_stop_signals

NAMES = ("staged-validation", "single-stage", "gate-only", "backtest")
DEFAULT_PORT = 4200
_READY_TIMEOUT_S = 180.0
_POLL_S = 0.25
_WATCH_S = 1.0
_ALIVE_FOR = timedelta(seconds=15)
"""A deployment polled this recently is being served."""
_APP = "flows.cockpit.server_app:create_app"
_WITH_PAGES = {
    # The older pages close a list of choices as soon as it is clicked open.
    "PREFECT_SERVER_UI_V2_ENABLED": "true",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    # The pages ask the server that they came from, under whatever name the browser knows it.
    "PREFECT_UI_API_URL": "/api",
    "PREFECT_UI_ENABLED": "true",
}


def serve(
    *,
    host: str,
    port: int | None,
    runs: Path,
    presets: Sequence[Path],
    stages: Sequence[Path],
    show_prefect: bool,
) -> int:
    """Serve the deployments until we are stopped; returns the exit code.

    Raises:
        FlowsError: Something cannot be used as asked, is taken or does not start.
    """
    own_presets = check_files("preset", list(presets))
    own_stages = check_files("stage", list(stages))
    _refuse_open_door(host)
    runs = runs.absolute()
    home = runs / ".prefect"
    raise_on_stop_signals()
    prepare_environment(home, quiet=not show_prefect)
    home = Path(os.environ["PREFECT_HOME"])
    with _only_one(home):
        given = os.environ.get("PREFECT_API_URL")
        server = None if given else _own_server(home, host, port)
        url = given or (server.url if server else "")
        api = Api(url)
        if given:
            _refuse_second(api, given)
        served = ServedProcesses(
            names=NAMES,
            logs=home,
            api_url=url,
            runs=runs,
            presets=own_presets,
            stages=own_stages,
        )
        started = datetime.now(timezone.utc)
        try:
            if server is None:
                served.start()
            else:
                say("Starting Prefect's server ...")
                server.start(meanwhile=served.start)
                say(f"Its pages are at {server.address}; the forms come next ...")
                why = "gonogo serve was killed during this run."
                _mark_left_alone(api, why, NAMES, since_before=started)
            _wait_until_served(api, served, since=started)
            _say_ready(server.address if server else pages_of(url), runs, own=bool(server))
            while True:
                time.sleep(_WATCH_S)
                for name in served.keep_alive():
                    why = f"The process that served {name} ended during this run."
                    # Its guard has ended what it ran, trainers included.
                    _mark_left_alone(api, why, [name], since_before=datetime.now(timezone.utc))
                    say(
                        f"{name} had ended and was started again; see {shell_path(served.log_of(name))}"
                    )
        except (KeyboardInterrupt, StopRequested) as stop:
            say(f"Stopping ({str(stop) or 'Ctrl-C'}): trainers save a checkpoint first ...")
            served.stop()
            why = "gonogo serve was stopped during this run."
            _mark_left_alone(api, why, NAMES, since_before=datetime.now(timezone.utc))
            say("Stopped. What was trained and judged so far is kept; Retry continues from there.")
            return 0
        finally:
            served.stop()
            if server is not None:
                server.stop()


def _own_server(home: Path, host: str, port: int | None) -> PrefectServer:
    environment = {name: os.environ.get(name, value) for name, value in _WITH_PAGES.items()}
    return PrefectServer(home, environment=environment, host=host, port=_port(host, port), app=_APP)


def _port(host: str, port: int | None) -> int:
    """Return the port that was asked for, else the usual one, else any free one.

    Raises:
        UsageError: The port that was asked for is taken.
    """
    if port is not None:
        return free_port(host, port)
    try:
        return free_port(host, DEFAULT_PORT)
    except UsageError:
        return free_port(host)


def _refuse_open_door(host: str) -> None:
    """Refuse to let anybody on the network start trainings.

    Raises:
        UsageError: The address is not loopback and no password is set.
    """
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback and not os.environ.get("PREFECT_SERVER_API_AUTH_STRING"):
        raise UsageError(
            f"--host {host} lets anybody who can reach this machine start trainings; set "
            f"PREFECT_SERVER_API_AUTH_STRING=USER:PASSWORD first, or use --host {LOOPBACK}."
        )


@contextlib.contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Hold the lock of the data folder: two that serve would both pick up every run.

    Raises:
        UsageError: Somebody else holds it.
        OutputError: The folder cannot be written.
    """
    with writing("Prefect's data", home):
        home.mkdir(parents=True, exist_ok=True)
        lock = os.open(home / "serve.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if not try_lock(lock):
            owner = os.read(lock, 200).decode(errors="replace").strip()
            raise UsageError(
                f"gonogo serve runs already for {home.parent} ({owner or 'another process'}); "
                "use its pages, stop it first, or choose other --runs."
            )
        os.ftruncate(lock, 0)
        os.write(lock, f"process {os.getpid()}\n".encode())
        yield
    finally:
        os.close(lock)


def _refuse_second(api: Api, url: str) -> None:
    """Refuse to serve deployments that are already served on the same server.

    Raises:
        UsageError: Another process polled our deployments a moment ago.
        ServerError: The server does not answer.
    """
    now = datetime.now(timezone.utc)
    for name in NAMES:
        polled = api.last_polled(name)
        if polled is not None and now - polled < _ALIVE_FOR:
            raise UsageError(
                f"{without_password(url)} is already served: {name} was polled "
                f"{(now - polled).total_seconds():.0f} s ago, and two servers would both run whatever is "
                f"started. Stop the other one, then wait {_ALIVE_FOR.total_seconds():.0f} s."
            )


def _wait_until_served(api: Api, served: ServedProcesses, *, since: datetime) -> None:
    deadline = time.monotonic() + _READY_TIMEOUT_S
    waiting = list(NAMES)
    while waiting:
        ended = [name for name in served.ended() if name in waiting]
        if ended or time.monotonic() > deadline:
            name = (ended or waiting)[0]
            raise ServerError(f"{name} cannot be served. Its log: {served.log_of(name)}")
        with contextlib.suppress(ServerError):
            polled = api.last_polled(waiting[0])
            if polled is not None and polled >= since:
                waiting.pop(0)
                continue
        time.sleep(_POLL_S)


def _mark_left_alone(api: Api, why: str, names: Sequence[str], *, since_before: datetime) -> None:
    """Mark the runs of these deployments as Crashed whose processes are gone."""
    with contextlib.suppress(FlowsError):
        for flow_run in api.runs_going_on(names, since_before=since_before):
            api.mark_crashed(flow_run, why)


def _say_ready(address: str, runs: Path, *, own: bool) -> None:
    page = f"{address}/v2/deployments" if own else address
    say(f"Cockpit: {page}")
    say(f"  Deployments: {', '.join(NAMES)}")
    say(f"  Runs: {shell_path(runs)}")
    if own:
        say("  Telemetry is off, and the pages may ask no other host.")
    say("Stop with Ctrl-C.")
