"""A trainer by command: prepared, followed and cleared up in the same way whatever it is."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from flows.errors import writing
from flows.records.command_run import DISCARDED, record_attempt, write_command_run
from flows.records.trainer_files import TrainerStatus
from flows.settings.plan import StagePlan
from flows.settings.supervision import Supervision
from flows.settings.trainers.command_trainer import TrainerCommand
from flows.settings.trainers.own_trainer import BAD_CONFIG, FINISHED
from flows.training.health.traces import first_member
from flows.training.process.attempt_ends import End, Ending, classify
from flows.training.trainers.container import (
    clear_container,
    removal_command,
    remove_left_containers,
    with_cidfile,
)
from flows.training.trainers.heartbeat import EventHeartbeat
from flows.training.trainers.purge_mark import write_purge_mark
from gates.runs.heartbeat import Phase
from gates.runs.translate import load_dialect

EVENTS = "events"
DEFAULT_CODES: Mapping[int, End] = {FINISHED: End.FINISHED, BAD_CONFIG: End.BAD_CONFIG}
"""What exit codes mean unless the preset says otherwise: 2 is wrong usage wherever arguments are parsed."""
ENDS: Mapping[str, End] = {end.value.replace(" ", "_"): end for end in End}
"""What the names that `trainer.exit_codes` may use stand for."""
_WAS_ENDED = frozenset(
    {End.KILLED, End.HUNG, End.LIVE_STOP, End.EARLY_STOP, End.INTERRUPTED, End.OUT_OF_MEMORY}
)
"""Ends after which a container may still be there."""
_ENDED_PHASES = {
    End.FINISHED: Phase.FINISHED,
    End.DIVERGED: Phase.DIVERGED,
    End.LIVE_STOP: Phase.STOPPED,
    End.EARLY_STOP: Phase.STOPPED,
    End.INTERRUPTED: Phase.STOPPED,
}


def with_limits_of(trainer: TrainerCommand | None, settings: Supervision) -> Supervision:
    """Return a stage's settings with the stall limits that fit the trainer's way of logging."""
    if trainer is None:
        return settings
    silent_s = trainer.section.silent_s
    limits = {"training_s": silent_s, "starting_s": max(settings.stalls.starting_s, silent_s)}
    return settings.model_copy(update={"stalls": settings.stalls.model_copy(update=limits)})


class CommandTrainer:
    """Any command; its progress is inferred from its event files.

    An attempt that starts from scratch finds an empty `events` folder: what the one before logged
    is moved into `attempt-NNN/`. One that goes on adds to the folder, and what it logs again makes
    the earlier points void.
    """

    def __init__(
        self,
        run: Path,
        stage: StagePlan,
        trainer: TrainerCommand,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.cwd = trainer.cwd
        self.when_killed: Sequence[str] = ()
        self._cidfile: Path | None = None
        self._program_path = ""
        self._run = run
        self._stage = stage
        self._trainer = trainer
        self._clock = clock
        self._heartbeat: EventHeartbeat | None = None
        self._group: int | None = None
        self._pid: int | None = None
        self._attempt = 0
        self._goes_on = False
        self._unmarked_since: float | None = None
        """When an attempt that goes on began, as long as nothing was declared void; seconds since the epoch."""

    def begin(self, attempt: int, *, resume: bool) -> tuple[Sequence[str], Mapping[str, str]]:
        """Write run.json, move the events of an attempt that is not gone on with, fill the command in.

        Raises:
            OutputError: The run directory cannot be written.
        """
        checkpoint = self._checkpoint()
        goes_on = resume and self._can_go_on(checkpoint)
        with writing("The run's folder", self._run):
            if not goes_on:
                self._discard_events(attempt - 1)
            (self._run / EVENTS).mkdir(exist_ok=True)
            command = (
                self._trainer.resume_arguments(self._run, attempt=attempt, checkpoint=checkpoint)
                if goes_on
                else self._trainer.arguments(self._run, attempt=attempt)
            )
            command[0] = self._program_path = self._program(command[0])
            remove_left_containers(self._run, command[0])
            command, self._cidfile = with_cidfile(command, self._run, attempt)
            self.when_killed = removal_command(command[0], self._cidfile)
            write_command_run(
                self._run,
                self._trainer,
                config_sha256=str(self._stage.resolved.get("config_sha256", "")),
                command=command,
            )
            record_attempt(self._run, attempt, pid=None, resumed_from_step=0)
        self._heartbeat = EventHeartbeat(
            self._run,
            planned_steps=self._stage.steps,
            dialect=load_dialect(Path(self._trainer.dialect)),
            clock=self._clock,
        )
        self._attempt = attempt
        self._group = self._pid = None
        self._goes_on = goes_on
        self._unmarked_since = time.time() if goes_on else None
        return command, self._trainer.environment(self._run, attempt=attempt)

    def started(self, group: int) -> None:
        """Take note of the process group."""
        self._group = group

    def status(self) -> TrainerStatus | None:
        """Return the inferred heartbeat."""
        if self._heartbeat is None:
            return None
        if self._pid is None and self._group is not None:
            self._pid = first_member(self._group)
        status = self._heartbeat.look(self._pid)
        self._void_what_is_logged_again()
        return status

    def first_step(self, *, resume: bool) -> int:  # noqa: ARG002
        """Return the first step that an attempt which goes on logged; 0 from the start."""
        logged = self._heartbeat.first_step if self._heartbeat is not None else None
        return (logged or 0) if self._goes_on else 0

    def outlook(self) -> str:
        """Say whether the next attempt goes on or starts from scratch."""
        checkpoint = self._checkpoint()
        if not self._can_go_on(checkpoint):
            return "from scratch"
        return f"from {checkpoint.name}" if checkpoint else "as trainer.resume says"

    def classify(self, code: int, *, step: int | None, said: str, oom_kills: int) -> Ending:
        """Tell by the preset's exit codes, then by signals and words."""
        if self._heartbeat is not None and (status := self._heartbeat.read_to_the_end()):
            step = status.step
        given = self._trainer.section.exit_codes
        meanings = {**DEFAULT_CODES, **{number: ENDS[name] for number, name in given.items()}}
        return classify(code, step=step, said=said, oom_kills=oom_kills, meanings=meanings)

    def ended(self, ending: Ending) -> None:
        """Write to status.json how it ended, in the trainer's place."""
        if self._cidfile is not None:
            ended_itself = ending.end not in _WAS_ENDED
            clear_container(self._program_path, self._cidfile, ended_itself=ended_itself)
        if self._heartbeat is not None:
            phase = _ENDED_PHASES.get(ending.end, Phase.FAILED)
            self._heartbeat.end(phase, "" if ending.end is End.FINISHED else f"{ending.why}.")
            self._void_what_is_logged_again()
            with contextlib.suppress(OSError):
                first = self.first_step(resume=self._goes_on)
                record_attempt(self._run, self._attempt, pid=self._pid, resumed_from_step=first)

    def _checkpoint(self) -> Path | None:
        """Return the newest file of the preset's pattern."""
        pattern = self._trainer.checkpoint_pattern(self._run)
        found = [Path(name) for name in glob.glob(pattern)] if pattern else []  # noqa: PTH207
        return max(found, key=_changed_at, default=None)

    def _can_go_on(self, checkpoint: Path | None) -> bool:
        section = self._trainer.section
        return bool(section.resume) and (checkpoint is not None or not section.checkpoints)

    def _discard_events(self, attempt: int) -> None:
        """Move what an attempt logged out of the way; its steps are made anew."""
        events = self._run / EVENTS
        if not events.is_dir() or not any(events.iterdir()):
            return
        folder = self._run / f"{DISCARDED}{attempt:03d}"
        folder.mkdir(exist_ok=True)
        target = folder / EVENTS
        number = 1
        while target.exists():
            number += 1
            target = folder / f"{EVENTS}-{number}"
        events.rename(target)

    def _program(self, name: str) -> str:
        """Return the path of the program, which the preset's own PATH may decide."""
        if os.sep in name:
            return str(self.cwd / name)
        search = self._trainer.environment(self._run, attempt=1).get("PATH")
        return shutil.which(name, path=search) or name

    def _void_what_is_logged_again(self) -> None:
        """Declare points of earlier attempts void from the first step that this one logged."""
        first = self._heartbeat.first_step if self._heartbeat is not None else None
        if self._unmarked_since is None or first is None:
            return
        began, self._unmarked_since = self._unmarked_since, None
        # Without the mark the gate finds steps that fall and says so.
        with contextlib.suppress(OSError):
            write_purge_mark(self._run / EVENTS, step=first, at=began)


def _changed_at(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
