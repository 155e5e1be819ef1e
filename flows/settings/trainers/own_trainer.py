"""How the trainer and other modules of ours are started: as child processes, never imported."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HOME = Path(__file__).resolve().parents[3]
"""Folder that holds the product's packages."""
OWN_PACKAGES = ("trainer", "carla_double")
"""Packages that run in processes of their own, and are not imported here."""

FINISHED, BROKEN, BAD_CONFIG, DIVERGED, ENVIRONMENT_NOT_FINITE = 0, 1, 2, 3, 4
SIMULATOR_LOST, STOPPED = 75, 143
"""Exit codes of the trainer (docs/run-directory.md)."""


KEPT_FOR_TRAINERS = "GONOGO_CALLERS_"
"""Beginning of the names of the caller's variables that we cannot use ourselves, but trainers may."""


def own_module(module: str, *arguments: str) -> list[str]:
    """Return the command that runs a module as `python -m` does, with the product's own packages in place."""
    return [sys.executable, str(HOME / "gonogo" / "start.py"), module, *arguments]


def trainer_command(*arguments: str) -> list[str]:
    """Return the command that runs the trainer with this interpreter."""
    return own_module("trainer", *arguments)


def callers_environment() -> dict[str, str]:
    """Return what every trainer gets of our environment: all but Prefect's settings.

    A trainer has nothing to ask Prefect, and these settings may hold passwords and keys.
    """
    kept = {
        name.removeprefix(KEPT_FOR_TRAINERS): text
        for name, text in os.environ.items()
        if not name.startswith("PREFECT_")
    }
    return {**kept, "PYTHONUNBUFFERED": "1"}


def child_guard() -> Path:
    """Return the script that guards a child process; the trainer uses it too."""
    return HOME / "trainer" / "child_guard.py"
