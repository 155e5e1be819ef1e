"""How the trainer and other modules of ours are started: as child processes, never imported."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_HOME = Path(__file__).resolve().parents[2]
"""Folder that holds the product's packages."""
_TRAINER = _HOME / "trainer"

FINISHED, BROKEN, BAD_CONFIG, DIVERGED = 0, 1, 2, 3
SIMULATOR_LOST, STOPPED = 75, 143
"""Exit codes of the trainer (docs/run-directory.md)."""


def own_module(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module as `python -m` does, with the product's own packages in place."""
    return [sys.executable, str(_HOME / "gonogo" / "start.py"), module, *arguments]


def trainer_command(*arguments: str) -> list[str]:
    """Return the command that runs the trainer with this interpreter."""
    return own_module("trainer", *arguments)


def callers_environment() -> dict[str, str]:
    """Return what every trainer gets of our environment: all but Prefect's settings.

    A trainer has nothing to ask Prefect, and passwords and keys of the server stand among them.
    """
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PREFECT_")}
    return {**kept, "PYTHONUNBUFFERED": "1"}


def child_guard() -> Path:
    """Return the script that stands between us and a child; the trainer uses it as well."""
    return _TRAINER / "child_guard.py"


def trainer_source() -> Mapping[str, Path]:
    """Return the trainer's source files by their path inside the package; nothing is imported."""
    return {str(p.relative_to(_TRAINER)): p for p in sorted(_TRAINER.rglob("*.py"))}
