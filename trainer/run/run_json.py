"""The JSON files of a run directory that the trainer reads and writes (docs/run-directory.md)."""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import subprocess
import time
from collections.abc import Mapping
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from trainer.config import BOOKKEEPING, Request, TrainConfig
from trainer.envs.errors import UnknownEnvironmentError
from trainer.envs.registry import EnvConfig, config_class, parse_env_config, what_hinders
from trainer.mistakes import ConfigMistakesError, describe, nested_keys
from trainer.run.files import write_json

if TYPE_CHECKING:
    from trainer.run.episodes import EpisodeTally

Phase = Literal[
    "starting",
    "connecting",
    "loading_map",
    "exploring",
    "training",
    "evaluating",
    "checkpointing",
    "finished",
    "stopped",
    "diverged",
    "failed",
]
HEARTBEAT_INTERVAL_S = 1.0
_OWN_PACKAGES = {"carla": ("carla",)}
"""Packages of an environment whose version a run records."""


def read_request(path: Path) -> tuple[Request, EnvConfig]:
    """Read and validate request.json, all mistakes at once.

    Raises:
        ConfigMistakesError: The file is missing or not JSON, or its content has mistakes.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigMistakesError([f"{path}: cannot be read ({error.strerror})"]) from None
    except ValueError as error:
        raise ConfigMistakesError([f"{path}: not valid JSON ({error})"]) from None
    if not isinstance(content, dict):
        raise ConfigMistakesError([f"{path}: must hold an object"])

    mistakes: list[str] = []
    request: Request | None = None
    env: EnvConfig | None = None
    try:
        request = Request.model_validate(content)
    except ValidationError as error:
        known = {"": Request.model_fields, "train": TrainConfig.model_fields}
        mistakes += describe(error, known)
    env_keys: dict[str, Any] = content["env"] if isinstance(content.get("env"), dict) else {}
    try:
        env = parse_env_config(env_keys)
    except UnknownEnvironmentError as error:
        mistakes.append(str(error))
    except ValidationError as error:
        kind = config_class(env_keys["id"])
        mistakes += describe(error, nested_keys(kind) if kind else {}, prefix="env")
    if request is not None and env is not None:
        mistakes += _check_together(request, env)
    if request is None or env is None or mistakes:
        raise ConfigMistakesError(mistakes)
    return request, env


def _check_together(request: Request, env: EnvConfig) -> list[str]:
    mistakes = []
    size = getattr(env, "camera_size", 0)
    if request.train.encoder == "nature" and 0 < size < 36:
        mistakes.append(
            f"train.encoder: nature needs a camera of 36 pixels or more, env.camera_size is {size}; use small"
        )
    hindrance = what_hinders(env, request.train.num_envs)
    return mistakes + ([hindrance] if hindrance else [])


def resolved(request: Request, env: EnvConfig) -> dict[str, Any]:
    """Return `env` and `train` with every default filled in, and the hash of what decides learning."""
    config = {"env": env.model_dump(mode="json"), "train": request.train.model_dump(mode="json")}
    recipe = config | {"train": {k: v for k, v in config["train"].items() if k not in BOOKKEEPING}}
    canonical = json.dumps(recipe, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return {**config, "config_sha256": hashlib.sha256(canonical.encode()).hexdigest()}


def write_run_json(
    run: Path,
    request: Request,
    env: EnvConfig,
    resume: bool = False,
    resumed_from_step: int | None = None,
) -> None:
    """Write run.json at the start of an attempt; a resumed attempt is added to the earlier ones.

    Raises:
        ConfigMistakesError: The directory holds a run that is not to be resumed, or one that began with another
            configuration.
    """
    path = run / "run.json"
    config = resolved(request, env)
    attempts: list[dict[str, Any]] = []
    if path.exists():
        if not resume:
            raise ConfigMistakesError(
                [f"{run}: holds a run already; resume it with --resume or take a new directory"]
            )
        earlier = json.loads(path.read_text(encoding="utf-8"))
        if earlier["config_sha256"] != config["config_sha256"]:
            raise ConfigMistakesError(
                [
                    f"{path}: the run began with another configuration than request.json; start a new run"
                ]
            )
        attempts = earlier["attempts"]
    attempts.append(
        {
            "attempt": len(attempts) + 1,
            "pid": os.getpid(),
            "started_at": _now(),
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
            **config,
            "warm_start": request.warm_start and request.warm_start.model_dump(mode="json"),
            "git_revision": _git_revision(),
            "versions": _versions(env.id),
            "started_at": attempts[0]["started_at"],
            "attempts": attempts,
        },
    )


class Heartbeat:
    """Writes status.json: at once when the phase changes, otherwise at a bounded interval."""

    def __init__(self, run: Path, planned_steps: int) -> None:
        self._path = run / "status.json"
        self._planned_steps = planned_steps
        self._phase: Phase | None = None
        self._written_at = -float("inf")
        self._speed_from = (time.monotonic(), 0)
        self._steps_per_s: float | None = None
        self._step = self._updates = 0
        self._tally: EpisodeTally | None = None

    def beat(
        self, phase: Phase, step: int, updates: int, tally: EpisodeTally | None = None
    ) -> None:
        """Say that the trainer is alive in `phase` at `step`; `tally` knows the latest episodes."""
        self._step, self._updates, self._tally = step, updates, tally
        now = time.monotonic()
        if phase == self._phase and now - self._written_at < HEARTBEAT_INTERVAL_S:
            return
        since, steps = self._speed_from
        if now - since >= 5 * HEARTBEAT_INTERVAL_S:
            self._steps_per_s = (step - steps) / (now - since)
            self._speed_from = (now, step)
        self._phase, self._written_at = phase, now
        self._write(phase, "")

    def end(self, phase: Phase, message: str = "") -> None:
        """Say how the run ended, with a sentence when it did not finish."""
        self._write(phase, message)

    def _write(self, phase: Phase, message: str) -> None:
        recent = self._tally.recent if self._tally is not None else None
        write_json(
            self._path,
            {
                "format": 1,
                "pid": os.getpid(),
                "phase": phase,
                "step": self._step,
                "planned_steps": self._planned_steps,
                "updates": self._updates,
                "steps_per_s": self._steps_per_s,
                "mean_episode_length": _number(recent.length if recent else None),
                "mean_episode_return": _number(recent.total if recent else None),
                "updated_at": _now(),
                "message": message,
            },
        )


def _number(value: float | None) -> float | None:
    """Return what JSON can hold: a return may be infinite."""
    return value if value is not None and math.isfinite(value) else None


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _versions(env_id: str) -> Mapping[str, str]:
    packages = ("torch", "numpy", "gymnasium", "gonogo", *_OWN_PACKAGES.get(env_id, ()))
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
