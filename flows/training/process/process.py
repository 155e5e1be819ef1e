"""A child process in a process group of its own that is always ended whole; free of Prefect."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from flows.errors import writing
from flows.settings.trainers.own_trainer import child_guard
from flows.training.process.stopping import hurried

GRACE_S = 60.0
"""Time that a child has to save itself after SIGTERM."""
KILL_S = 45.0
"""Time that the guard has to kill the child and what it started; usually it takes none."""


class ChildProcess:
    """A running child; as a context manager it is stopped when the block is left in any way."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        log: Path,
        environment: Mapping[str, str] | None = None,
        grace_s: float = GRACE_S,
        keep_open: Iterable[int] = (),
        when_killed: Sequence[str] = (),
    ) -> None:
        """Start `command` with its output appended to `log`.

        Args:
            command: Program and arguments; no shell is involved.
            cwd: Folder that the child works in.
            log: Receives standard output and error.
            environment: Of the child; ours when absent.
            grace_s: Time between asking the child to stop and killing its process group.
            keep_open: File descriptors, of locks for instance, held open until the child ended.
            when_killed: Command that is run when the child was killed, by whomever.

        Raises:
            OutputError: The log cannot be written.
        """
        self._grace_s = grace_s
        alive_read, self._alive = os.pipe()
        keep = tuple(keep_open)
        with writing("The child's log", log):
            try:
                with log.open("ab") as output:
                    self._guard = subprocess.Popen(
                        [
                            sys.executable,
                            "-I",
                            "-S",
                            str(child_guard()),
                            str(alive_read),
                            str(grace_s),
                            *(
                                ("--when-killed", json.dumps(list(when_killed)))
                                if when_killed
                                else ()
                            ),
                            *command,
                        ],
                        cwd=cwd,
                        env=None if environment is None else dict(environment),
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=subprocess.STDOUT,
                        start_new_session=True,
                        pass_fds=(alive_read, *keep),
                    )
            except OSError:
                os.close(self._alive)
                raise
            finally:
                os.close(alive_read)
        self.pid = self._guard.pid
        """Leader of the child's process group."""
        self.ended: int | None = None
        """File descriptor that becomes readable when the child has ended; None where there are none."""
        with contextlib.suppress(AttributeError, OSError):
            self.ended = os.pidfd_open(self.pid)

    def poll(self) -> int | None:
        """Return the exit code, negative for the signal that ended it; None while it runs."""
        if self._guard.returncode is None and self._ended():
            self._clear_away()
        return self._guard.returncode

    def wait(self, timeout_s: float) -> int | None:
        """Wait for the end at most `timeout_s` seconds and return what `poll` returns."""
        deadline = time.monotonic() + timeout_s
        while self.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        return self.poll()

    def ask_to_stop(self) -> None:
        """Ask the child to stop and do not wait for it."""
        if self.poll() is None:
            self._guard.send_signal(signal.SIGTERM)

    def stop(self, grace_s: float | None = None) -> int:
        """Ask the child to stop, and then what it left behind; each has the grace time before it is killed.

        A second Ctrl-C while waiting kills at once. `grace_s` replaces the child's own grace time.
        """
        try:
            if self.poll() is None:
                grace_s = self._grace_s if grace_s is None else grace_s
                self.ask_to_stop()
                self._wait_patiently(grace_s)
                if self.poll() is None and not hurried():
                    # A wrapper may have kept the request to itself; it is killed, what it started has its turn.
                    self._guard.send_signal(signal.SIGINT)
                    self._wait_patiently(grace_s)
        finally:
            code = self._kill()
        return code

    def __enter__(self) -> ChildProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _ended(self) -> bool:
        """Tell whether the guard ended, without reaping it, so that its group id stays ours."""
        flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
        try:
            return os.waitid(os.P_PID, self.pid, flags) is not None
        except ChildProcessError:
            return True

    def _wait_patiently(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.poll() is None and time.monotonic() < deadline and not hurried():
            time.sleep(0.02)

    def _kill(self) -> int:
        if self._guard.returncode is None:
            deadline = time.monotonic() + KILL_S
            while not self._ended() and time.monotonic() < deadline:
                # The guard knows best what belongs to the child; the second signal spares nothing.
                self._guard.send_signal(signal.SIGINT)
                time.sleep(0.02)
            self._clear_away()
        return self._guard.returncode

    def _clear_away(self) -> None:
        """Kill what is left of the group, then reap; in this order the id cannot be another's."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._guard.wait()
        for descriptor in (self._alive, self.ended):
            if descriptor is not None:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        self.ended = None
