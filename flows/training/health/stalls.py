"""Notices a trainer that hangs: from its heartbeat, measured with our own steady clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flows.records.trainer_files import TrainerStatus
from flows.settings.supervision import StallSettings
from gates.runs.heartbeat import ENDED, Phase

_SLOWEST = 5.0
"""Times the longest wait that went on after all; who waits longer at the end of the plan does not end by itself."""
OUR_GAP_S = 30.0
"""When we ourselves were not run for so long (a suspended machine), the trainer was not either."""


@dataclass(frozen=True, kw_only=True)
class Stall:
    """A run that does not get on."""

    phase: str
    step: int
    waited_s: float
    limit_s: float
    key: str
    """The setting that sets the limit."""
    alive: bool
    """The heartbeat was still being written."""
    log_grows: bool = False
    """trainer.log was still being written."""

    @property
    def text(self) -> str:
        """The stall as half a sentence."""
        how = "it is silent"
        if self.log_grows:
            how = "only its log grows"
        elif self.alive:
            how = "its heartbeat goes on but nothing else does"
        return (
            f"hung in phase {self.phase} at step {self.step:,}: {how}, "
            f"for {self.waited_s:,.0f} s (limit {self.limit_s:,.0f} s, {self.key})"
        )


@dataclass(frozen=True, kw_only=True)
class SignsOfLife:
    """What grows besides the steps of a heartbeat; each is only compared for being different."""

    files: int = 0
    """Bytes below the event folder, whether they can be read or not."""
    log: int = 0
    """Bytes of trainer.log, where its growth counts."""


NO_SIGNS = SignsOfLife()


class StallWatch:
    """Follows the heartbeat of one attempt.

    Times in the heartbeat are only compared for being different: the machine's clock may jump.
    """

    def __init__(
        self, settings: StallSettings, *, now: float, keys: Mapping[str, str] | None = None
    ) -> None:
        """Begin to watch.

        Args:
            settings: Limits.
            now: Of a clock that never jumps, in seconds.
            keys: Fields of `settings` that another setting gave, with the name of that.
        """
        self._settings = settings
        self._keys = keys or {}
        self._beat: TrainerStatus | None = None
        self._signs: SignsOfLife | None = None
        self._beat_at = self._progress_at = self._seen_at = self._log_at = now
        self._longest_s = 0.0
        """Longest time without progress that ended."""

    def observe(
        self, status: TrainerStatus | None, now: float, signs: SignsOfLife = NO_SIGNS
    ) -> Stall | None:
        """Take note of the newest heartbeat of this attempt and say whether the run hangs."""
        if now - self._seen_at > OUR_GAP_S:
            self._beat_at = self._progress_at = self._log_at = now
        self._seen_at = now
        before, self._signs = self._signs, signs
        if before is not None and signs.files != before.files:
            self._note_progress(now)
            self._beat_at = now
        if before is not None and signs.log != before.log:
            self._log_at = now
        if status is not None and status != self._beat:
            if self._beat is None or _mark(status) != _mark(self._beat):
                self._note_progress(now)
            self._beat, self._beat_at = status, now
        phase = status.phase if status is not None else Phase.STARTING.value
        silent_s, waited_s = now - self._beat_at, now - self._progress_at
        name = _LIMITS.get(phase, "training_s")
        if name == "training_s" and status is not None and status.step >= status.planned_steps > 0:
            name = "ending_s"
        if phase == Phase.EVALUATING and silent_s > self._settings.silent_evaluation_s:
            waited_s, name = silent_s, "silent_evaluation_s"
        log_grows = now - self._log_at <= self._limit_s(name) and self._log_at > self._progress_at
        if log_grows and self._settings.log_only_s > self._limit_s(name):
            name = "log_only_s"
        limit_s = self._limit_s(name)
        if name == "ending_s" and phase not in ENDED:
            limit_s = min(self._limit_s("training_s"), max(limit_s, _SLOWEST * self._longest_s))
        if waited_s <= limit_s:
            return None
        return Stall(
            phase=phase,
            step=status.step if status else 0,
            waited_s=waited_s,
            limit_s=limit_s,
            key=self._keys.get(name, f"supervision.stalls.{name}"),
            alive=silent_s < waited_s / 2,
            log_grows=log_grows,
        )

    def _note_progress(self, now: float) -> None:
        self._longest_s = max(self._longest_s, now - self._progress_at)
        self._progress_at = now

    def _limit_s(self, name: str) -> float:
        return float(getattr(self._settings, name))


_LIMITS: dict[str, str] = {
    Phase.STARTING: "starting_s",
    Phase.CONNECTING: "connecting_s",
    Phase.LOADING_MAP: "loading_map_s",
    Phase.EVALUATING: "evaluating_s",
    Phase.CHECKPOINTING: "checkpointing_s",
    **dict.fromkeys(ENDED, "ending_s"),
}
"""The setting that limits each phase; of all others it is `training_s`."""


def _mark(status: TrainerStatus) -> tuple[str, int, int]:
    return status.phase, status.step, status.updates
