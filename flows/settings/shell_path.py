"""Writes paths for commands that people copy."""

from __future__ import annotations

import os
import shlex
from pathlib import Path


def shell_path(path: Path) -> str:
    r"""Quote a path for a command line: relative to the current folder where that is shorter.

    A name may hold any byte. What cannot be printed is written as bash, zsh and ksh read it: `$'a\x0ab'`.
    """
    relative = os.path.relpath(path)
    text = str(path) if Path(relative).parts[:1] == ("..",) else relative
    if text.startswith("-"):
        text = f".{os.sep}{text}"  # else it would be an option
    return shlex.quote(text) if text.isprintable() else f"$'{''.join(map(_escaped, text))}'"


def _escaped(character: str) -> str:
    if character in "'\\":
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in os.fsencode(character))
