"""Settings of Prefect that must stand in the environment before Prefect is imported."""

from __future__ import annotations

import os
from pathlib import Path

from flows.surroundings import spare_loopback_the_proxy

DEFAULTS = {
    # Neither the server nor the client reports usage to anybody.
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # With the default of 5, a server that is away for a minute ends a run.
    "PREFECT_CLIENT_MAX_RETRIES": "10",
    # A new database on a slow machine takes about 20 s, the default limit.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}
QUIET = {
    # Logs still reach the server, for its pages; the terminal belongs to our own lines.
    "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
}


def prepare_environment(home: Path, *, quiet: bool = True) -> None:
    """Set what the user has not set; `home` is for Prefect's data."""
    spare_loopback_the_proxy()
    os.environ.setdefault("PREFECT_HOME", str(home.absolute()))
    for name, value in {**DEFAULTS, **(QUIET if quiet else {})}.items():
        os.environ.setdefault(name, value)
    # Whoever gives the server a password means us to know it.
    password = os.environ.get("PREFECT_SERVER_API_AUTH_STRING")
    if password:
        os.environ.setdefault("PREFECT_API_AUTH_STRING", password)


def home_for(out: Path) -> Path:
    """Return `runs/.prefect` for pipelines below `runs`, so that they share one history."""
    runs = Path("runs").absolute()
    inside = runs in out.absolute().parents
    return (runs if inside else out.absolute()) / ".prefect"
