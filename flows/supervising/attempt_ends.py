"""How an attempt (one process of a run) ended, told apart by what that asks for."""

from __future__ import annotations

import contextlib
import signal
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from flows.settings.trainer_command import (
    BAD_CONFIG,
    DIVERGED,
    FINISHED,
    SIMULATOR_LOST,
    STOPPED,
)


class End(str, Enum):
    """The kinds of end; the values stand in pipeline.json."""

    FINISHED = "finished"
    DIVERGED = "diverged"
    LIVE_STOP = "stopped by the live gate"
    SIMULATOR_LOST = "simulator lost"
    OUT_OF_MEMORY = "out of memory"
    KILLED = "killed"
    HUNG = "hung"
    DISK_FULL = "disk full"
    BROKEN = "broken"
    BAD_CONFIG = "bad configuration"
    INTERRUPTED = "stopped on request"
    """By whoever runs us: Ctrl-C or SIGTERM."""


JUDGED = frozenset({End.FINISHED, End.DIVERGED, End.LIVE_STOP})
"""The gate judges what was logged."""
RESTARTED = frozenset({End.SIMULATOR_LOST, End.OUT_OF_MEMORY, End.KILLED, End.HUNG})
"""The same command may well succeed when it is given another time."""
_MEMORY_WORDS = ("MemoryError", "out of memory", "OutOfMemory", "Cannot allocate memory")
_DISK_WORDS = ("No space left on device", "Disk quota exceeded")


@dataclass(frozen=True, kw_only=True)
class Ending:
    """An end with the sentence that says why, without its full stop."""

    end: End
    why: str


def classify(code: int, *, step: int | None, said: str, oom_kills: int = 0) -> Ending:
    """Tell an end that we did not ask for by exit code, last words and the kernel's own count.

    Args:
        code: Exit code, negative for a signal.
        step: Where the heartbeat stood; None when there was none.
        said: The trainer's last words: the heartbeat's message, or the end of its log.
        oom_kills: Processes that the kernel killed for memory while the attempt ran.
    """
    where = "before its first step" if step is None else f"at step {step:,}"
    reason = said.rstrip(".") or "it gave no reason"
    if code == FINISHED:
        return Ending(end=End.FINISHED, why=f"The trainer finished {where}")
    if code == DIVERGED:
        return Ending(end=End.DIVERGED, why=f"The trainer diverged {where}: {reason}")
    if code == BAD_CONFIG:
        return Ending(end=End.BAD_CONFIG, why=f"The trainer refused its configuration: {reason}")
    if code == SIMULATOR_LOST:
        return Ending(end=End.SIMULATOR_LOST, why=f"The simulator was lost {where}: {reason}")
    if code in (STOPPED, -signal.SIGTERM):
        return Ending(end=End.KILLED, why=f"The trainer was stopped from outside {where}")
    if code == -signal.SIGKILL and oom_kills > 0:
        why = f"The kernel killed the trainer {where} because memory ran out"
        return Ending(end=End.OUT_OF_MEMORY, why=why)
    if code < 0:
        why = f"The trainer was killed by {_signal_name(-code)} {where}"
        return Ending(end=End.KILLED, why=why)
    if any(word in said for word in _DISK_WORDS):
        return Ending(end=End.DISK_FULL, why=f"The disk was full {where}: {reason}")
    if any(word in said for word in _MEMORY_WORDS):
        return Ending(end=End.OUT_OF_MEMORY, why=f"Memory ran out {where}: {reason}")
    last = said.rstrip(".") or f"exit code {code}"
    return Ending(end=End.BROKEN, why=f"The trainer broke {where}: {last}")


def kernel_oom_kills() -> int:
    """Return how many processes the kernel has killed for memory so far, as far as it tells."""
    counted = 0
    for path in (Path("/proc/vmstat"), Path("/sys/fs/cgroup/memory.events")):
        with contextlib.suppress(OSError, ValueError, IndexError):
            for line in path.read_text().splitlines():
                if line.startswith("oom_kill "):
                    counted = max(counted, int(line.split()[1]))
    return counted


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
