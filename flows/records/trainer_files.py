"""What a trainer leaves in its run directory besides events: heartbeat and log."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

from flows.records.json_file import read_json

LOG_NAME = "trainer.log"
STATUS_NAME = "status.json"
_TAIL_BYTES = 16_384
_MANIFEST = re.compile(r"step-(\d+)\.json")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, kw_only=True)
class TrainerStatus:
    """status.json as far as people watch it."""

    phase: str
    step: int
    planned_steps: int
    steps_per_s: float | None
    """Over the last seconds; None while unknown."""
    message: str
    """Why the trainer ended, one sentence; empty while it runs."""
    pid: int | None = None
    updates: int = 0
    """Critic updates done."""
    episode_length: float | None = None
    """Mean length of the latest training episodes; None while unknown."""
    episode_return: float | None = None
    """Mean return of the same episodes."""
    updated_at: str = ""
    """The trainer's clock, which may jump: good for telling two heartbeats apart, no more."""
    live: str = ""
    """What the gate would say now; the supervisor adds it, the trainer knows no gates."""


def read_status(run: Path) -> TrainerStatus | None:
    """Read the heartbeat; None when there is none yet."""
    data = read_json(run / STATUS_NAME)
    if data is None:
        return None
    step, planned, speed = data.get("step"), data.get("planned_steps"), data.get("steps_per_s")
    pid, updates = data.get("pid"), data.get("updates")
    return TrainerStatus(
        phase=printable(str(data.get("phase") or "")),
        step=step if isinstance(step, int) else 0,
        planned_steps=planned if isinstance(planned, int) else 0,
        steps_per_s=float(speed) if isinstance(speed, (int, float)) else None,
        message=printable(str(data.get("message") or "")),
        pid=pid if isinstance(pid, int) and pid > 1 else None,
        updates=updates if isinstance(updates, int) else 0,
        episode_length=_finite(data.get("mean_episode_length")),
        episode_return=_finite(data.get("mean_episode_return")),
        updated_at=str(data.get("updated_at") or ""),
    )


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)


def newest_checkpoint(run: Path) -> int | None:
    """Return the step of the newest checkpoint that has a manifest; None without one."""
    names = (run / "checkpoints").glob("step-*.json")
    steps = [int(match.group(1)) for p in names if (match := _MANIFEST.fullmatch(p.name))]
    return max(steps, default=None)


def best_step(run: Path) -> int | None:
    """Return the step of the best evaluation whose weights are kept; None when nobody knows it."""
    step = (read_json(run / "checkpoints" / "best.json") or {}).get("step")
    return step if isinstance(step, int) else None


def resumed_from(run: Path) -> int:
    """Return the step from which the newest attempt in run.json went on; 0 when it began anew."""
    attempts = (read_json(run / "run.json") or {}).get("attempts")
    newest = attempts[-1] if isinstance(attempts, list) and attempts else None
    step = newest.get("resumed_from_step") if isinstance(newest, dict) else None
    return step if isinstance(step, int) else 0


def log_tail(
    run: Path, *, lines: int = 5, traceback: bool = False, since: int = 0
) -> tuple[str, ...]:
    """Return the last lines of trainer.log; without `traceback` only its last line is kept.

    What stands before byte `since` is not looked at: an earlier attempt wrote it.
    """
    try:
        with (run / LOG_NAME).open("rb") as log:
            log.seek(0, 2)
            log.seek(max(since if since <= log.tell() else 0, log.tell() - _TAIL_BYTES))
            text = log.read().decode("utf-8", errors="replace")
    except OSError:
        return ()
    every = [printable(line) for line in text.splitlines() if line.strip()]
    kept = every if traceback else _without_traceback(every)
    return tuple(kept[-(60 if traceback else lines) :])


def printable(text: str) -> str:
    """Remove control characters: a log may hold anything, a terminal must not obey it."""
    return _CONTROL.sub("", text)


def _without_traceback(lines: list[str]) -> list[str]:
    kept = []
    inside = False
    for line in lines:
        if line.startswith("Traceback (most recent call last)"):
            inside = True
        elif not (inside and line.startswith(" ")):
            inside = False
            kept.append(line)
    return kept
