"""What the supervisor must know of a trainer: how it is started, how it shows its progress, how it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from flows.records.trainer_files import (
    STATUS_NAME,
    TrainerStatus,
    newest_checkpoint,
    read_status,
    resumed_from,
)
from flows.training.process.attempt_ends import Ending, classify


class Launch(Protocol):
    """One training's trainer, over all its attempts."""

    cwd: Path
    """Folder that the process works in."""
    when_killed: Sequence[str]
    """Command that clears up after an attempt that was killed; empty when processes are all there is."""

    def begin(self, attempt: int, *, resume: bool) -> tuple[Sequence[str], Mapping[str, str]]:
        """Prepare the run directory for an attempt; return its command and environment."""

    def started(self, group: int) -> None:
        """Take note of the process group that the attempt runs in."""

    def status(self) -> TrainerStatus | None:
        """Return the newest heartbeat of this attempt; None before the first one."""

    def first_step(self, *, resume: bool) -> int:
        """Return the step from which the attempt goes on; 0 from the start."""

    def outlook(self) -> str:
        """Say how the next attempt begins, half a sentence."""

    def classify(self, code: int, *, step: int | None, said: str, oom_kills: int) -> Ending:
        """Tell how an attempt ended that nobody stopped."""

    def ended(self, ending: Ending) -> None:
        """Clear up after an attempt whose processes are all gone."""


class OwnTrainer:
    """Our own trainer: writes status.json and checkpoints, and resumes by itself."""

    when_killed: Sequence[str] = ()

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
