"""Notices a trainer that hangs: from its heartbeat, measured with our own steady clock."""

from __future__ import annotations

from dataclasses import dataclass

from flows.records.trainer_files import TrainerStatus
from flows.settings.supervision import StallSettings
from gates.runs.heartbeat import ENDED, Phase

OUR_GAP_S = 30.0
"""When we ourselves were not run for so long (a suspended machine), the trainer was not either."""


@dataclass(frozen=True, kw_only=True)
class Stall:
    """A run that does not get on."""

    phase: str
    step: int
    waited_s: float
    limit_s: float
    alive: bool
    """The heartbeat was still being written."""

    @property
    def text(self) -> str:
        """The stall as half a sentence."""
        how = "its heartbeat goes on but nothing else does" if self.alive else "it is silent"
        return (
            f"hung in phase {self.phase} at step {self.step:,}: {how}, "
            f"for {self.waited_s:,.0f} s (limit {self.limit_s:,.0f} s)"
        )


class StallWatch:
    """Follows the heartbeat of one attempt.

    Times in the heartbeat are only compared for being different: the machine's clock may jump.
    """

    def __init__(self, settings: StallSettings, *, now: float) -> None:
        """Begin to watch; `now` is of a clock that never jumps, in seconds."""
        self._settings = settings
        self._beat: TrainerStatus | None = None
        self._beat_at = self._progress_at = self._seen_at = now

    def observe(self, status: TrainerStatus | None, now: float) -> Stall | None:
        """Take note of the newest heartbeat of this attempt and say whether the run hangs."""
        if now - self._seen_at > OUR_GAP_S:
            self._beat_at = self._progress_at = now
        self._seen_at = now
        if status is not None and status != self._beat:
            if self._beat is None or _mark(status) != _mark(self._beat):
                self._progress_at = now
            self._beat, self._beat_at = status, now
        phase = status.phase if status is not None else Phase.STARTING.value
        silent_s, waited_s = now - self._beat_at, now - self._progress_at
        limit_s = self._limit_s(phase)
        if phase == Phase.EVALUATING and silent_s > self._settings.silent_evaluation_s:
            waited_s, limit_s = silent_s, self._settings.silent_evaluation_s
        if waited_s <= limit_s:
            return None
        return Stall(
            phase=phase,
            step=status.step if status else 0,
            waited_s=waited_s,
            limit_s=limit_s,
            alive=silent_s < waited_s / 2,
        )

    def _limit_s(self, phase: str) -> float:
        settings = self._settings
        if phase in ENDED:
            return settings.ending_s
        limits: dict[str, float] = {
            Phase.STARTING: settings.starting_s,
            Phase.CONNECTING: settings.connecting_s,
            Phase.LOADING_MAP: settings.loading_map_s,
            Phase.EVALUATING: settings.evaluating_s,
            Phase.CHECKPOINTING: settings.checkpointing_s,
        }
        return limits.get(phase, settings.training_s)


def _mark(status: TrainerStatus) -> tuple[str, int, int]:
    return status.phase, status.step, status.updates
