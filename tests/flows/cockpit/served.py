"""A `gonogo serve` of its own in an empty folder, and what a test asks its API."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flows.prefect_server import free_port

ROOT = Path(__file__).resolve().parents[3]
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
PATIENCE_S = 300.0
"""Everything comes sooner, however busy the machine is."""


class ApiError(OSError):
    """The API refused something."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text


class Cockpit:
    """The running command; leave the block and it has ended, whatever happened."""

    def __init__(self, folder: Path, *options: str, environment: Mapping[str, str] | None = None):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.runs = folder / "runs"
        self.lines: list[str] = []
        self.address = ""
        if "--port" not in options:
            # Tests run side by side; the usual port would be everybody's.
            options = (*options, "--port", str(free_port()))
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
        path = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gonogo", "serve", *options],
            cwd=folder,
            env={**kept, **path, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A process group of its own, as a shell gives it: Ctrl-C reaches everybody in it.
            start_new_session=True,
            preexec_fn=_accept_ctrl_c,
        )
        self.password = (environment or {}).get("PREFECT_SERVER_API_AUTH_STRING", "")
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Cockpit:
        try:
            wait_for(lambda: self.address or self.process.poll() is not None, self.said)
            assert self.process.poll() is None, self.said()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        """Stop the command as Ctrl-C does, to the whole group, and return its exit code."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, how)
        try:
            return self.process.wait(120)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self._reader.join(10)
            if self.process.stdout is not None:
                self.process.stdout.close()

    def said(self) -> str:
        return "\n".join(self.lines)

    def ask(self, path: str, content: object = None, *, password: str | None = None) -> Any:
        """Ask the API.

        Raises:
            ApiError: It refuses.
        """
        secret = self.password if password is None else password
        return ask(f"{self.address}/api", path, content, password=secret)

    def deployments(self) -> dict[str, Any]:
        return {found["name"]: found for found in self.ask("/deployments/filter", {})}

    def start(self, deployment: str, **parameters: object) -> str:
        """Start a run as the form does and return its id."""
        found = self.ask(f"/deployments/name/{deployment}/{deployment}")
        content = {"parameters": parameters, "state": {"type": "SCHEDULED"}}
        return str(self.ask(f"/deployments/{found['id']}/create_flow_run", content)["id"])

    def run(self, flow_run: str) -> Any:
        return self.ask(f"/flow_runs/{flow_run}")

    def wait_for_end(self, flow_run: str) -> Any:
        """Return the run once it has ended."""
        wait_for(lambda: self.state(flow_run) in ENDED, lambda: str(self.run(flow_run)))
        return self.run(flow_run)

    def state(self, flow_run: str) -> str:
        return str(self.run(flow_run)["state"]["type"])

    def retry(self, flow_run: str) -> None:
        """Do what the Retry button does."""
        state = {"type": "SCHEDULED", "name": "AwaitingRetry", "message": "Retry from the UI"}
        self.ask(f"/flow_runs/{flow_run}/set_state", {"state": state, "force": True})

    def cancel(self, flow_run: str) -> None:
        """Do what the Cancel button does."""
        state = {"type": "CANCELLING", "name": "Cancelling"}
        self.ask(f"/flow_runs/{flow_run}/set_state", {"state": state})

    def artifacts(self, flow_run: str) -> dict[str, Any]:
        wanted = {"artifacts": {"flow_run_id": {"any_": [flow_run]}}}
        return {found["key"]: found for found in self.ask("/artifacts/filter", wanted)}

    def task_states(self, flow_run: str) -> dict[str, str]:
        """Return the names of the task runs' states, in the order in which they began."""
        wanted = {"flow_runs": {"id": {"any_": [flow_run]}}, "sort": "EXPECTED_START_TIME_ASC"}
        found = self.ask("/task_runs/filter", wanted)
        return {task["name"]: task["state"]["name"] for task in found}

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            match = re.match(r"Cockpit: (http://\S+?)(/v2/deployments)?$", self.lines[-1])
            if match:
                self.address = match[1]


