"""What the supervisor must know of a trainer: how it is started, how it shows its progress, how it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from flows.records.trainer_files import (
    STATUS_NAME,
    TrainerStatus,
    newest_checkpoint,
    read_status,
    resumed_from,
)
from flows.training.health.stalls import NO_SIGNS, SignsOfLife
from flows.training.process.attempt_ends import Ending, classify
from gates.runs.heartbeat import Phase


@dataclass(frozen=True, kw_only=True)
class Logged:
    """How far the evidence of an attempt reaches."""

    step: int = 0
    """Largest environment step; 0 while there is none."""
    interval: int = 0
    """Largest distance between two rows: the end of a run may lie so far behind its last row."""

    def nearly(self, planned_steps: int) -> bool:
        """Tell whether the plan may have been reached."""
        return self.step + self.interval >= planned_steps


class Launch(Protocol):
    """One training's trainer, over all its attempts."""

    cwd: Path
    """Folder that the process works in."""
    when_killed: Sequence[str]
    """Command that clears up after an attempt that was killed; empty when processes are all there is."""
    limit_keys: Mapping[str, str]
    """Limits of stalls that another setting than the stage's gives, with the name of that."""

    def begin(self, attempt: int, *, resume: bool) -> tuple[Sequence[str], Mapping[str, str]]:
        """Prepare the run directory for an attempt; return its command and environment."""

    def started(self, group: int) -> None:
        """Take note of the process group that the attempt runs in."""

    def status(self) -> TrainerStatus | None:
        """Return the newest heartbeat of this attempt; None before the first one."""

    def signs(self) -> SignsOfLife:
        """Return what grows besides the steps of the heartbeat."""

    @property
    def problem(self) -> str:
        """Why the heartbeat cannot be told; empty when it can."""

    def logged(self) -> Logged:
        """Return how far the attempt came by its own evidence, whatever its process says."""

    def first_step(self, *, resume: bool) -> int:
        """Return the step from which the attempt goes on; 0 from the start."""

    def goes_on(self) -> bool:
        """Tell whether the next attempt goes on from what was saved, rather than from scratch."""

    def another_start(self, ending: Ending) -> bool:
        """Tell whether the next attempt begins otherwise, because this one's beginning did not work."""

    def outlook(self) -> str:
        """Say how the next attempt begins, half a sentence."""

    def classify(self, code: int, *, step: int | None, said: str, oom_kills: int) -> Ending:
        """Tell how an attempt ended that nobody stopped."""

    def ended(self, ending: Ending) -> None:
        """Clear up after an attempt whose processes are all gone."""


class OwnTrainer:
    """Our own trainer: writes status.json and checkpoints, and resumes by itself."""

    when_killed: Sequence[str] = ()
    limit_keys: Mapping[str, str] = MappingProxyType({})
    problem = ""

    def __init__(
        self, run: Path, command: Callable[[bool], Sequence[str]], environment: Mapping[str, str]
    ) -> None:
        self.cwd = run
        self._command = command
        self._environment = environment
        self._before: TrainerStatus | None = None
        """Heartbeat that an earlier attempt left behind."""
        self._newest: TrainerStatus | None = None
        self._file: tuple[int, int, int] | None = None
        """What the heartbeat's file looked like when it was read last."""

    def begin(
        self,
        attempt: int,  # noqa: ARG002
        *,
        resume: bool,
    ) -> tuple[Sequence[str], Mapping[str, str]]:
        """Return the command; what was there before is no heartbeat of this attempt."""
        self._before = read_status(self.cwd)
        return self._command(resume), self._environment

    def started(self, group: int) -> None:
        """Do nothing: the heartbeat tells the process."""

    def status(self) -> TrainerStatus | None:
        """Read status.json, when it was written anew: we are asked several times a second."""
        try:
            file = (self.cwd / STATUS_NAME).stat()
        except OSError:
            return None
        now = (file.st_ino, file.st_mtime_ns, file.st_size)
        if now != self._file:
            self._newest, self._file = read_status(self.cwd), now
        return None if self._newest == self._before else self._newest

    def first_step(self, *, resume: bool) -> int:
        """Return what run.json says once the trainer has written it, until then the newest checkpoint."""
        if self.status() is not None:
            return resumed_from(self.cwd)
        return (newest_checkpoint(self.cwd) or 0) if resume else 0

    def signs(self) -> SignsOfLife:
        """Return none: the heartbeat tells everything."""
        return NO_SIGNS

    def logged(self) -> Logged:
        """Believe the heartbeat once it says that the run is finished."""
        status = self.status()
        finished = status is not None and status.phase == Phase.FINISHED
        return Logged(step=status.step if status is not None and finished else 0)

    def goes_on(self) -> bool:
        """Return True: our trainer always does."""
        return True

    def another_start(self, ending: Ending) -> bool:  # noqa: ARG002
        """Return False: the trainer itself looks for its newest whole checkpoint."""
        return False

    def outlook(self) -> str:
        """Name the newest checkpoint."""
        checkpoint = newest_checkpoint(self.cwd)
        where = "none" if checkpoint is None else f"step {checkpoint:,}"
        return f"newest checkpoint: {where}"

    def classify(self, code: int, *, step: int | None, said: str, oom_kills: int) -> Ending:
        """Tell by the exit codes of docs/run-directory.md."""
        return classify(code, step=step, said=said, oom_kills=oom_kills)

    def ended(self, ending: Ending) -> None:
        """Do nothing: it cleared up itself."""
