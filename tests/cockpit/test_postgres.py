"""The cockpit with Postgres in place of SQLite, where Postgres is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.prefect_server import free_port
from tests.cockpit.served import BAD_RECIPE, Cockpit, write_small_recipe

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture
def postgres() -> Iterator[str]:
    """URL of an empty database in a Postgres of our own."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1:]
    search = os.pathsep.join([os.environ.get("PATH", ""), *map(str, programs)])
    initdb, pg_ctl = (shutil.which(name, path=search) for name in ("initdb", "pg_ctl"))
    if initdb is None or pg_ctl is None:
        pytest.skip("Postgres is not installed: apt-get install postgresql")
    user: dict[str, object] = {}
    if os.geteuid() == 0:
        # Postgres refuses to run as root.
        user = {"user": "postgres", "group": "postgres", "extra_groups": []}
    # Sockets have short paths, and the user postgres may not enter pytest's folders.
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        home = Path(folder)
        if user:
            shutil.chown(home, "postgres", "postgres")
        data, port = home / "data", free_port()

        def call(*command: str) -> None:
            subprocess.run(command, cwd=home, check=True, stdout=subprocess.DEVNULL, **user)

        call(initdb, "-D", str(data), "-U", "gonogo", "--auth=trust")
        options = f"-p {port} -k {home} -c listen_addresses=127.0.0.1"
        control = (pg_ctl, "-D", str(data), "-l", str(home / "log"), "-w")
        call(*control, "-o", options, "start")
        try:
            yield f"postgresql+asyncpg://gonogo@127.0.0.1:{port}/postgres"
        finally:
            call(*control, "-m", "immediate", "stop")


def test_the_database_is_postgres(postgres: str, tmp_path: Path) -> None:
    options = write_small_recipe(tmp_path / "recipe")
    database = {"PREFECT_API_DATABASE_CONNECTION_URL": postgres}
    with Cockpit(tmp_path / "work", *options, environment=database) as cockpit:
        assert not list(cockpit.runs.glob(".prefect/*.db")), "no SQLite"
        sound = cockpit.start("staged-validation", preset="small", stages=["first"])
        bad = cockpit.start(
            "staged-validation", preset="small", stages=["first"], overrides=BAD_RECIPE
        )
        ended = cockpit.wait_for_end(sound)["state"]
        assert ended["name"] == "GO", (ended, cockpit.said())
        assert "GO at first" in cockpit.artifacts(sound)["small-seed0-first"]["data"]
        assert cockpit.wait_for_end(bad)["state"]["name"] == "NO_GO"
        psql = shutil.which("psql")
        if psql is not None:
            address = postgres.replace("+asyncpg", "")
            count = [psql, address, "-Atc", "select count(*) from flow_run"]
            assert subprocess.check_output(count, text=True).strip() == "2"
