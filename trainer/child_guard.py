"""Guards a child process, so that the child never outlives us unseen.

Run as a script: `python child_guard.py FD GRACE_S [--when-killed JSON] COMMAND...`. FD is the read
end of a pipe whose write end only our process holds. When it closes, our process has ended in one
way or another: the child is asked to stop (SIGTERM), has GRACE_S seconds to save itself, and then it is
killed. SIGTERM is handed on to the child, SIGINT kills it, and a second one all that is left. The guard
ends as the child ended: with its exit code, or by the same signal. It leads its process group and uses
only the standard library.

The child may be a wrapper that keeps the signal to itself. When it has ended, everything that it left
behind gets the signal and, where it handles that, GRACE_S seconds; the rest is killed, also in a session
of its own: on Linux it becomes a child of the guard. While a wrapper does nothing but wait for the
process below it, that one is asked as well, a moment later. Workers and simulators of a child that is
busy itself are left to it. JSON is a command, as a list, that is run when the child was killed, to clear
up what is no process of this machine.
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
_HAND_ON_S = 5.0
"""Time that a wrapper has to hand SIGTERM on by itself; a third of the grace where that is less."""
_HAND_ON_AGAIN_S = 1.0
_LOOK_S = 0.05


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
    asked_to_stop = False
    asked_to_kill = 0

    def on_sigterm(*_: object) -> None:
        nonlocal asked_to_stop
        asked_to_stop = True

    def on_sigint(*_: object) -> None:
        nonlocal asked_to_kill
        asked_to_kill += 1

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
    tree = _Tree(child, grace_s)
    deadline: float | None = None
    while child.poll() is None or tree.saves_itself():
        ready, _, _ = select.select(watched, [], [], tree.look_again_s(deadline))
        if wakeup_read in ready:
            os.read(wakeup_read, 4096)
            _reap_strangers(child.pid)
        if parent_pipe in ready:
            watched.remove(parent_pipe)
            deadline = time.monotonic() + grace_s
            asked_to_stop = True
        if asked_to_stop:
            asked_to_stop = False
            tree.ask_to_stop()
        if asked_to_kill > 1:
            break
        if asked_to_kill or (deadline is not None and time.monotonic() >= deadline):
            child.kill()
        tree.hand_on()
    child.kill()
    child.wait()
    _end_descendants()
    if when_killed and child.returncode < 0:
        _run(when_killed)
    if deadline is not None:
        # Nobody is left to clear away what the child started.
        os.killpg(os.getpgrp(), signal.SIGKILL)
    return _end_like(child.returncode)


class _Tree:
    """What runs below the child, asked to stop once each."""

    def __init__(self, child: subprocess.Popen[bytes], grace_s: float) -> None:
        self._child = child
        self._grace_s = grace_s
        self._asked: set[int] = set()
        self._hand_on_at: float | None = None
        """When the signal goes below a child that only waits."""
        self._grace_ends: float | None = None
        """Of those that the child left behind."""

    def ask_to_stop(self) -> None:
        """Ask the child."""
        self._child.terminate()
        self._child.send_signal(signal.SIGCONT)  # a paused process hears nothing else
        if self._hand_on_at is None:
            self._hand_on_at = time.monotonic() + min(_HAND_ON_S, self._grace_s / 3)

    def hand_on(self) -> None:
        """Ask those that a child which only waits keeps the signal from, when it is time."""
        if self._hand_on_at is None or time.monotonic() < self._hand_on_at:
            return
        self._hand_on_at = time.monotonic() + _HAND_ON_AGAIN_S
        below = _children()
        waiting = [self._child.pid]
        for pid in filter(_waits_for_a_child, waiting):
            for child in below.get(pid, ()):
                waiting.append(child)
                if _handles_sigterm(child):
                    self._ask(child)

    def saves_itself(self) -> bool:
        """Ask what the child left behind; tells whether one of them handles that and has time left."""
        if self._grace_ends is None:
            self._grace_ends = time.monotonic() + self._grace_s
        left = _descendants(os.getpid())
        for pid in left:
            self._ask(pid)
        return time.monotonic() < self._grace_ends and any(map(_handles_sigterm, left))

    def look_again_s(self, deadline: float | None) -> float | None:
        """Return after which time something may have to be done; None: only when something happens."""
        if self._grace_ends is not None:
            return _LOOK_S
        times = [t for t in (deadline, self._hand_on_at) if t is not None]
        return max(_LOOK_S, min(times) - time.monotonic()) if times else None

    def _ask(self, pid: int) -> None:
        if pid not in self._asked:
            self._asked.add(pid)
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGTERM)
                os.kill(pid, signal.SIGCONT)


def _waits_for_a_child(pid: int) -> bool:
    """Tell whether a process does nothing but wait for one that it started; False where /proc does not tell."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/wchan", "rb") as place:  # noqa: PTH123
        return place.read().startswith(b"do_wait")
    return False


def _handles_sigterm(pid: int) -> bool:
    """Tell whether a process has a handler for SIGTERM; False where /proc does not tell."""
    with contextlib.suppress(OSError, ValueError), open(f"/proc/{pid}/status", "rb") as status:  # noqa: PTH123
        for line in status:
            if line.startswith(b"SigCgt:"):
                return bool(int(line.split()[1], 16) >> (signal.SIGTERM - 1) & 1)
    return False


def _children() -> dict[int, list[int]]:
    """Return the children of every process; empty where /proc does not tell."""
    children: dict[int, list[int]] = {}
    names: list[str] = []
    with contextlib.suppress(OSError):
        names = os.listdir("/proc")  # noqa: PTH208 - pathlib is slow to load
    for name in filter(str.isdecimal, names):
        with contextlib.suppress(OSError, ValueError, IndexError):
            with open(f"/proc/{name}/stat", "rb") as stat:  # noqa: PTH123
                parent = int(stat.read().rpartition(b")")[2].split()[1])
            children.setdefault(parent, []).append(int(name))
    return children


def _descendants(pid: int) -> list[int]:
    """Return the processes below a process, nearest first."""
    children = _children()
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
