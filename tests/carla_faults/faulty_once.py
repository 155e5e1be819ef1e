"""Starts the double with options the first time, and without them whenever it is started again.

`python faulty_once.py PORT MARKER OPTION...`: MARKER is a file that remembers the first time.
Options after `--always` are given every time.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main(port: str, marker: Path, options: list[str]) -> None:
    """Become the double."""
    once, _, always = " ".join(options).partition("--always")
    first = not marker.exists()
    marker.touch()
    command = [sys.executable, "-m", "carla_double", "--port", port, *always.split()]
    os.execv(sys.executable, [*command, *once.split()] if first else command)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
