"""How the trainer is started: as a child process of its own, never imported."""

from __future__ import annotations

import os
import sys
from importlib import util
from pathlib import Path

FINISHED, BROKEN, BAD_CONFIG, DIVERGED = 0, 1, 2, 3
SIMULATOR_LOST, STOPPED = 75, 143
"""Exit codes of the trainer (docs/run-directory.md)."""


def trainer_command(*arguments: str) -> list[str]:
    """Return the command that runs the trainer with this interpreter."""
    return [sys.executable, "-m", "trainer", *arguments]


def trainer_environment() -> dict[str, str]:
    """Return the environment of our trainer: `callers_environment`, thread settings included.

    In a checkout that is not installed the checkout is put on the module path, because the trainer
    does not start in the caller's folder.
    """
    environment = callers_environment()
    root = Path(__file__).resolve().parents[2]
    if (root / "pyproject.toml").is_file():
        path = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join([str(root), *([path] if path else [])])
    return environment


def callers_environment() -> dict[str, str]:
    """Return what every trainer gets of our environment: all but Prefect's settings.

    A trainer has nothing to ask Prefect, and these settings may hold passwords and keys.
    """
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PREFECT_")}
    return {**kept, "PYTHONUNBUFFERED": "1"}


def child_guard() -> Path:
    """Return the script that guards a child process; the trainer uses it too.

    Raises:
        FileNotFoundError: There is no trainer.
    """
    spec = util.find_spec("trainer")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package trainer is not installed")
    return Path(spec.origin).with_name("child_guard.py")
