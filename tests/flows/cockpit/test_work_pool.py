"""prefect.yaml: what it deploys, and a worker of a process pool that trains it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from flows.cockpit.deployed import DEPLOYED
from flows.prefect_server import PrefectServer
from tests.flows.cockpit.served import ROOT, ask, wait_for, write_small_recipe

ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def test_every_served_flow_can_be_deployed() -> None:
    content = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    assert {found["name"]: found["entrypoint"] for found in content["deployments"]} == {
        flow.name: f"gonogo.deployed.{flow.fn.__name__}" for flow in DEPLOYED
    }


@pytest.mark.slow
def test_a_worker_of_a_process_pool_trains_one_run_after_the_other(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    options = write_small_recipe(tmp_path / "recipe")
    server = PrefectServer(tmp_path / "home", environment={"DO_NOT_TRACK": "1"})
    server.start()
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    environment = {
        **kept,
        "PREFECT_API_URL": server.url,
        "PREFECT_HOME": str(tmp_path / "home"),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PYTHONPATH": str(ROOT),
        "GONOGO_RUNS": str(runs),
        "GONOGO_PRESETS": options[1],
        "GONOGO_STAGES": os.pathsep.join(options[3::2]),
    }
    try:
        prefect(environment, "work-pool", "create", "gonogo", "--type", "process", "--overwrite")
        prefect(environment, "--no-prompt", "deploy", "--all")
        worker = subprocess.Popen(
            [*PREFECT, "worker", "start", "--pool", "gonogo", "--limit", "1"],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            found = ask(server.url, "/deployments/name/staged-validation/staged-validation")
            parameters = {"preset": "small", "stages": ["first"]}
            begin = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
            path = f"/deployments/{found['id']}/create_flow_run"
            begun = [ask(server.url, path, begin)["id"] for _ in range(2)]
            wait_for(
                lambda: all(state(server, one)["type"] in ENDED for one in begun),
                lambda: str([state(server, one) for one in begun]),
            )
        finally:
            worker.send_signal(signal.SIGTERM)
            worker.wait(60)
        assert [state(server, one)["name"] for one in begun] == ["GO", "GO"]
        pipelines = [json.loads(path.read_text()) for path in runs.glob("*/pipeline.json")]
        (first, second) = sorted(
            (run["started_at"], run["ended_at"])
            for pipeline in pipelines
            for run in pipeline["stages"]["first"]["runs"]
        )
        assert first[1] <= second[0], "one at a time"
    finally:
        server.stop()


PREFECT = (sys.executable, "-m", "prefect")


def prefect(environment: Mapping[str, str], *arguments: str) -> None:
    done = subprocess.run(
        [*PREFECT, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def state(server: PrefectServer, flow_run: str) -> Any:
    return ask(server.url, f"/flow_runs/{flow_run}")["state"]
