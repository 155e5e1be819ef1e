"""Writes paths for commands that people copy."""

from __future__ import annotations

import os
import shlex
from pathlib import Path


def shell_path(path: Path) -> str:
    """Quote a path for a command line: relative to the current folder where that is shorter."""
    relative = os.path.relpath(path)
    return shlex.quote(relative if not relative.startswith("..") else str(path))
