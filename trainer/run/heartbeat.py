"""The heartbeat of a run: status.json, which says that the trainer is alive and how far it is."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from trainer.envs.environment import Activity
from trainer.run.files import utc_now, write_json

if TYPE_CHECKING:
    from trainer.run.episodes import EpisodeTally

Phase = Literal[
    "starting",
    Activity,
    "exploring",
    "training",
    "evaluating",
    "checkpointing",
    "finished",
    "stopped",
    "diverged",
    "failed",
]
"""What the trainer is doing, or how it ended (docs/run-directory.md)."""
INTERVAL_S = 1.0


class Heartbeat:
    """Writes status.json: at once when the phase changes, otherwise at a bounded interval."""

    def __init__(self, run: Path, planned_steps: int) -> None:
        self._path = run / "status.json"
        self._planned_steps = planned_steps
        self._phase: Phase | None = None
        self._written_at = -float("inf")
        self._speed_from = (time.monotonic(), 0)
        self._steps_per_s: float | None = None
        self.step = self._updates = 0
        self._tally: EpisodeTally | None = None

    def beat(
        self, phase: Phase, step: int, updates: int, tally: EpisodeTally | None = None
    ) -> None:
        """Say that the trainer is alive in `phase` at `step`; `tally` knows the latest episodes."""
        self.step, self._updates, self._tally = step, updates, tally
        now = time.monotonic()
        if phase == self._phase and now - self._written_at < INTERVAL_S:
            return
        since, steps = self._speed_from
        if now - since >= 5 * INTERVAL_S:
            self._steps_per_s = (step - steps) / (now - since)
            self._speed_from = (now, step)
        self._phase, self._written_at = phase, now
        self._write(phase, "")

    def end(
        self, phase: Phase, message: str = "", *, fault: Mapping[str, object] | None = None
    ) -> None:
        """Say how the run ended, with a sentence when it did not finish; `fault` is what the environment did."""
        self._write(phase, message, fault)

    def _write(self, phase: Phase, message: str, fault: Mapping[str, object] | None = None) -> None:
        recent = self._tally.recent if self._tally is not None else None
        write_json(
            self._path,
            {
                "format": 1,
                "pid": os.getpid(),
                "phase": phase,
                "step": self.step,
                "planned_steps": self._planned_steps,
                "updates": self._updates,
                "steps_per_s": self._steps_per_s,
                "mean_episode_length": _number(recent.length if recent else None),
                "mean_episode_return": _number(recent.total if recent else None),
                "updated_at": utc_now(),
                "message": message,
                **({} if fault is None else {"environment_fault": dict(fault)}),
            },
        )


def _number(value: float | None) -> float | None:
    """Return what JSON can hold: a return may be infinite."""
    return value if value is not None and math.isfinite(value) else None
