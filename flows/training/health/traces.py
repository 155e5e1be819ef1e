"""Captures what every thread of a process that hangs is doing."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from flows.records.trainer_files import LOG_NAME, printable

DUMP_WAIT_S = 3.0
_MOST_BYTES = 1 << 20


def capture_traces(run: Path, *, pid: int | None, group: int, why: str) -> Path | None:
    """Write `stall-NNN.txt` into the run directory; None when it cannot be written.

    The stacks come from the trainer's own fault handler, which answers SIGUSR1 even while the
    interpreter is stuck, and from py-spy where it is installed. A process that does not handle
    SIGUSR1, or that is none of `group`, is never sent it.
    """
    parts = [why, ""]
    if pid is None:
        pid = first_member(group)
    if pid is not None and _in_group(pid, group):
        if _handles(pid, signal.SIGUSR1):
            parts += ["Stacks, from the trainer's fault handler:", _fault_handler(run, pid), ""]
        spy = shutil.which("py-spy")
        if spy:
            parts += ["Stacks, from py-spy:", _py_spy(spy, pid), ""]
    parts += ["Processes of the run:", *_processes(group)]
    path = _free(run)
    try:
        path.write_text("\n".join(parts) + "\n", encoding="utf-8")
    except OSError:
        return None
    return path


def _fault_handler(run: Path, pid: int) -> str:
    """Ask for the stacks and return what that added to the log."""
    log = run / LOG_NAME
    try:
        before = log.stat().st_size
        os.kill(pid, signal.SIGUSR1)
        deadline = time.monotonic() + DUMP_WAIT_S
        size = before
        while time.monotonic() < deadline:
            time.sleep(0.1)
            last, size = size, log.stat().st_size
            if before < size == last:
                break
        with log.open("rb") as file:
            file.seek(before)
            text = file.read(_MOST_BYTES).decode("utf-8", errors="replace")
    except OSError as error:
        return f"none: {error.strerror}"
    return "\n".join(printable(line) for line in text.splitlines()) or "none: it did not answer"


def _py_spy(program: str, pid: int) -> str:
    try:
        answer = subprocess.run(
            [program, "dump", "--nonblocking", "--pid", str(pid)],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        return f"none: {error}"
    return answer.stdout or answer.stderr.strip()


def _processes(group: int) -> list[str]:
    lines = []
    for pid in group_members(group):
        state, waits = _word(pid, "stat"), _word(pid, "wchan")
        lines.append(f"{pid}: state {state}, waits in {waits}, {_word(pid, 'cmdline')}")
    return lines or ["unknown on this system"]


def group_members(group: int) -> list[int]:
    """Return the processes of a process group; empty where /proc does not tell."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (OSError, UnicodeDecodeError):
            continue
        if len(fields) > 2 and fields[2] == str(group):
            found.append(int(entry.name))
    return sorted(found)


def first_member(group: int) -> int | None:
    """Return the process that the leader of a group started first; None when there is none."""
    return next((pid for pid in group_members(group) if pid != group), None)


def _word(pid: int, name: str) -> str:
    try:
        text = (Path("/proc") / str(pid) / name).read_text(errors="replace")
    except OSError:
        return "unknown"
    if name == "stat":
        return text.rpartition(")")[2].split()[0]
    return printable(text.replace("\0", " ")).strip()[:200] or "unknown"


def _in_group(pid: int, group: int) -> bool:
    try:
        return os.getpgid(pid) == group
    except OSError:
        return False


def _handles(pid: int, number: signal.Signals) -> bool:
    """Tell whether a process has a handler for a signal, which would end it otherwise."""
    try:
        lines = (Path("/proc") / str(pid) / "status").read_text().splitlines()
    except OSError:
        return False
    caught = next((line.split()[1] for line in lines if line.startswith("SigCgt:")), "0")
    return bool(int(caught, 16) >> (number - 1) & 1)


def _free(run: Path) -> Path:
    number = 1
    while (path := run / f"stall-{number:03d}.txt").exists():
        number += 1
    return path
