"""How trainings are asked to stop: by a signal to the main thread, or by a switch for all threads.

Python raises what a signal asks for in the main thread alone. Where other threads, or processes on
other machines, supervise trainings, the main thread turns a switch, and whoever sleeps by `sleep`
wakes up and unwinds as the main thread would.
"""

from __future__ import annotations

import contextlib
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from types import FrameType

_SLICE_S = 0.2


class StopRequested(BaseException):
    """SIGTERM or SIGHUP reached us, or a switch was turned; unwinds as KeyboardInterrupt does."""


def raise_on_stop_signals() -> None:
    """Let SIGTERM and SIGHUP unwind the main thread as Ctrl-C does."""

    def handler(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        raise StopRequested(signal.Signals(number).name)

    signal.signal(signal.SIGTERM, handler)
    # Under nohup SIGHUP is ignored, and that must stay so.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, handler)


_swallowed: list[BaseException] = []
"""Requests to stop that Python raised where nothing can unwind, and so dropped."""


@contextlib.contextmanager
def no_request_lost() -> Iterator[None]:
    """While open in the main thread, keep a request that was raised in a destructor, for `raise_lost_request`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = sys.unraisablehook

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        error = unraisable.exc_value
        if isinstance(error, BaseException) and not isinstance(error, (Exception, GeneratorExit)):
            _swallowed.append(error)
        else:
            before(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before
        _swallowed.clear()


def raise_lost_request() -> None:
    """Raise a request that was lost; whoever waits in the main thread calls it now and then.

    Raises:
        BaseException: The request.
    """
    if _swallowed and threading.current_thread() is threading.main_thread():
        raise _swallowed.pop()


class StopSwitch:
    """Stops every training that is supervised under it, in this process and through a file."""

    def __init__(self, file: Path | None = None) -> None:
        """Watch a file on a disk that all machines share, if there is one: its existence is the request."""
        self._file = file
        self._stop = threading.Event()
        self._hurry = threading.Event()

    @property
    def stopped(self) -> bool:
        """Whether it was turned, here or elsewhere."""
        return self._stop.is_set() or (self._file is not None and self._file.exists())

    @property
    def hurried(self) -> bool:
        """Whether trainers must not be waited for any more."""
        return self._hurry.is_set()

    def stop(self) -> None:
        """Ask everybody to stop; trainers have their grace time."""
        self._stop.set()
        # On a full disk the threads of this process still stop.
        with contextlib.suppress(OSError):
            if self._file is not None:
                self._file.touch()

    def hurry(self) -> None:
        """Take the grace time away from the trainers of this process."""
        self._hurry.set()
        self.stop()

    def reset(self) -> None:
        """Forget an earlier request; only whoever holds the group's lock may."""
        self._stop.clear()
        self._hurry.clear()
        if self._file is not None:
            self._file.unlink(missing_ok=True)

    def sleep(self, seconds: float, ended: int | None = None) -> None:
        """Sleep, or raise as soon as the switch was turned; see the function `sleep`.

        Raises:
            StopRequested: It was.
        """
        deadline = time.monotonic() + seconds
        while not self.stopped:
            left = deadline - time.monotonic()
            if left <= 0:
                return
            if ended is None:
                self._stop.wait(min(left, _SLICE_S))
            elif _readable(ended, min(left, _SLICE_S)):
                return
        raise StopRequested("a request to stop all trainings")


_switch: ContextVar[StopSwitch | None] = ContextVar("stop_switch", default=None)


@contextlib.contextmanager
def stopped_by(switch: StopSwitch) -> Iterator[None]:
    """Let `switch` stop what this thread supervises while the block is open."""
    token = _switch.set(switch)
    try:
        yield
    finally:
        _switch.reset(token)


def sleep(seconds: float, ended: int | None = None) -> None:
    """Sleep; where a switch is open, raise as soon as it is turned.

    `ended` is a file descriptor that becomes readable when there is nothing left to wait for.

    Raises:
        StopRequested: It was turned.
        BaseException: A request to stop that was lost before; see `no_request_lost`.
    """
    raise_lost_request()
    switch = _switch.get()
    if switch is not None:
        switch.sleep(seconds, ended)
    elif ended is None:
        time.sleep(seconds)
    else:
        _readable(ended, seconds)


def _readable(descriptor: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


def hurried() -> bool:
    """Tell whether whoever waits for a trainer's last checkpoint should stop waiting."""
    switch = _switch.get()
    return switch is not None and switch.hurried


@contextlib.contextmanager
def stoppable_by_file(file: Path) -> Iterator[StopSwitch]:
    """Give the switch that is open already; where none is, as on another machine, one of a file."""
    switch = _switch.get()
    if switch is not None:
        yield switch
        return
    switch = StopSwitch(file)
    with stopped_by(switch):
        yield switch
