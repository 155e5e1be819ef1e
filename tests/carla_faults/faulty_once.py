"""Starts the double with a fault the first time, and without it whenever it is started again.

`python faulty_once.py PORT MARKER FAULT...`: MARKER is a file that remembers the first time.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main(port: str, marker: Path, faults: list[str]) -> None:
    """Become the double."""
    if marker.exists():
        faults = []
    marker.touch()
    command = [sys.executable, "-m", "trainer.carla_double", "--port", port]
    command += [part for fault in ("stamped_frames", *faults) for part in ("--fault", fault)]
    os.execv(sys.executable, command)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
