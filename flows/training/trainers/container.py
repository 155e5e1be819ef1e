"""A trainer in a container: what an attempt started is removed by its own id, never by a name."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path

from flows.settings.trainers.command_trainer import is_container_client
from flows.training.trainers.container_removal import remove_container


def with_cidfile(command: Sequence[str], run: Path, attempt: int) -> tuple[list[str], Path | None]:
    """Let `docker run` write the id of its container into a file of the run directory.

    Returns:
        The command and the file; None when it starts no container.
    """
    if not is_container_client(command):
        return list(command), None
    path = run / f"container-{attempt:03d}.cid"
    place = command.index("run") + 1
    return [*command[:place], "--cidfile", str(path), *command[place:]], path


def remove_left_containers(run: Path, program: str) -> None:
    """Remove containers of attempts whose supervisor and guard were killed, both at once."""
    for cidfile in sorted(run.glob("container-*.cid")):
        remove_container(program, cidfile)


def removal_command(program: str, cidfile: Path | None) -> list[str]:
    """Return the command that removes a container whose client was killed; empty without one."""
    if cidfile is None:
        return []
    script = Path(__file__).resolve().with_name("container_removal.py")
    return [sys.executable, "-I", "-S", str(script), program, str(cidfile)]


def clear_container(program: str, cidfile: Path, *, ended_itself: bool) -> None:
    """Clear up after an attempt; a container that ended by itself is left as the preset wants it."""
    if not ended_itself:
        remove_container(program, cidfile)
    with contextlib.suppress(OSError):
        cidfile.unlink()
