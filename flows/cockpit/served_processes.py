"""The processes that serve the deployments: started, started again when they end, stopped in order."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flows.cockpit.choices import OWN_PRESETS, OWN_STAGES, RUNS
from flows.errors import OutputError
from flows.settings.trainers.own_trainer import own_module
from flows.training.process.process import ChildProcess

STOP_GRACE_S = 100.0
"""For a runner to stop its runs: a trainer has a minute to save itself, Prefect's engine half of one."""
_AGAIN_AFTER_S, _AGAIN_MOST_S = 2.0, 60.0


@dataclass(kw_only=True)
class _Served:
    name: str
    child: ChildProcess | None = None
    started_at: float = 0.0
    wait_s: float = _AGAIN_AFTER_S


@dataclass(kw_only=True)
class ServedProcesses:
    """One process for each deployment."""

    names: Sequence[str]
    logs: Path
    """Folder for their output."""
    api_url: str
    runs: Path
    presets: str = ""
    stages: str = ""
    """Paths of the user's own files, as the environment variables hold them."""
    _served: list[_Served] = field(default_factory=list)

    def start(self) -> None:
        """Start all of them at the same time.

        Raises:
            OutputError: A log cannot be written.
        """
        self._served = [_Served(name=name) for name in self.names]
        for served in self._served:
            self._launch(served)

    def keep_alive(self) -> list[str]:
        """Start again what ended; returns the names of those."""
        again = []
        for served in self._served:
            if served.child is None or served.child.poll() is None:
                continue
            if time.monotonic() - served.started_at < served.wait_s:
                continue
            served.wait_s = min(_AGAIN_MOST_S, 2 * served.wait_s)
            with contextlib.suppress(OutputError):
                self._launch(served)
                again.append(served.name)
        return again

    def ended(self) -> list[str]:
        """Return the names of those that do not run."""
        return [s.name for s in self._served if s.child is None or s.child.poll() is not None]

    def log_of(self, name: str) -> Path:
        """Return the file that holds a process's output."""
        return self.logs / f"serve-{name}.log"

    def stop(self) -> None:
        """Ask all of them to stop, then wait for each; their trainers save themselves first."""
        for served in self._served:
            if served.child is not None:
                served.child.ask_to_stop()
        deadline = time.monotonic() + STOP_GRACE_S
        try:
            for served in self._served:
                if served.child is not None:
                    served.child.wait(max(0.0, deadline - time.monotonic()))
        finally:
            for served in self._served:
                if served.child is not None:
                    served.child.stop(0.0)

    def _launch(self, served: _Served) -> None:
        served.started_at = time.monotonic()
        # As many get ready at a time as there are processors, but for the server's.
        turn = list(self.names).index(served.name) % max(1, (os.cpu_count() or 1) - 1)
        served.child = ChildProcess(
            own_module("flows.cockpit.serving", served.name, str(turn)),
            cwd=Path.cwd(),
            log=self.log_of(served.name),
            environment={
                **os.environ,
                "PREFECT_API_URL": self.api_url,
                # The default of 10 s is long after pressing a button.
                "PREFECT_RUNNER_POLL_FREQUENCY": os.environ.get(
                    "PREFECT_RUNNER_POLL_FREQUENCY", "2"
                ),
                RUNS: str(self.runs),
                OWN_PRESETS: self.presets,
                OWN_STAGES: self.stages,
            },
            grace_s=STOP_GRACE_S,
        )
