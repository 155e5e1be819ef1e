"""Asks the trainer whether it understands a request, before anything is started."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.errors import TrainingBrokenError
from flows.extras import require
from flows.settings.own_trainer import (
    BAD_CONFIG,
    FINISHED,
    callers_environment,
    trainer_command,
)

TIMEOUT_S = 120.0

_known: dict[str, CheckResult] = {}
"""Answers of this process, by request; the answer to a request never changes while we run."""


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """The trainer's answer to one request."""

    resolved: Mapping[str, Any] = field(default_factory=dict)
    """`env` and `train` with every default, and `config_sha256`; empty when there are mistakes."""
    mistakes: tuple[str, ...] = ()
    """One sentence each, starting with the dotted key."""


def check_requests(requests: Sequence[Mapping[str, Any]]) -> list[CheckResult]:
    """Let the trainer validate each request, all at the same time.

    Raises:
        TrainingBrokenError: The trainer cannot even be started.
        MissingExtraError: What it imports is not installed.
    """
    require("torch", "gymnasium")
    texts = [json.dumps(request, sort_keys=True, default=str) for request in requests]
    unknown = [text for text in dict.fromkeys(texts) if text not in _known]
    with tempfile.TemporaryDirectory(prefix="gonogo-check-") as folder, ExitStack() as children:
        started = []
        for number, text in enumerate(unknown):
            path = Path(folder) / f"request-{number}.json"
            path.write_text(text, encoding="utf-8")
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
            started.append((text, child))
        for text, child in started:
            _known[text] = _answer(child)
    return [_known[text] for text in texts]


def _answer(child: subprocess.Popen[str]) -> CheckResult:
    try:
        output, errors = child.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise TrainingBrokenError(
            f"The trainer did not check its configuration within {TIMEOUT_S:.0f} s."
        ) from None
    lines = tuple(line for line in errors.splitlines() if line.strip())
    if child.returncode == FINISHED:
        return CheckResult(resolved=json.loads(output))
    if child.returncode == BAD_CONFIG and lines:
        return CheckResult(mistakes=lines)
    reason = lines[-1] if lines else f"exit code {child.returncode}"
    raise TrainingBrokenError(
        f"The trainer cannot check a configuration: {reason}.", log_tail=lines
    )
