"""Gate events reach a webhook through an automation that docs/examples/notify.py makes."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.flows.cockpit.served import ROOT, Cockpit, wait_for

pytestmark = pytest.mark.slow
NOTIFY = ROOT / "docs" / "examples" / "notify.py"
ANY = ROOT / "tests" / "flows" / "any_trainer.py"
TAG = 'train/critic "loss" {{ 7 * 7 }} \\ bounded'


class Receiver:
    """A web server on loopback that keeps what is posted to it."""

    def __init__(self) -> None:
        self.posted: list[Any] = []
        keep = self.posted

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                keep.append(json.loads(body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, args=(0.05,))
    thread.start()
    yield receiver
    receiver.server.shutdown()
    thread.join()
    receiver.server.server_close()


def test_a_no_go_is_posted_to_a_webhook_and_a_go_is_not(
    cockpit: Cockpit, receiver: Receiver, tmp_path: Path
) -> None:
    assert "must be of GO" in notify(cockpit, "webhook", receiver.url, "--on", "NOGO", code=2)
    notify(cockpit, "webhook", receiver.url)
    assert notify(cockpit, "webhook", receiver.url) == (
        "created gonogo: NO_GO, CONDITIONAL by webhook\ncreated gonogo: broken by webhook\n"
    )
    listed = notify(cockpit, "list").splitlines()
    assert sorted(listed) == [
        "gonogo: NO_GO, CONDITIONAL by webhook",
        "gonogo: broken by webhook",
    ], "made again is not made twice"

    preset = write_recipe(tmp_path)
    train(cockpit, preset, "good", code=0)
    write_recipe(tmp_path, tag=TAG)
    train(cockpit, preset, "bad", code=3)
    wait_for(lambda: receiver.posted)
    train(cockpit, preset, "lost", "--set", "trainer.values.act=exit 9", code=1)
    wait_for(lambda: len(receiver.posted) > 1)
    no_go, broken = receiver.posted
    assert (no_go["event"], no_go["verdict"]) == ("gonogo.gate.verdict", "NO_GO")
    assert no_go["subject"] == "mine-seed0-one"
    assert TAG in no_go["deciding"], "not run as a template, and still one JSON"
    assert no_go["folder"] == str(tmp_path / "bad" / "one" / "run-001")
    assert (broken["event"], broken["verdict"]) == ("prefect.flow-run.Failed", None)

    notify(cockpit, "remove")
    assert notify(cockpit, "list") == "none\n"


def notify(cockpit: Cockpit, *arguments: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, str(NOTIFY), *arguments],
        env=environment(cockpit),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, done.stderr
    return done.stdout + done.stderr if code else done.stdout


def train(cockpit: Cockpit, preset: Path, out: str, *options: str, code: int) -> None:
    folder = preset.parent
    done = subprocess.run(
        [
            *(sys.executable, "-m", "gonogo", "run", "--preset", str(preset)),
            *("--stages", str(folder / "one.yaml"), "--out", str(folder / out), *options),
        ],
        env=environment(cockpit),
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == code, done.stdout + done.stderr


def environment(cockpit: Cockpit) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    own = {
        "PREFECT_API_URL": f"{cockpit.address}/api",
        "PREFECT_HOME": str(cockpit.folder / "home"),
    }
    return {**kept, **own, "PYTHONPATH": str(ROOT)}


def write_recipe(folder: Path, tag: str = "train/critic_loss") -> Path:
    """Write a trainer by command of one second and a gate with one number."""
    command = [
        *("{python}", str(ANY), "--steps={steps}", "--seed={seed}", "--log-dir={events}"),
        *("--loss={loss}", "--act={act}"),
    ]
    values = {"loss": 1.0, "act": "finish"}
    trainer = {"command": command, "dialect": "cleanrl", "values": values}
    check = {
        **{"id": "critic_loss", "title": "Critic loss bounded", "type": "limit", "group": "critic"},
        **{"tag": tag, "statistic": "max", "max": {"fail": 10}, "min_points": 3},
        **{"rationale": "A test needs a number.", "source": "this test"},
    }
    gate = {"name": "loss", "description": "One check on one number.", "checks": [check]}
    stage = {
        **{"name": "one", "steps": 400, "gate": "loss.yaml"},
        **{"eval": {"every_steps": 100, "episodes": 1}, "checkpoint": {"every_steps": 100}},
        "supervision": {"restarts": {"backoff_s": 0}},
    }
    for name, content in (
        ("mine", {"name": "mine", "trainer": trainer}),
        ("loss", gate),
        ("one", stage),
    ):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))
    return folder / "mine.yaml"