def ask(api: str, path: str, content: object = None, *, password: str | None = None) -> Any:
    """Ask a server's API.

    Raises:
        ApiError: It refuses.
    """
    headers = {"Content-Type": "application/json"}
    if password:
        headers["Authorization"] = f"Basic {base64.b64encode(password.encode()).decode()}"
    body = None if content is None else json.dumps(content).encode()
    request = urllib.request.Request(f"{api}{path}", data=body, headers=headers)
    until = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode()
            # SQLite was busy: Prefect's own clients try again, too.
            if error.code != 503 or time.monotonic() > until:
                raise ApiError(error.code, text) from None
            time.sleep(1)


def wait_for(done: Callable[[], object], said: Callable[[], str] = lambda: "") -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S:g} s: {said()}"
        time.sleep(0.2)


def trainers_of(runs: Path) -> list[int]:
    """Return the processes that train somewhere below a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"--run" in arguments and any(a.startswith(bytes(runs)) for a in arguments):
            found.append(int(entry.name))
    return found


def processes_of(cockpit: Cockpit) -> list[int]:
    """Return the processes that serve, run or train for a cockpit: by what they were told."""
    mark = f"GONOGO_RUNS={cockpit.runs}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def write_small_recipe(folder: Path) -> list[str]:
    """Write the driving task as small as it gets, with stages of seconds; return serve's options."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(
        folder / "small.yaml",
        """
        name: small
        description: The driving task, as small as it gets.
        env: {id: drive, camera_size: 16, max_episode_steps: 60}
        train:
          num_envs: 2
          encoder: small
          features_dim: 8
          hidden_sizes: [16]
          layer_norm: true
          learning_starts: 200
          train_freq: 4
          batch_size: 16
          buffer_size: 2_000
          actor_lr: 1.0e-4
          preact_penalty: 0.02
          normalize_actor_loss: true
        """,
    )
    for gate, returns in (("sound", "fail: -1_000_000"), ("strict", "warn: 1_000_000")):
        _write(
            folder / f"{gate}.yaml",
            f"""
            name: {gate}
            description: What a run of a few hundred steps can show.
            checks:
              - id: planned_steps
                title: All planned steps reached
                type: completeness
                group: integrity
                min_points: 1
                rationale: A run that stopped early shows less than it was meant to show.
                source: this test
              - id: return
                title: Return of the evaluation
                type: limit
                group: learning
                tag: eval/mean_reward
                statistic: last
                min: {{{returns}}}
                min_points: 1
                rationale: A test needs a number.
                source: this test
              - id: saturation
                title: Actions not all at their limits
                type: limit
                group: policy
                tag: policy/tanh_saturation
                window: {{last_share: 0.25}}
                statistic: median
                max: {{fail: 0.9}}
                rationale: A saturated actor learns nothing.
                source: this test
            """,
        )
    stages = (
        ("first", 600, "sound", 600),
        ("second", 800, "sound", 800),
        ("doubtful", 600, "strict", 600),
        ("long", 400_000, "sound", 500),
        ("minute", 12_000, "sound", 500),
    )
    for name, steps, gate, checkpoint in stages:
        _write(
            folder / f"{name}.yaml",
            f"""
            name: {name}
            steps: {steps}
            gate: {gate}.yaml
            eval: {{every_steps: {steps}, episodes: 1}}
            checkpoint: {{every_steps: {checkpoint}}}
            """,
        )
    options = ["--preset", str(folder / "small.yaml")]
    for name, *_ in stages:
        options += ["--stage", str(folder / f"{name}.yaml")]
    return options


BAD_RECIPE = [
    "train.actor_lr=0.05",
    "train.preact_penalty=0",
    "train.normalize_actor_loss=false",
    "train.train_freq=1",
]
"""Saturates the actor within the first stage."""


def _write(path: Path, text: str) -> None:
    path.write_text(textwrap.dedent(text).lstrip(), encoding="utf-8")


def _accept_ctrl_c() -> None:
    """Undo what a shell does to jobs in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
