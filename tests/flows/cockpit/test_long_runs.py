"""What a training of days meets: a server that is away, a process that is killed, a password."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.cockpit.api import Api
from flows.prefect_server import free_port
from tests.flows.cockpit.served import (
    ApiError,
    Cockpit,
    processes_of,
    trainers_of,
    wait_for,
    write_small_recipe,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]

AWAY_S = 60.0


def only_pipeline(cockpit: Cockpit) -> Path:
    (record,) = cockpit.runs.glob("*/pipeline.json")
    return record.parent


def status(run: Path) -> dict[str, object]:
    try:
        content = json.loads((run / "status.json").read_text())
    except (OSError, ValueError):
        return {"step": 0, "phase": ""}
    assert isinstance(content, dict)
    return content


class Server:
    """A Prefect server that nobody starts again but we."""

    def __init__(self, home: Path) -> None:
        home.mkdir()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/api"
        self._home = home
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "uvicorn", "--factory", "--log-level", "error"]
        command += ["prefect.server.api.server:create_app", "--port", str(self.port)]
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self._home,
                env={**kept, "PREFECT_HOME": str(self._home), "DO_NOT_TRACK": "1"},
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    started = Server(tmp_path / "server")
    started.start()
    wait_for(Api(started.url).answers)
    yield started
    started.kill()


def test_a_server_that_is_away_ends_nothing(server: Server, tmp_path: Path) -> None:
    options = write_small_recipe(tmp_path / "recipe")
    url = {"PREFECT_API_URL": server.url}
    with Cockpit(tmp_path / "work", *options, environment=url) as cockpit:
        assert not (cockpit.runs / ".prefect" / "server.log").exists(), "no server of our own"
        begun = cockpit.start("staged-validation", preset="small", stages=["minute", "first"])
        wait_for(lambda: cockpit.artifacts(begun).get("small-seed0-minute-progress"))
        run = only_pipeline(cockpit) / "minute" / "run-001"
        before = status(run)["step"]
        server.kill()
        time.sleep(AWAY_S)
        during = status(run)["step"]
        server.start()
        wait_for(Api(server.url).answers)
        ended = cockpit.wait_for_end(begun)
        assert isinstance(before, int)
        assert isinstance(during, int)
        assert during > before, "the training went on"
        assert ended["state"]["name"] == "GO"
        assert ended["name"] == "small seed 0: minute GO, first GO"
        assert "GO at minute" in cockpit.artifacts(begun)["small-seed0-minute"]["data"]
        assert not (run.parent / "run-002").exists()


def test_a_killed_worker_leaves_no_trainer_and_retry_goes_on(tmp_path: Path) -> None:
    options = write_small_recipe(tmp_path / "recipe")
    with Cockpit(tmp_path / "work", *options) as cockpit:
        begun = cockpit.start("staged-validation", preset="small", stages=["minute"])
        wait_for(lambda: cockpit.artifacts(begun).get("small-seed0-minute-progress"))
        pipeline = only_pipeline(cockpit)
        run = pipeline / "minute" / "run-001"
        wait_for(lambda: list((run / "checkpoints").glob("step-*.json")))
        (worker,) = [
            pid
            for pid in processes_of(cockpit)
            if Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[2:4]
            == [b"flows.cockpit.serving", b"staged-validation"]
        ]
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: not trainers_of(pipeline))
        wait_for(lambda: cockpit.state(begun) == "CRASHED", cockpit.said)
        assert status(run)["phase"] != "finished"

        cockpit.retry(begun)
        wait_for(lambda: cockpit.state(begun) == "COMPLETED", cockpit.said)
        assert cockpit.run(begun)["state"]["name"] == "GO"
        assert [path.name for path in run.parent.glob("run-*")] == ["run-001"]
        attempts = json.loads((run / "run.json").read_text())["attempts"]
        assert attempts[-1]["resumed_from_step"] > 0, "from the checkpoint, not from the start"


def test_a_password_keeps_others_out_and_reaches_no_trainer(tmp_path: Path) -> None:
    options = write_small_recipe(tmp_path / "recipe")
    password = {"PREFECT_SERVER_API_AUTH_STRING": "ada:correct-horse"}
    with Cockpit(tmp_path / "work", *options, environment=password) as cockpit:
        for wrong in ("", "ada:wrong"):
            with pytest.raises(ApiError) as refused:
                _ask_with(cockpit, wrong)
            assert refused.value.code == 401
        begun = cockpit.start("staged-validation", preset="small", stages=["long"])
        wait_for(lambda: cockpit.artifacts(begun).get("small-seed0-long-progress"))
        (pipeline,) = [path.parent for path in cockpit.runs.glob("*/pipeline.json")]
        trainers = trainers_of(pipeline)
        assert trainers
        for pid in trainers:
            environment = Path(f"/proc/{pid}/environ").read_bytes()
            assert b"correct-horse" not in environment
            assert b"PREFECT" not in environment
        cockpit.cancel(begun)
        cockpit.wait_for_end(begun)
        files = [path for path in cockpit.runs.rglob("*") if path.is_file()]
        texts = [path for path in files if path.suffix in (".md", ".json", ".log", ".html")]
        assert texts
        assert not [path for path in texts if b"correct-horse" in path.read_bytes()]
        assert "correct-horse" not in cockpit.said()


def _ask_with(cockpit: Cockpit, password: str) -> object:
    return cockpit.ask("/deployments/filter", {}, password=password)
