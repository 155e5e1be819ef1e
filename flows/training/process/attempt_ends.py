"""How an attempt (one process of a run) ended, told apart by what that asks for."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from flows.settings.trainers.own_trainer import (
    BAD_CONFIG,
    DIVERGED,
    ENVIRONMENT_NOT_FINITE,
    FINISHED,
    SIMULATOR_LOST,
)


class End(str, Enum):
    """The kinds of end; the values stand in pipeline.json."""

    FINISHED = "finished"
    DIVERGED = "diverged"
    ENVIRONMENT = "environment not finite"
    LIVE_STOP = "stopped by the live gate"
    SHORT = "ended before its plan"
    """By itself and without an error."""
    EARLY_STOP = "ended early"
    """The evaluations stopped to improve."""
    SIMULATOR_LOST = "simulator lost"
    OUT_OF_MEMORY = "out of memory"
    KILLED = "killed"
    HUNG = "hung"
    DISK_FULL = "disk full"
    BROKEN = "broken"
    BAD_CONFIG = "bad configuration"
    INTERRUPTED = "stopped on request"
    """By whoever runs us: Ctrl-C or SIGTERM."""


JUDGED = frozenset(
    {End.FINISHED, End.SHORT, End.DIVERGED, End.ENVIRONMENT, End.LIVE_STOP, End.EARLY_STOP}
)
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
    note: str = ""
    """How the process of a finished training ended, where that was not as it should."""

    @property
    def sentence(self) -> str:
        """What there is to say about the end; empty for a training that simply finished."""
        if self.end is End.FINISHED:
            return self.note
        return f"{self.why}."


OWN_CODES: Mapping[int, End] = {
    FINISHED: End.FINISHED,
    DIVERGED: End.DIVERGED,
    ENVIRONMENT_NOT_FINITE: End.ENVIRONMENT,
    BAD_CONFIG: End.BAD_CONFIG,
    SIMULATOR_LOST: End.SIMULATOR_LOST,
}
"""Exit codes of our own trainer; those of others mean what their preset says."""
_SENTENCES = {
    End.FINISHED: "The trainer finished {where}",
    End.DIVERGED: "The trainer diverged {where}: {reason}",
    End.ENVIRONMENT: "The environment ended the training {where}: {reason}",
    End.BAD_CONFIG: "The trainer refused its configuration: {reason}",
    End.SIMULATOR_LOST: "The simulator was lost {where}: {reason}",
    End.KILLED: "The trainer was killed {where}: {reason}",
    End.DISK_FULL: "The disk was full {where}: {reason}",
    End.OUT_OF_MEMORY: "Memory ran out {where}: {reason}",
    End.BROKEN: "The trainer broke {where}: {reason}",
}


def classify(
    code: int,
    *,
    step: int | None,
    said: str,
    oom_kills: int = 0,
    meanings: Mapping[int, End] = OWN_CODES,
) -> Ending:
    """Tell an end that we did not ask for by exit code, last words and the kernel's own count.

    Args:
        code: Exit code, negative for a signal; 128 + n stands for signal n, as shells and container
            clients pass it on.
        step: Where the heartbeat stood; None when there was none.
        said: The trainer's last words: the heartbeat's message, or the end of its log.
        oom_kills: Processes that the kernel killed for memory while the attempt ran.
        meanings: Exit codes with a meaning of their own, a signal n as 128 + n.
    """
    where = "before its first step" if step is None else f"at step {step:,}"
    meant = meanings.get(code if code >= 0 else 128 - code)
    number = _signal_number(code)
    if meant is not None:
        return _ending(meant, where, said)
    if number == signal.SIGTERM:
        return Ending(end=End.KILLED, why=f"The trainer was stopped from outside {where}")
    if number == signal.SIGKILL and oom_kills > 0:
        why = f"The kernel killed the trainer {where} because memory ran out"
        return Ending(end=End.OUT_OF_MEMORY, why=why)
    if number is not None:
        why = f"The trainer was killed by {signal.Signals(number).name} {where}"
        return Ending(end=End.KILLED, why=why)
    if any(word in said for word in _DISK_WORDS):
        return _ending(End.DISK_FULL, where, said)
    if any(word in said for word in _MEMORY_WORDS):
        return _ending(End.OUT_OF_MEMORY, where, said)
    return _ending(End.BROKEN, where, said or f"exit code {code}")


def _ending(end: End, where: str, said: str) -> Ending:
    reason = said.rstrip(".") or "it gave no reason"
    return Ending(end=end, why=_SENTENCES[end].format(where=where, reason=reason))


def _signal_number(code: int) -> int | None:
    number = -code if code < 0 else code - 128
    return number if number in set(signal.Signals) else None


def kernel_oom_kills() -> int:
    """Return how many processes the kernel has killed for memory so far, as far as it tells."""
    counted = 0
    for path in (Path("/proc/vmstat"), Path("/sys/fs/cgroup/memory.events")):
        with contextlib.suppress(OSError, ValueError, IndexError):
            for line in path.read_text().splitlines():
                if line.startswith("oom_kill "):
                    counted = max(counted, int(line.split()[1]))
    return counted
