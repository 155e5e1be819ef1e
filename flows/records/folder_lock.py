"""Locks on folders: one process at a time, or one block at a time."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flows.errors import InUseError
from flows.records.json_file import utc_now

LOCK_NAME = ".lock"
_OWNER = re.compile(r"process (\d+)")


def lock_folder(path: Path, wait_s: float = 0.0) -> int:
    """Take a folder's lock, which ends with the last process that holds the descriptor open.

    Waits only for the guard of a trainer whose supervisor has ended.

    Raises:
        InUseError: Another process has it.
    """
    lock = os.open(path / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    deadline = time.monotonic() + wait_s
    try:
        while True:
            if try_lock(lock):
                break
            owner = os.pread(lock, 100, 0).decode(errors="replace").strip()
            if time.monotonic() < deadline and _owner_is_gone(owner):
                time.sleep(0.1)
                continue
            what = owner or "another process"
            if _owner_is_gone(owner):
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


@contextmanager
def alone_in(path: Path) -> Iterator[None]:
    """Wait until nobody else is in such a block for this folder, which needs no file of its own."""
    folder = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # not every network's disk can lock a folder
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def try_lock(descriptor: int) -> bool:
    """Lock an open file for us alone; False when another process has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner_is_gone(owner: str) -> bool:
    """Tell whether the process that a lock names has ended."""
    match = _OWNER.match(owner)
    return match is not None and is_gone(int(match.group(1)))


def is_gone(pid: int) -> bool:
    """Tell whether a process has ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return False
