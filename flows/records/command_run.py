"""run.json of a trainer by command, written by us in its place; docs/run-directory.md."""

from __future__ import annotations

import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

from flows.records.json_file import read_json, utc_now, write_json
from flows.records.stored_result import REQUEST_FILE, RUN_FILE
from flows.settings.trainers.command_trainer import TrainerCommand
from gates.files import write_atomically

DIALECT_FILE = "dialect.yaml"
"""Copy of a mapping file of the user's own, so that the run can be judged without it."""


def write_command_run(
    run: Path, trainer: TrainerCommand, *, config_sha256: str, command: Sequence[str]
) -> None:
    """Write run.json when an attempt begins; what earlier attempts left in it is kept.

    Raises:
        OSError: It cannot be written.
    """
    request = read_json(run / REQUEST_FILE) or {}
    before = read_json(run / RUN_FILE) or {}
    dialect = trainer.dialect
    if Path(dialect).is_absolute():
        if not (run / DIALECT_FILE).exists():
            shutil.copyfile(dialect, run / DIALECT_FILE)
        dialect = DIALECT_FILE
    content = {
        "format": 1,
        **{key: request.get(key) for key in ("preset", "stage", "seed", "planned_steps")},
        "algorithm": "",
        "env": {},
        "train": dict(trainer.section.values),
        "config_sha256": config_sha256,
        "git_revision": _git_revision(trainer.cwd),
        "versions": {"gonogo": gonogo_version(), "python of gonogo": platform.python_version()},
        "started_at": before.get("started_at") or utc_now(),
        "attempts": before.get("attempts") or [],
        "trainer": {"command": list(command), "cwd": str(trainer.cwd), "dialect": dialect},
    }
    write_json(run / RUN_FILE, content)


def dialect_of(run: Path, trainer: TrainerCommand) -> Path:
    """Return the dialect that a run is followed by: its copy of a mapping file, once there is one."""
    kept = run / DIALECT_FILE
    return kept if Path(trainer.dialect).is_absolute() and kept.exists() else Path(trainer.dialect)


def record_attempt(run: Path, number: int, *, pid: int | None, resumed_from_step: int) -> None:
    """Add an attempt to run.json, or say more about one that is there.

    Raises:
        OSError: It cannot be written.
    """
    content: dict[str, Any] = read_json(run / RUN_FILE) or {}
    attempts: list[dict[str, Any]] = list(content.get("attempts") or [])
    known = {a.get("attempt"): a for a in attempts}.get(number)
    own = {
        "attempt": number,
        "pid": pid,
        # To the millisecond: the folder that an attempt wrote is told by it.
        "started_at": known["started_at"] if known else _now(),
        "resumed_from_step": resumed_from_step,
    }
    others = [a for a in attempts if a.get("attempt") != number]
    write_json(run / RUN_FILE, {**content, "attempts": [*others, own]})


def records_of(run: Path) -> Mapping[Path, bytes]:
    """Return what was written about a run until now, for `put_back`.

    Raises:
        OSError: It cannot be read.
    """
    return {path: path.read_bytes() for path in (run / REQUEST_FILE, run / RUN_FILE)}


def put_back(records: Mapping[Path, bytes]) -> None:
    """Restore what a trainer removed or replaced that takes the run's folder for its own.

    A file of the trainer's own stays, as `NAME.trainer`; one of our format is what `gonogo.watch` says of the run.

    Raises:
        OSError: It cannot be written.
    """
    for path, content in records.items():
        if "format" in (read_json(path) or {}):
            continue
        if path.exists():
            path.replace(f"{path}.trainer")
        write_atomically(path, content)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _git_revision(folder: Path) -> str | None:
    """Revision of the folder that the trainer works in, `-dirty` when it differs; None outside git."""
    try:
        answer = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() or None


def gonogo_version() -> str:
    """Return the installed version; `unknown` without an installation."""
    try:
        return metadata.version("gonogo")
    except metadata.PackageNotFoundError:
        return "unknown"
