"""A trainer by command: prepared, followed and cleared up in the same way whatever it is."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from flows.errors import writing
from flows.records.command_run import (
    dialect_of,
    put_back,
    record_attempt,
    records_of,
    write_command_run,
)
from flows.records.trainer_files import LOG_NAME, TrainerStatus
from flows.settings.plan import StagePlan
from flows.settings.supervision import Supervision
from flows.settings.trainers.command_trainer import TrainerCommand
from flows.settings.trainers.own_trainer import BAD_CONFIG, FINISHED
from flows.training.health.stalls import SignsOfLife
from flows.training.health.traces import first_member
from flows.training.process.attempt_ends import End, Ending, classify
from flows.training.trainers.checkpoints import can_go_on, checkpoints_of, newest_whole
from flows.training.trainers.container import (
    clear_container,
    removal_command,
    remove_left_containers,
    with_cidfile,
)
from flows.training.trainers.heartbeat import EventHeartbeat
from flows.training.trainers.launch import Logged
from flows.training.trainers.purge_mark import write_purge_mark
from gates.events.folder import DISCARDED, event_files, logged_in
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
_COULD_NOT_LOAD = frozenset({End.BROKEN, End.KILLED, End.OUT_OF_MEMORY})
"""Ends of an attempt that may be the fault of the checkpoint that it went on from."""
_MOST_DISTRUSTED = 3
"""Checkpoints that are given up one after the other; when none of them can be loaded, it is not their fault."""
_ENDED_PHASES = {
    End.FINISHED: Phase.FINISHED,
    End.SHORT: Phase.FINISHED,
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


SILENT_KEY = "trainer.silent_s of the preset"


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
        self._records: Mapping[Path, bytes] = {}
        """What was written about the run when the attempt began."""
        self._group: int | None = None
        self._pid: int | None = None
        self._attempt = 0
        self._goes_on = False
        self._from: Path | None = None
        """Checkpoint that the attempt went on from."""
        self._distrusted: frozenset[Path] = frozenset()
        """Checkpoints from which an attempt went on and logged nothing."""
        starting_s = stage.supervision.stalls.starting_s
        longer = trainer.section.silent_s >= starting_s
        names = ("training_s", "starting_s") if longer else ("training_s",)
        self.limit_keys: Mapping[str, str] = dict.fromkeys(names, SILENT_KEY)
        self._unmarked_since: float | None = None
        """When an attempt that goes on began, as long as nothing was declared void; seconds since the epoch."""

    def begin(self, attempt: int, *, resume: bool) -> tuple[Sequence[str], Mapping[str, str]]:
        """Write run.json, move the events of an attempt that is not gone on with, fill the command in.

        Raises:
            OutputError: The run directory cannot be written.
        """
        checkpoint = self._checkpoint()
        goes_on = resume and can_go_on(self._trainer, checkpoint)
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
            self._records = records_of(self._run)
        self._heartbeat = EventHeartbeat(
            self._run,
            planned_steps=self._stage.steps,
            dialect=load_dialect(dialect_of(self._run, self._trainer)),
            clock=self._clock,
        )
        self._attempt = attempt
        self._group = self._pid = None
        self._goes_on = goes_on
        self._from = checkpoint if goes_on else None
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
        newer = [
            f"{path.name} {broken or 'could not be loaded'}"
            for path, broken in checkpoints_of(self._trainer, self._run)
            if broken or path in self._distrusted
        ]
        why = f" ({', '.join(newer)})" if newer else ""
        if not can_go_on(self._trainer, checkpoint):
            return f"from scratch{why}"
        return f"from {checkpoint.name}{why}" if checkpoint else "as trainer.resume says"

    def goes_on(self) -> bool:
        """Tell whether there is a checkpoint to go on from."""
        return can_go_on(self._trainer, self._checkpoint())

    def another_start(self, ending: Ending) -> bool:
        """Give up a checkpoint from which nothing was logged, where an older whole one stands."""
        logged = self._heartbeat is not None and self._heartbeat.first_step is not None
        if logged or self._from is None or ending.end not in _COULD_NOT_LOAD:
            return False
        if len(self._distrusted) >= _MOST_DISTRUSTED:
            return False
        distrusted = self._distrusted | {self._from}
        if newest_whole(self._trainer, self._run, left_out=distrusted) is None:
            return False
        self._distrusted = distrusted
        return True

    def signs(self) -> SignsOfLife:
        """Return the bytes of event files and log."""
        files = self._heartbeat.bytes if self._heartbeat is not None else 0
        return SignsOfLife(files=files, log=_size(self._run / LOG_NAME))

    @property
    def problem(self) -> str:
        """Why the event files cannot be read; empty when they can."""
        return self._heartbeat.problem if self._heartbeat is not None else ""

    def logged(self) -> Logged:
        """Return what the event files say, read to their end."""
        if self._heartbeat is None:
            return Logged()
        self._heartbeat.read_to_the_end()
        return Logged(step=self._heartbeat.step, interval=self._heartbeat.interval)

    def classify(self, code: int, *, step: int | None, said: str, oom_kills: int) -> Ending:
        """Tell by the preset's exit codes, then by signals and words."""
        if self._heartbeat is not None and (status := self._heartbeat.read_to_the_end()):
            step = status.step
        given = self._trainer.section.exit_codes
        meanings = {**DEFAULT_CODES, **{number: ENDS[name] for number, name in given.items()}}
        ending = classify(code, step=step, said=said, oom_kills=oom_kills, meanings=meanings)
        if (
            ending.end is End.FINISHED
            and self._heartbeat is not None
            and self._heartbeat.found_nothing
        ):
            return Ending(
                end=End.BROKEN,
                why=f"The trainer ended with exit code {code}, but there is no event file below "
                f"{self._run / EVENTS}. Its command must write them there ({{events}}), and must not end "
                "before the training does",
            )
        logged = self.logged()
        if ending.end is not End.FINISHED or not logged.step or logged.nearly(self._stage.steps):
            return ending
        return Ending(
            end=End.SHORT,
            why=f"The trainer ended with exit code {code} at step {logged.step:,} of "
            f"{self._stage.steps:,} planned",
        )

    def ended(self, ending: Ending) -> None:
        """Write to status.json how it ended, in the trainer's place."""
        if self._cidfile is not None:
            ended_itself = ending.end not in _WAS_ENDED
            clear_container(self._program_path, self._cidfile, ended_itself=ended_itself)
        if self._heartbeat is not None:
            phase = _ENDED_PHASES.get(ending.end, Phase.FAILED)
            self._heartbeat.end(phase, ending.sentence)
            self._void_what_is_logged_again()
            with contextlib.suppress(OSError):
                put_back(self._records)
                first = self.first_step(resume=self._goes_on)
                record_attempt(self._run, self._attempt, pid=self._pid, resumed_from_step=first)

    def _checkpoint(self) -> Path | None:
        return newest_whole(self._trainer, self._run, left_out=self._distrusted)

    def _discard_events(self, attempt: int) -> None:
        """Move what an attempt logged out of the way; its steps are made anew."""
        events = self._run / EVENTS
        files = [path for place in logged_in(self._run) for path in event_files(place)]
        if not files and not (events.is_dir() and any(events.iterdir())):
            return
        target, number = self._run / f"{DISCARDED}{attempt:03d}", 1
        while target.exists():
            number += 1
            target = self._run / f"{DISCARDED}{attempt:03d}-{number}"
        target.mkdir()
        for path in files:
            if self._run.resolve() not in path.resolve().parents:  # behind a link, which stays
                shutil.move(path, target)
        if events.is_dir():
            events.rename(target / EVENTS)
        for path in files:
            if path.exists():  # not in the folder that was moved whole
                there = target / path.relative_to(self._run)
                there.parent.mkdir(parents=True, exist_ok=True)
                path.rename(there)

    def _program(self, name: str) -> str:
        """Return the path of the program, which the preset's own PATH may decide."""
        if os.sep in name:
            return str(self.cwd / name)
        search = self._trainer.environment(self._run, attempt=1).get("PATH")
        return shutil.which(name, path=search) or name

    def _void_what_is_logged_again(self) -> None:
        """Declare points void that an attempt logs again, and those that a launcher's new start does."""
        heartbeat = self._heartbeat
        if heartbeat is None or heartbeat.folder is None:
            return
        marks = []
        if self._unmarked_since is not None and heartbeat.first_step is not None:
            marks.append((heartbeat.first_step, self._unmarked_since))
            self._unmarked_since = None
        if heartbeat.restarted_at is not None:
            marks.append(heartbeat.restarted_at)
            heartbeat.restarted_at = None
        for step, at in marks:
            # Without the mark the gate finds steps that fall and says so.
            with contextlib.suppress(OSError):
                for folder in heartbeat.written:
                    write_purge_mark(folder, step=step, at=at)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
