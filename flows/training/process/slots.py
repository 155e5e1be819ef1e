"""One GPU, one simulator port: one training at a time on this machine, by a lock of the system.

A lock is held by the training's supervisor and by the guard of its trainer. It ends with the last
of them, however they end; no file has to be cleared away.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from flows.errors import writing
from flows.records.folder_lock import try_lock
from flows.records.json_file import utc_now
from flows.training.process.stopping import sleep as sleep_or_stop
from reports.text.escaping import one_line

FOLDER = "GONOGO_SLOTS"
"""Environment variable: folder of the lock files; the same for everybody on a machine."""
POLL_S = 0.5
_MOST_BYTES = 1_000


@contextlib.contextmanager
def hold_slots(
    slots: Iterable[str],
    *,
    who: str,
    waiting: Callable[[str, str], None],
    sleep: Callable[[float], None] = sleep_or_stop,
) -> Iterator[tuple[int, ...]]:
    """Hold the slots while the block is open; wait for those that others hold.

    Args:
        slots: Names; the order does not matter.
        who: Says to others who holds them.
        waiting: Is told a slot and its holder, at once and whenever the holder changes.
        sleep: Waits between two tries.

    Yields:
        File descriptors of the locks, for the processes that have to keep them.

    Raises:
        OutputError: A lock file cannot be made.
    """
    with contextlib.ExitStack() as held:
        # Everybody takes them in the same order, so that nobody waits in a circle.
        yield tuple([_hold(slot, who, waiting, sleep, held) for slot in sorted(set(slots))])


def slot_folder() -> Path:
    """Return where the lock files lie."""
    return Path(os.environ.get(FOLDER) or Path(tempfile.gettempdir()) / "gonogo-slots")


def _hold(
    slot: str,
    who: str,
    waiting: Callable[[str, str], None],
    sleep: Callable[[float], None],
    held: contextlib.ExitStack,
) -> int:
    folder = slot_folder()
    path = folder / f"{re.sub(r'[^a-z0-9._-]', '_', slot)}.lock"
    with writing("A slot's lock", path):
        _make_shared(folder)
        lock = _open(path)
        held.callback(os.close, lock)
        told = ""
        while not try_lock(lock):
            holder = _holder(lock)
            if holder != told:
                told = holder
                waiting(slot, holder)
            sleep(POLL_S)
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{who}, since {utc_now()}\n".encode()[:_MOST_BYTES], 0)
    return lock


def _make_shared(folder: Path) -> None:
    """Create the folder for all users of the machine, like /tmp itself."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(PermissionError):
        folder.chmod(0o1777)


def _open(path: Path) -> int:
    """Open a lock file, which another user may have made."""
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    # Linux refuses O_CREAT for another user's file in a folder like /tmp (fs.protected_regular).
    with contextlib.suppress(FileNotFoundError):
        return os.open(path, flags)
    try:
        lock = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return os.open(path, flags)
    os.fchmod(lock, 0o666)
    return lock


def _holder(lock: int) -> str:
    text = os.pread(lock, _MOST_BYTES, 0).decode(errors="replace")
    return one_line(text.strip()) or "another process"
