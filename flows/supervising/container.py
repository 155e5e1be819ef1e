"""A trainer in a container: what an attempt started is removed by its own id, never by a name."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from flows.settings.trainer_by_command import is_container_client
from flows.supervising.child_guard import remove_container


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
        remove_container(program, str(cidfile))


def forget_container(cidfile: Path | None) -> None:
    """Remove the file of a container that ended by itself; the container is left as it is."""
    if cidfile is not None:
        with contextlib.suppress(OSError):
            cidfile.unlink()
