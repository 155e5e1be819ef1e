"""The cockpit with PostgreSQL as Prefect's database, also while the database is away."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.flows.cockpit.postgres import PASSWORD, postgres, usable
from tests.flows.cockpit.served import BAD_RECIPE, Cockpit, wait_for, write_small_recipe

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not usable(), reason="PostgreSQL is not installed"),
]
AWAY_S = 20.0


def test_postgres_keeps_the_history_and_may_be_away_for_a_while(tmp_path: Path) -> None:
    options = write_small_recipe(tmp_path / "recipe")
    with postgres() as database:
        with Cockpit(tmp_path / "work", *options, environment=database.environment) as cockpit:
            assert not list(tmp_path.rglob("prefect.db"))
            bad = cockpit.start(
                "staged-validation", preset="small", stages=["first"], overrides=BAD_RECIPE
            )
            assert cockpit.wait_for_end(bad)["state"]["name"] == "NO_GO"
            begun = cockpit.start("staged-validation", preset="small", stages=["minute"])
            wait_for(lambda: cockpit.artifacts(begun).get("small-seed0-minute-progress"))
            database.stop("immediate")
            time.sleep(AWAY_S)
            database.start()
            run = wait_for_end(cockpit, begun)
            assert run["state"]["name"] == "GO"
            (pipeline,) = (cockpit.runs).glob("small-seed0-*/minute")
            assert [path.name for path in pipeline.glob("run-*")] == ["run-001"]
            said = cockpit.said()
        assert PASSWORD not in said
        for log in tmp_path.rglob("*.log"):
            assert PASSWORD not in log.read_text(errors="replace"), log
        with Cockpit(tmp_path / "work", *options, environment=database.environment) as cockpit:
            assert cockpit.run(bad)["state"]["name"] == "NO_GO"
            assert "NO-GO" in cockpit.artifacts(bad)["small-seed0-first"]["data"]


def wait_for_end(cockpit: Cockpit, flow_run: str) -> dict[str, object]:
    """Return the run once it has ended; the server may answer with an error meanwhile."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        try:
            found = cockpit.run(flow_run)
            if found["state"]["type"] in ("COMPLETED", "FAILED", "CRASHED"):
                return dict(found)
        except OSError:
            pass
        time.sleep(1)
    raise AssertionError(cockpit.said())
