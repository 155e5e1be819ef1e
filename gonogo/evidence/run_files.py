"""The run directory of a training in the user's own process: what it is, how far it came, and its event file."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from gates.files import write_atomically
from gates.runs.evidence_end import EVIDENCE_END_FILE
from gates.runs.heartbeat import Phase
from gonogo.evidence.event_writer import EventWriter

_PACKAGES = ("torch", "numpy", "gymnasium", "gonogo")


class RunFiles:
    """Writes run.json, status.json and one event file; the folder belongs to this run alone."""

    def __init__(
        self,
        directory: Path,
        *,
        trainer: str,
        algorithm: str,
        planned_steps: int,
        train: Mapping[str, Any],
        env: Mapping[str, Any],
        seed: int | None = None,
        stage: str = "",
        encoder: bool | None = None,
        packages: Sequence[str] = (),
        resumed_from: int | None = None,
    ) -> None:
        """Write run.json and open an event file in the folder, which is made when it is missing.

        Args:
            directory: Folder of the run.
            trainer: Who trains, with its version.
            algorithm: `td3`, `sac`, ...
            planned_steps: Environment steps that the training is to reach.
            train: Hyperparameters by the names of docs/run-directory.md; further ones are kept.
            env: What is known of the environment.
            seed: Of the training.
            stage: Of which the run is one; empty when none was named.
            encoder: Whether the policy has an encoder that is watched; None where no policy is.
            packages: Whose versions matter besides those of torch, NumPy and Gymnasium.
            resumed_from: Environment steps done before: points from there on in earlier files are void.

        Raises:
            OSError: The folder cannot be written.
        """
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.planned_steps = planned_steps
        self.step = self.updates = 0
        """Environment steps and critic updates when something was written last."""
        self._fault: Mapping[str, Any] = {}
        settings = {"env": dict(env), "train": dict(train)}
        content: dict[str, Any] = {
            "format": 1,
            "preset": "",
            "stage": stage,
            "seed": seed,
            "planned_steps": planned_steps,
            "algorithm": algorithm,
            **settings,
            "trainer": {"name": trainer, "every_episode": True, "encoder": encoder},
            "config_sha256": _sha256(settings),
            "git_revision": None,
            "versions": {"python": platform.python_version()}
            | {package: _version(package) for package in (*_PACKAGES, *packages)},
            "started_at": _now(),
            "attempts": [],
        }
        self._write("run.json", content)
        (directory / EVIDENCE_END_FILE).unlink(missing_ok=True)
        # Nothing waits in memory: what the user's program raises comes without a warning.
        self._events = EventWriter(
            directory,
            purge_step=None if resumed_from is None else resumed_from + 1,
            flush_interval_s=0.0,
        )
        self.status(Phase.TRAINING)

    def write(self, step: int, scalars: Mapping[str, float]) -> None:
        """Write the scalars that were measured together at an environment step.

        Raises:
            OSError: The file cannot be written.
        """
        self.step = step
        self._events.write(step, scalars)

    def status(self, phase: Phase, message: str = "") -> None:
        """Write status.json.

        Raises:
            OSError: It cannot be written.
        """
        content = {
            "format": 1,
            "pid": os.getpid(),
            "phase": phase.value,
            "step": self.step,
            "planned_steps": self.planned_steps,
            "updates": self.updates,
            "updated_at": _now(),
            "message": message,
            **({"environment_fault": self._fault} if self._fault else {}),
        }
        self._write("status.json", content)

    def note_environment_fault(self, step: int, fault: Mapping[str, str]) -> None:
        """Say in status.json what the environment returned first that is not finite.

        Raises:
            OSError: It cannot be written.
        """
        if not self._fault:
            self.step = step
            self._fault = {"step": step, **fault}
            self.status(Phase.TRAINING)

    def note_end_of_evidence(self, error: Exception) -> None:
        """Leave a note that no evidence was collected from here on, and close the event file.

        Raises:
            OSError: The note cannot be written.
        """
        text = f"{type(error).__name__}: {' '.join(str(error).split())}"
        try:
            self._write(EVIDENCE_END_FILE, {"format": 1, "step": self.step, "error": text})
        finally:
            self._events.close()

    def close(self, phase: Phase) -> None:
        """Write how the training ended and close the event file.

        Raises:
            OSError: One of the files cannot be written.
        """
        self._events.close()
        self.status(phase)

    def _write(self, name: str, content: Mapping[str, Any]) -> None:
        text = json.dumps(content, indent=2, allow_nan=False)
        write_atomically(self.directory / name, f"{text}\n")


def free_folder(wanted: Path) -> Path:
    """Return the folder, or `NAME-2`, `NAME-3`, ... beside it when it holds a run already."""
    number, folder = 1, wanted
    while (folder / "run.json").exists():
        number += 1
        folder = wanted.with_name(f"{wanted.name}-{number}")
    return folder


def _sha256(settings: Mapping[str, Any]) -> str:
    canonical = json.dumps(settings, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


@functools.cache
def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
