"""How long a command takes until it has got somewhere, in seconds that pass and in seconds on processors."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Timing

_LOOK_EVERY_S = 0.02
_TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")
_GIVE_UP_S = 300.0


@dataclass(frozen=True)
class Spent:
    """What passed, and what all processes of the command took."""

    wall_s: float
    processors_s: float


def until(
    command: Sequence[str],
    there: Callable[[], bool] | None,
    *,
    cwd: Path,
    environment: Mapping[str, str],
) -> Spent:
    """Run a command until `there` says so, then ask it to stop; without `there` to its end.

    Raises:
        RuntimeError: It ended before, or took too long.
    """
    began, before = time.perf_counter(), os.times()
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    if there is None:
        process.wait()
        after = os.times()
        used = after.children_user + after.children_system
        used -= before.children_user + before.children_system
        return Spent(time.perf_counter() - began, used)
    try:
        while not there():
            if process.poll() is not None or time.perf_counter() - began > _GIVE_UP_S:
                raise RuntimeError(f"{' '.join(command)} did not get there")
            time.sleep(_LOOK_EVERY_S)
        return Spent(time.perf_counter() - began, _used_by_tree(process.pid))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def rounds_of(
    works: Mapping[str, Callable[[], Spent]], *, rounds: int, warm_up: int = 1
) -> tuple[dict[str, Timing], dict[str, Timing]]:
    """Do every work once a round, in turn; return what passed and what processors spent."""
    spent: dict[str, list[Spent]] = {name: [] for name in works}
    for number in range(-warm_up, rounds):
        for name, work in works.items():
            one = work()
            if number >= 0:
                spent[name].append(one)
    wall = {name: Timing(rounds=tuple(s.wall_s for s in all_)) for name, all_ in spent.items()}
    used = {
        name: Timing(rounds=tuple(s.processors_s for s in all_)) for name, all_ in spent.items()
    }
    return wall, used


def _used_by_tree(pid: int) -> float:
    """Add up the seconds of a process, of its living descendants and of those that were waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = {c for t in threads for c in (t / "children").read_text().split()}
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) * _TICK_S + sum(_used_by_tree(int(c)) for c in children)
