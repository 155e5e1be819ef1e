"""Keeps one training going: follows it, stops it when it is lost, restarts it when that may help."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flows.records.pipeline_record import AttemptRecord, LiveStopRecord, utc_now
from flows.records.trainer_files import (
    LOG_NAME,
    TrainerStatus,
    log_tail,
    newest_checkpoint,
)
from flows.settings.supervision import Supervision
from flows.supervising import stopping
from flows.supervising.attempt_ends import JUDGED, End, Ending, kernel_oom_kills
from flows.supervising.launch import Launch
from flows.supervising.live_rules import LiveGate, LiveVerdict
from flows.supervising.live_stop import live_stop_sentence
from flows.supervising.process import GRACE_S, ChildProcess
from flows.supervising.resources import ResourceWatch
from flows.supervising.restarts import Progress, RestartPolicy
from flows.supervising.stall_traces import capture_traces
from flows.supervising.stalls import NOT_YET_STEPPING, Stall, StallWatch

POLL_S = 0.1


@dataclass(frozen=True, kw_only=True)
class Supervised:
    """How a training ended, over all its attempts."""

    ending: Ending
    """Of the last attempt."""
    attempts: tuple[AttemptRecord, ...]
    live_stop: LiveStopRecord | None = None
    not_restarted: str = ""
    """Why there was no further attempt, half a sentence; empty when the gate judges."""

    @property
    def judged(self) -> bool:
        """True when the gate judges what was logged."""
        return self.ending.end in JUDGED


@dataclass(frozen=True, kw_only=True)
class Listener:
    """Who is told what happens while a training is supervised."""

    tick: Callable[[TrainerStatus], None]
    """Gets each heartbeat, with the live verdict in it."""
    say: Callable[[str], None]
    """Gets a sentence when something happened."""
    attempts: Callable[[tuple[AttemptRecord, ...]], None]
    """Gets the attempts whenever one began or ended."""


class Supervisor:
    """Runs the attempts of one training one after the other, never two at a time."""

    def __init__(
        self,
        run: Path,
        *,
        trainer: Launch,
        planned_steps: int,
        settings: Supervision,
        live: LiveGate | None,
        listener: Listener,
        keep_open: Iterable[int] = (),
        grace_s: float = GRACE_S,
        earlier: Sequence[AttemptRecord] = (),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = stopping.sleep,
    ) -> None:
        """Prepare to supervise.

        Args:
            run: Run directory.
            trainer: What is supervised.
            planned_steps: Of the stage.
            settings: Limits and modes.
            live: Judges the run while it goes on; None: nobody does.
            listener: Is told what happens.
            keep_open: File descriptors of locks that live as long as the trainer.
            grace_s: Time that the trainer has to save itself after SIGTERM.
            earlier: Attempts of the same run before this supervisor was started.
            clock: Seconds that never jump.
            sleep: Waits between two looks and before a restart.
        """
        self._run = run
        self._trainer = trainer
        self._planned_steps = planned_steps
        self._settings = settings
        self._live = live
        self._listener = listener
        self._keep_open = tuple(keep_open)
        self._grace_s = grace_s
        self._attempts = list(earlier)
        self._clock = clock
        self._sleep = sleep
        self._warned: set[str] = set()
        self._resources = ResourceWatch(run, settings.resources, clock)

    def supervise(self, *, resume: bool = False) -> Supervised:
        """Train until the run ends, is lost or cannot be restarted any more.

        Whatever ends this function, no process of the trainer is left.

        Raises:
            OutputError: The run's folder cannot be written.
        """
        policy = RestartPolicy(self._settings.restarts)
        while True:
            ending, stopped = self._attempt(resume)
            step = self._attempts[-1].to_step
            restart = policy.after(
                ending.end, Progress(step=step or 0, checkpoint=newest_checkpoint(self._run))
            )
            judged = ending.end in JUDGED
            if judged or restart.refused:
                return Supervised(
                    ending=ending,
                    attempts=tuple(self._attempts),
                    live_stop=stopped,
                    not_restarted="" if judged else restart.refused,
                )
            self._listener.say(
                f"{ending.why}. Going on in {restart.wait_s:.0f} s, {self._trainer.outlook()}."
            )
            self._sleep(restart.wait_s)
            resume = True

    def _attempt(self, resume: bool) -> tuple[Ending, LiveStopRecord | None]:
        """Run one process to its end and record it, however we are left."""
        log_start = _size(self._run / LOG_NAME)
        oom_before = kernel_oom_kills()
        number = len(self._attempts) + 1
        command, environment = self._trainer.begin(number, resume=resume)
        attempt = AttemptRecord(
            attempt=number,
            started_at=utc_now(),
            from_step=self._trainer.first_step(resume=resume),
        )
        self._attempts.append(attempt)
        self._listener.attempts(tuple(self._attempts))
        watch = StallWatch(self._settings.stalls, before=None, now=self._clock())
        ending = Ending(end=End.INTERRUPTED, why="Stopped on request")
        stopped: LiveStopRecord | None = None
        try:
            with ChildProcess(
                command,
                cwd=self._trainer.cwd,
                log=self._run / LOG_NAME,
                environment=environment,
                grace_s=self._grace_s,
                keep_open=self._keep_open,
                when_killed=self._trainer.when_killed,
            ) as child:
                self._trainer.started(child.pid)
                code, reason = self._follow(child, watch)
            status = self._trainer.status()
            if isinstance(reason, Stall):
                ending = Ending(end=End.HUNG, why=f"The trainer {reason.text}")
            elif reason is not None:
                stopped = reason
                ending = Ending(end=End.LIVE_STOP, why=live_stop_sentence(reason))
            else:
                ending = self._trainer.classify(
                    code,
                    step=status.step if status else None,
                    said=self._last_words(status, log_start),
                    oom_kills=kernel_oom_kills() - oom_before,
                )
        finally:
            self._trainer.ended(ending)
            status = self._trainer.status()
            self._attempts[-1] = attempt.model_copy(
                update={
                    "ended_at": utc_now(),
                    "from_step": self._trainer.first_step(resume=resume),
                    "to_step": status.step if status else None,
                    "end": ending.end.value,
                    "why": "" if ending.end is End.FINISHED else f"{ending.why}.",
                }
            )
            self._listener.attempts(tuple(self._attempts))
        return ending, stopped

    def _follow(
        self, child: ChildProcess, watch: StallWatch
    ) -> tuple[int, Stall | LiveStopRecord | None]:
        """Watch one process until it ends or has to be ended; says why we ended it."""
        began: tuple[float, int] | None = None
        while (code := child.poll()) is None:
            now = self._clock()
            status = self._trainer.status()
            verdict = self._live.judge_when_due() if self._live is not None else None
            if self._live is not None and self._live.broken and "" not in self._warned:
                self._warned.add("")
                self._listener.say(f"The live gate cannot judge this run: {self._live.broken}.")
            if status is not None:
                if began is None and status.phase not in NOT_YET_STEPPING:
                    began = (now, status.step)
                newest = self._live.newest if self._live is not None else None
                self._listener.tick(replace(status, live=newest.text if newest else ""))
            if verdict is not None and verdict.lost is not None:
                if self._settings.live.mode == "stop":
                    step = max(verdict.step, status.step if status else 0)
                    since, first = began or (now, step)
                    speed = (step - first) / (now - since) if now > since else 0.0
                    record = self._live_stop(verdict, step, speed)
                    self._listener.say(f"{live_stop_sentence(record)}. Stopping the trainer.")
                    return child.stop(), record
                self._warn(verdict)
            self._resources.sample_when_due(child.pid)
            stall = watch.observe(status, now)
            if stall is not None:
                self._listener.say(f"The trainer {stall.text}. Stopping it.")
                capture_traces(
                    self._run,
                    pid=status.pid if status else None,
                    group=child.pid,
                    why=f"The trainer {stall.text}.",
                )
                return child.stop(self._settings.stalls.grace_s), stall
            self._sleep(POLL_S)
        return code, None

    def _live_stop(self, verdict: LiveVerdict, step: int, speed: float) -> LiveStopRecord:
        assert verdict.lost is not None
        left = max(0, self._planned_steps - step)
        return LiveStopRecord(
            step=step,
            planned_steps=self._planned_steps,
            saved_s=round(left / speed, 1) if speed > 0 else None,
            check=verdict.lost.check,
            title=verdict.lost.title,
            group=verdict.lost.group,
            reason=verdict.lost.reason,
        )

    def _warn(self, verdict: LiveVerdict) -> None:
        """Say once per check that the run is lost."""
        assert verdict.lost is not None
        if verdict.lost.check not in self._warned:
            self._warned.add(verdict.lost.check)
            lost = verdict.lost
            self._listener.say(
                f"Warning: this run is lost at step {verdict.step:,}. {lost.title}: {lost.reason}"
            )

    def _last_words(self, status: TrainerStatus | None, log_start: int) -> str:
        if status is not None and status.message:
            return status.message
        tail = log_tail(self._run, since=log_start)
        return tail[-1] if tail else ""


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
