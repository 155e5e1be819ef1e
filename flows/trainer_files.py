"""What a trainer leaves in its run directory besides events: heartbeat and log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from flows.run_dir import read_json

LOG_NAME = "trainer.log"
_TAIL_BYTES = 16_384
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


def read_status(run: Path) -> TrainerStatus | None:
    """Read the heartbeat; None when there is none yet."""
    data = read_json(run / "status.json")
    if data is None:
        return None
    step, planned, speed = data.get("step"), data.get("planned_steps"), data.get("steps_per_s")
    return TrainerStatus(
        phase=printable(str(data.get("phase") or "")),
        step=step if isinstance(step, int) else 0,
        planned_steps=planned if isinstance(planned, int) else 0,
        steps_per_s=float(speed) if isinstance(speed, (int, float)) else None,
        message=printable(str(data.get("message") or "")),
    )


def log_tail(run: Path, *, lines: int = 5, traceback: bool = False) -> tuple[str, ...]:
    """Return the last lines of trainer.log; without `traceback` only its last line is kept."""
    try:
        with (run / LOG_NAME).open("rb") as log:
            log.seek(0, 2)
            log.seek(max(0, log.tell() - _TAIL_BYTES))
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
