"""A folder that one process writes to at a time, and the lock that sees to it."""

from __future__ import annotations

import fcntl
import os
import re
import time
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from flows.errors import InUseError
from flows.records.pipeline_record import utc_now

LOCK_NAME = ".lock"
_OWNER = re.compile(r"process (\d+)")
_Folder = TypeVar("_Folder", bound="LockedFolder")


class LockedFolder:
    """A folder with its lock, which is given free at the end of a `with` statement."""

    def __init__(self, path: Path, lock: int) -> None:
        """Hold the lock that `lock_folder` took, or none: -1."""
        self.path = path
        self.lock = lock
        """File descriptor of the lock; a trainer's guard keeps it open too."""

    def close(self) -> None:
        """Give the folder free."""
        if self.lock >= 0:
            os.close(self.lock)
            self.lock = -1

    def __enter__(self: _Folder) -> _Folder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def lock_folder(path: Path, wait_s: float = 0.0) -> int:
    """Take the directory's lock; it ends with the last process that holds the descriptor open.

    Whoever took it may be gone while the guard of its trainer still holds it: only then it is waited for.

    Raises:
        InUseError: Another process has it.
    """
    lock = os.open(path / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + wait_s
    try:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                owner = os.pread(lock, 100, 0).decode(errors="replace").strip()
                if time.monotonic() < deadline and _is_gone(owner):
                    time.sleep(0.1)
                    continue
            what = owner or "another process"
            if _is_gone(owner):
                what = f"the trainer of {owner}, which is gone; it is saving itself"
            raise InUseError(
                f"{path} is in use by {what}; wait until it ends or choose another --out."
            )
    except BaseException:
        os.close(lock)
        raise
    os.ftruncate(lock, 0)
    os.write(lock, f"process {os.getpid()}, since {utc_now()}\n".encode())
    return lock


def _is_gone(owner: str) -> bool:
    """Tell whether the process that a lock names has ended."""
    match = _OWNER.match(owner)
    if match is None:
        return False
    try:
        os.kill(int(match.group(1)), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
