"""Asks the trainer whether it understands a request, before anything is started."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flows.errors import TrainingBrokenError
from flows.settings.extras import require
from flows.settings.mistakes import Mistake
from flows.settings.trainers.own_trainer import (
    BAD_CONFIG,
    FINISHED,
    callers_environment,
    trainer_command,
)

TIMEOUT_S = 120.0


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class Storage(_Answer):
    """What a training keeps in memory and on disk at most."""

    memory_mib: float
    disk_mib: float
    process_mib: float
    """Part of the memory that the replay buffer does not account for."""
    transitions: int
    """In the replay buffer when it is full."""
    bytes_each: int
    """Size of a transition."""
    checkpoints: int
    """On disk at the end."""


class Needs(_Answer):
    """What a training takes of the machine."""

    device: str = "cpu"
    """`cpu` or `cuda`."""
    threads: int = 1
    servers: tuple[str, ...] = ()
    """`host:port` of each simulator that the training keeps to itself."""
    exclusive_simulator: bool = False
    """A second training at the same time needs a simulator of its own."""
    storage: Storage | None = None
    """None if it is not known what the trainer stores."""


class CheckResult(_Answer):
    """The trainer's answer to one request."""

    mistakes: tuple[Mistake, ...] = ()
    resolved: dict[str, Any] = Field(default_factory=dict)
    """`env` and `train` with every default, and `config_sha256`; empty when there are mistakes."""
    needs: Needs = Needs()
    code: tuple[str, ...] = ()
    """Modules and packages that, with what they import, decide what is learned."""


def check_requests(requests: Sequence[Mapping[str, Any]]) -> list[CheckResult]:
    """Let the trainer validate each request, all at the same time.

    Raises:
        TrainingBrokenError: The trainer cannot even be started.
        MissingExtraError: What it imports is not installed.
    """
    require("torch", "gymnasium")
    with tempfile.TemporaryDirectory(prefix="gonogo-check-") as folder, ExitStack() as children:
        started = []
        for number, request in enumerate(requests):
            path = Path(folder) / f"request-{number}.json"
            path.write_text(json.dumps(request, default=str), encoding="utf-8")
            child = children.enter_context(
                subprocess.Popen(
                    trainer_command("check", str(path)),
                    cwd=folder,
                    env=callers_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            # Popen's own exit only waits; without this a Ctrl-C would wait for the answer.
            children.callback(child.kill)
            started.append(child)
        return [_answer(child) for child in started]


def _answer(child: subprocess.Popen[str]) -> CheckResult:
    try:
        output, errors = child.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise TrainingBrokenError(
            f"The trainer did not check its configuration within {TIMEOUT_S:.0f} s."
        ) from None
    lines = tuple(line for line in errors.splitlines() if line.strip())
    if child.returncode in (FINISHED, BAD_CONFIG):
        try:
            return CheckResult.model_validate_json(output)
        except ValidationError:
            lines = (*lines, "its answer cannot be read")
    reason = lines[-1] if lines else f"exit code {child.returncode}"
    raise TrainingBrokenError(
        f"The trainer cannot check a configuration: {reason}.", log_tail=lines
    )
