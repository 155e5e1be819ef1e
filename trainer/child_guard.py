"""Stands between us and a child process, so that the child never outlives us unseen.

Run as a script: `python child_guard.py FD GRACE_S COMMAND...`. FD is the read end of a pipe whose
write end only our process holds. When it closes, we are gone, however that happened: the child is
asked to stop (SIGTERM), has GRACE_S seconds to save itself, and then the whole process group is
killed. SIGTERM is handed on to the child. The guard ends as the child ended: with its exit code, or
by the same signal. It leads its process group and uses nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """Start the command and return its exit code, or end by the signal that ended it."""
    parent_pipe, grace_s, command = int(arguments[0]), float(arguments[1]), arguments[2:]
    if os.getpgrp() != os.getpid():
        os.setpgrp()
    wakeup_read, wakeup_write = os.pipe()
    os.set_blocking(wakeup_write, False)
    os.set_blocking(wakeup_read, False)
    signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
    asked_to_stop = False

    def on_sigterm(*_: object) -> None:
        nonlocal asked_to_stop
        asked_to_stop = True

    signal.signal(signal.SIGTERM, on_sigterm)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    # The guard has one thread, so code between fork and exec is safe here.
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_guard())

    watched = [parent_pipe, wakeup_read]
    deadline: float | None = None
    while child.poll() is None:
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select(watched, [], [], timeout)
        if wakeup_read in ready:
            os.read(wakeup_read, 4096)
        if parent_pipe in ready:
            watched.remove(parent_pipe)
            deadline = time.monotonic() + grace_s
            asked_to_stop = True
        if asked_to_stop:
            asked_to_stop = False
            child.terminate()
        if deadline is not None and time.monotonic() >= deadline:
            os.killpg(os.getpgrp(), signal.SIGKILL)
    if deadline is not None:
        # Nobody is left to clear away what the child started.
        os.killpg(os.getpgrp(), signal.SIGKILL)
    return _end_like(child.returncode)


def _die_with_guard() -> Callable[[], None] | None:
    """Return a function that makes the kernel kill the child should the guard itself be killed."""
    if not sys.platform.startswith("linux"):
        return None
    with contextlib.suppress(OSError):
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        return lambda: prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    return None


def _end_like(returncode: int) -> int:
    if returncode < 0:
        with contextlib.suppress(OSError):  # SIGKILL has no handler to reset
            signal.signal(-returncode, signal.SIG_DFL)
        os.kill(os.getpid(), -returncode)
    return returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
