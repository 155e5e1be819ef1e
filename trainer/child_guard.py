"""Guards a child process, so that the child never outlives us unseen.

Run as a script: `python child_guard.py FD GRACE_S [--when-killed JSON] COMMAND...`. FD is the read
end of a pipe whose write end only our process holds. When it closes, our process has ended in one
way or another: the child is asked to stop (SIGTERM), has GRACE_S seconds to save itself, and then it is
killed. SIGTERM is handed on to the child, SIGINT kills it at once. The guard ends as the child ended:
with its exit code, or by the same signal. It leads its process group and uses only the standard
library.

Processes that the child started and left behind are killed when it has ended, also those in a
session of their own: on Linux they become children of the guard. JSON is a command, as a list, that
is run when the child was killed, to clear up what is no process of this machine.
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
_PR_SET_CHILD_SUBREAPER = 36
_WHEN_KILLED_S = 40.0
"""Time that the command for the case of a kill may take."""


def main(arguments: list[str]) -> int:
    """Start the command and return its exit code, or end by the signal that ended it."""
    parent_pipe, grace_s, command = int(arguments[0]), float(arguments[1]), arguments[2:]
    when_killed: list[str] = []
    if command[0] == "--when-killed":
        import json  # slow to load, and most have no such command

        when_killed, command = json.loads(command[1]), command[2:]
    if os.getpgrp() != os.getpid():
        os.setpgrp()
    wakeup_read, wakeup_write = os.pipe()
    os.set_blocking(wakeup_write, False)
    os.set_blocking(wakeup_read, False)
    signal.set_wakeup_fd(wakeup_write, warn_on_full_buffer=False)
    asked_to_stop = asked_to_kill = False

    def on_sigterm(*_: object) -> None:
        nonlocal asked_to_stop
        asked_to_stop = True

    def on_sigint(*_: object) -> None:
        nonlocal asked_to_kill
        asked_to_kill = True

    signal.signal(signal.SIGTERM, on_sigterm)
    signal.signal(signal.SIGINT, on_sigint)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        # The guard has one thread, so code between fork and exec is safe here.
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_die_with_guard())
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}", file=sys.stderr, flush=True)
        return 127 if isinstance(error, FileNotFoundError) else 126

    watched = [parent_pipe, wakeup_read]
    deadline: float | None = None
    while child.poll() is None:
        timeout = None if deadline is None else max(0.05, deadline - time.monotonic())
        ready, _, _ = select.select(watched, [], [], timeout)
        if wakeup_read in ready:
            os.read(wakeup_read, 4096)
            _reap_strangers(child.pid)
        if parent_pipe in ready:
            watched.remove(parent_pipe)
            deadline = time.monotonic() + grace_s
            asked_to_stop = True
        if asked_to_stop:
            asked_to_stop = False
            child.terminate()
        if asked_to_kill or (deadline is not None and time.monotonic() >= deadline):
            child.kill()
    _end_descendants()
    if when_killed and child.returncode < 0:
        _run(when_killed)
    if deadline is not None:
        # Nobody is left to clear away what the child started.
        os.killpg(os.getpgrp(), signal.SIGKILL)
    return _end_like(child.returncode)


def _descendants(pid: int) -> list[int]:
    """Return the processes below a process, nearest first; empty where /proc does not tell."""
    children: dict[int, list[int]] = {}
    names: list[str] = []
    with contextlib.suppress(OSError):
        names = os.listdir("/proc")  # noqa: PTH208 - pathlib is slow to load
    for name in filter(str.isdecimal, names):
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(f"/proc/{name}/stat", "rb") as stat:  # noqa: PTH123
                parent = int(stat.read().rpartition(b")")[2].split()[1])
            children.setdefault(parent, []).append(int(name))
    found = list(children.get(pid, ()))
    for each in found:
        found += children.get(each, ())
    return found


def _end_descendants() -> None:
    """Kill whatever the child left behind; what escapes one look is found by the next."""
    for _ in range(100):
        left = _descendants(os.getpid())
        if not left:
            return
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        _reap_strangers(0)
        time.sleep(0.01)


def _run(command: list[str]) -> None:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        subprocess.run(command, stdin=subprocess.DEVNULL, timeout=_WHEN_KILLED_S, check=False)


def _reap_strangers(child: int) -> None:
    """Collect orphans that were handed to us and have ended, but never the child itself."""
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitid(os.P_ALL, 0, flags)) and ended.si_pid != child:
            os.waitpid(ended.si_pid, 0)


def _die_with_guard() -> Callable[[], None] | None:
    """Return a function that makes the kernel kill the child should the guard itself be killed."""
    if not sys.platform.startswith("linux"):
        return None
    return lambda: _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError):
            ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _end_like(returncode: int) -> int:
    if returncode < 0:
        with contextlib.suppress(OSError):  # SIGKILL has no handler to reset
            signal.signal(-returncode, signal.SIG_DFL)
        os.kill(os.getpid(), -returncode)
    return returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
