"""A PostgreSQL server of a test's own, on loopback, in a folder that goes away."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from flows.prefect_server import free_port

PASSWORD = "kept-out-of-logs"


class Postgres:
    """The server; it runs as another user where we are root, because it refuses root."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._data = folder / "data"
        self._programs = programs
        self._user = "postgres" if os.geteuid() == 0 else None
        self._port = free_port()
        if self._user is not None:
            shutil.chown(folder, self._user)
        password = folder / "password"
        password.write_text(PASSWORD)
        password.chmod(0o644)
        options = ["-A", "scram-sha-256", "-U", "gonogo", f"--pwfile={password}", "--no-sync"]
        self._run("initdb", "-D", str(self._data), *options)
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(
                f"\nport = {self._port}\nlisten_addresses = '127.0.0.1'\n"
                f"unix_socket_directories = '{folder}'\n"
            )

    @property
    def environment(self) -> dict[str, str]:
        """What `gonogo serve` needs to use this server."""
        address = f"postgresql+asyncpg://gonogo:{PASSWORD}@127.0.0.1:{self._port}/postgres"
        return {"PREFECT_SERVER_DATABASE_CONNECTION_URL": address}

    def start(self) -> None:
        self._run("pg_ctl", "-D", str(self._data), "-l", str(self._data / "log"), "-w", "start")

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "-D", str(self._data), "-m", mode, "-w", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments],
            check=True,
            cwd="/",
            user=self._user,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=120,
        )


def programs() -> Path | None:
    """Return the folder of PostgreSQL's newest programs; None when they are not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def usable() -> bool:
    """Tell whether a server can be started: installed, and a user for it where we are root."""
    if programs() is None:
        return False
    if os.geteuid() != 0:
        return True
    with contextlib.suppress(KeyError):
        return bool(pwd.getpwnam("postgres"))
    return False


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """Give a running server; its folder lies where another user may reach it."""
    found = programs()
    assert found is not None
    with tempfile.TemporaryDirectory(prefix="gonogo-postgres-", dir="/tmp") as name:
        server = Postgres(Path(name), found)
        server.start()
        try:
            yield server
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):
                server.stop("immediate")
