"""Removes the container whose id stands in a file; also run as a script, by the guard of a killed client.

`python container_removal.py PROGRAM CIDFILE`. It uses nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from pathlib import Path

_REMOVAL_S = 30.0
"""Time that a container may take to go."""
_ID = re.compile(r"[0-9a-f]{12,64}")


def remove_container(program: str, cidfile: Path) -> None:
    """Remove the container, if it is still there, and then the file.

    Only an id is taken: a name could be that of somebody else's container.
    """
    try:
        container = cidfile.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return
    if _ID.fullmatch(container):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run(
                [program, "rm", "--force", container],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_REMOVAL_S,
                check=False,
            )
    with contextlib.suppress(OSError):
        cidfile.unlink()


if __name__ == "__main__":
    remove_container(sys.argv[1], Path(sys.argv[2]))
