"""Writes run.json: what is trained, with which code and packages, in how many attempts."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from trainer.mistakes import ConfigMistakesError, Mistake
from trainer.run.files import utc_now, write_json
from trainer.run.request import resolved
from trainer.run.task import Task

_PACKAGES = ("torch", "numpy", "gymnasium", "gonogo")


def write_run_json(
    run: Path,
    task: Task,
    *,
    resume: bool = False,
    resumed_from_step: int | None = None,
    matrix_products: str = "onednn",
) -> None:
    """Write run.json at the start of an attempt; a resumed attempt is added to the earlier ones.

    Raises:
        ConfigMistakesError: The directory holds a run that is not to be resumed, or one that began with another
            configuration.
    """
    path, request = run / "run.json", task.request
    config = resolved(task)
    attempts = _earlier_attempts(path, config, resume=resume) if path.exists() else []
    attempts.append(
        {
            "attempt": len(attempts) + 1,
            "pid": os.getpid(),
            "started_at": utc_now(),
            "resumed_from_step": resumed_from_step,
        }
    )
    write_json(
        path,
        {
            "format": 1,
            "preset": request.preset,
            "stage": request.stage,
            "seed": request.seed,
            "planned_steps": request.planned_steps,
            "algorithm": request.train.algorithm,
            "evidence": True,
            **config,
            "warm_start": request.warm_start and request.warm_start.model_dump(mode="json"),
            "git_revision": _git_revision(),
            "versions": _versions(task.environment.packages),
            "started_at": attempts[0]["started_at"],
            "matrix_products": matrix_products,
            "attempts": attempts,
        },
    )


def _earlier_attempts(
    path: Path, config: Mapping[str, Any], *, resume: bool
) -> list[dict[str, Any]]:
    if not resume:
        raise ConfigMistakesError(
            Mistake(
                text=f"{path.parent}: holds a run already; resume it with --resume or take a new directory"
            )
        )
    earlier = json.loads(path.read_text(encoding="utf-8"))
    if earlier["config_sha256"] != config["config_sha256"]:
        raise ConfigMistakesError(
            Mistake(
                text=f"{path}: the run began with another configuration than request.json; start a new run"
            )
        )
    attempts: list[dict[str, Any]] = earlier["attempts"]
    return attempts


def _versions(of_environment: tuple[str, ...]) -> Mapping[str, str]:
    packages = (*_PACKAGES, *of_environment)
    return {"python": platform.python_version()} | {p: _version(p) for p in packages}


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"


def _git_revision() -> str | None:
    """Revision of the source tree, with `-dirty` when it differs; None outside a repository."""
    source = Path(__file__).resolve().parents[2]
    if not (source / ".git").exists():
        return None
    try:
        answer = subprocess.run(
            ["git", "-C", str(source), "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None
