"""Keeps one training going: follows it, stops it when it is lost, restarts it when that may help."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flows.records.json_file import utc_now
from flows.records.pipeline_record import AttemptRecord, LiveStopRecord
from flows.records.trainer_files import (
    LOG_NAME,
    TrainerStatus,
    log_tail,
    newest_checkpoint,
)
from flows.settings.long_stage import EarlyStopSettings
from flows.settings.shell_path import shell_path
from flows.settings.supervision import Supervision
from flows.training.health.resources import ResourceWatch
from flows.training.health.stalls import Stall, StallWatch
from flows.training.health.traces import capture_traces
from flows.training.live.early_stop import (
    forget_ended_early,
    is_allowed,
    write_ended_early,
)
from flows.training.live.interim import InterimJudgement
from flows.training.live.watch import News, RunWatch
from flows.training.process import stopping
from flows.training.process.attempt_ends import JUDGED, End, Ending, kernel_oom_kills
from flows.training.process.process import GRACE_S, ChildProcess
from flows.training.process.restarts import Progress, Restart, RestartPolicy
from flows.training.trainers.launch import Launch
from gates.runs.ended_early import EndedEarly
from gates.runs.heartbeat import PREPARING

POLL_S = 0.1
"""Time between two looks at the heartbeat, until there is one of a trainer that steps."""
_STEPPING_POLL_S = 0.25
"""The same from then on, where the trainer's end wakes us."""
_POLL_MOST_S = 0.5
_POLL_SHARE = 0.002
"""Of the time since an attempt began: later on nothing is urgent by a quarter of a second."""


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
    interim: Callable[[InterimJudgement], None] = lambda _: None
    """Gets each interim gate's verdict."""


class Supervisor:
    """Runs the attempts of one training one after the other, never two at a time."""

    def __init__(
        self,
        run: Path,
        *,
        trainer: Launch,
        planned_steps: int,
        settings: Supervision,
        watch: RunWatch | None,
        early_stop: EarlyStopSettings | None = None,
        listener: Listener,
        keep_open: Iterable[int] = (),
        grace_s: float = GRACE_S,
        earlier: Sequence[AttemptRecord] = (),
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[..., None] = stopping.sleep,
    ) -> None:
        """Prepare to supervise; `earlier` are attempts of the same run before this supervisor was started."""
        self._run = run
        self._trainer = trainer
        self._planned_steps = planned_steps
        self._settings = settings
        self._watch = watch
        self._early_stop = early_stop or EarlyStopSettings()
        self._listener = listener
        self._keep_open = tuple(keep_open)
        self._grace_s = grace_s
        self._attempts = list(earlier)
        self._clock = clock
        self._sleep = sleep
        self._warned: set[str] = set()
        self._would_end: EndedEarly | None = None
        """What early stopping would say, as long as nobody allows it."""
        self._resources = ResourceWatch(run, settings.resources, clock)

    def supervise(self, *, resume: bool = False) -> Supervised:
        """Train until the run ends, is lost or cannot be restarted any more.

        Whatever ends this function, no process of the trainer is left.

        Raises:
            OutputError: The run's folder cannot be written.
        """
        with stopping.no_request_lost():
            return self._supervise(resume)

    def _supervise(self, resume: bool) -> Supervised:
        policy = RestartPolicy(self._settings.restarts)
        forget_ended_early(self._run)
        while True:
            ending, stopped, restart = self._attempt(resume, policy)
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

    def _attempt(
        self, resume: bool, policy: RestartPolicy
    ) -> tuple[Ending, LiveStopRecord | None, Restart]:
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
        watch = StallWatch(self._settings.stalls, now=self._clock(), keys=self._trainer.limit_keys)
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
            if isinstance(reason, EndedEarly):
                ending = Ending(end=End.EARLY_STOP, why=_capitalised(reason.sentence))
            elif isinstance(reason, LiveStopRecord):
                stopped = reason
                ending = Ending(end=End.LIVE_STOP, why=reason.sentence)
            else:
                # Also after a stall: what was logged last may be the end of the plan.
                ending = self._trainer.classify(
                    code,
                    step=status.step if status else None,
                    said=self._last_words(status, log_start),
                    oom_kills=kernel_oom_kills() - oom_before,
                )
                if reason is not None:
                    ending = Ending(end=End.HUNG, why=f"The trainer {reason.text}")
            ending = self._with_plan_reached(ending)
            restart = policy.after(
                ending.end,
                Progress(step=self._last_step() or 0, checkpoint=newest_checkpoint(self._run)),
                another_start=self._trainer.another_start(ending),
            )
            if restart.refused or not self._trainer.goes_on():
                ending = self._with_plan_reached(ending, nearly=True)
        finally:
            # Whoever stops a trainer that hangs at its end has a finished training.
            ending = self._with_plan_reached(ending)
            self._trainer.ended(ending)
            self._attempts[-1] = attempt.model_copy(
                update={
                    "ended_at": utc_now(),
                    "from_step": self._trainer.first_step(resume=resume),
                    "to_step": self._last_step(),
                    "end": ending.end.value,
                    "why": ending.sentence,
                    "resumable": ending.end is End.SHORT and self._trainer.goes_on(),
                }
            )
            self._listener.attempts(tuple(self._attempts))
        return ending, stopped, restart

    def _with_plan_reached(self, ending: Ending, *, nearly: bool = False) -> Ending:
        """Believe the evidence: a training that reached its plan is finished, however its process ends.

        Args:
            ending: By what the process did.
            nearly: Also where the last row stands no further before the plan than rows lie apart.
        """
        logged = self._trainer.logged()
        reached = logged.step >= self._planned_steps
        if ending.end in JUDGED or not (reached or (nearly and logged.nearly(self._planned_steps))):
            return ending
        note = f"It reached step {logged.step:,} of {self._planned_steps:,}"
        if not reached:
            note += f", with rows up to {logged.interval:,} steps apart"
        note += f", and is judged. {ending.why}."
        self._listener.say(note)
        return Ending(end=End.FINISHED, why=ending.why, note=note)

    def _last_step(self) -> int | None:
        status = self._trainer.status()
        return status.step if status else None

    def _follow(
        self, child: ChildProcess, stalls: StallWatch
    ) -> tuple[int, Stall | LiveStopRecord | EndedEarly | None]:
        """Watch one process until it ends or has to be ended; says why we ended it."""
        speed = _Speed()
        began = self._clock()
        while (code := child.poll()) is None:
            now = self._clock()
            status = self._trainer.status()
            news = self._watch.look_when_due() if self._watch is not None else None
            self._tell_problems()
            if status is not None:
                speed.observe(status, now)
                text = self._watch.text if self._watch is not None else ""
                self._listener.tick(replace(status, live=text))
            if news is not None:
                self._tell(news)
                step = max(news.step, status.step if status else 0)
                lost = self._lost(news, step, speed.per_s(step, now))
                if lost is not None:
                    return child.stop(), lost
                self._would_end = self._plateau(news, step, speed.per_s(step, now))
            if self._would_end is not None and self._may_end_early(self._would_end):
                # Before the request to stop: our trainer evaluates for the last time then.
                write_ended_early(self._run, self._would_end)
                return child.stop(), self._would_end
            self._resources.sample_when_due(child.pid, status.step if status else 0)
            stall = stalls.observe(status, now, self._trainer.signs())
            if stall is not None:
                self._listener.say(f"The trainer {stall.text}. Stopping it.")
                capture_traces(
                    self._run,
                    pid=status.pid if status else None,
                    group=child.pid,
                    why=f"The trainer {stall.text}.",
                )
                return child.stop(self._settings.stalls.grace_s), stall
            least = _STEPPING_POLL_S if speed.known and child.ended is not None else POLL_S
            self._sleep(self._pause_s(least, began), child.ended)
        return code, None

    def _pause_s(self, least: float, began: float) -> float:
        """Return how long to wait for the next heartbeat, but no longer than until the next judgement."""
        now = self._clock()
        pause = min(_POLL_MOST_S, max(least, _POLL_SHARE * (now - began)))
        return pause if self._watch is None else min(pause, max(0.0, self._watch.due - now))

    def _tell_problems(self) -> None:
        """Say at once what keeps us from seeing how the run gets on."""
        if self._trainer.problem:
            text = f"The event files cannot be read: {self._trainer.problem}. The training goes on."
            self._say_once("unreadable", text)
        elif self._watch is not None and self._watch.broken:
            self._say_once("broken", f"The live gate cannot judge this run: {self._watch.broken}.")

    def _tell(self, news: News) -> None:
        """Say what a look found besides reasons to end the run."""
        for alert in news.alerts:
            self._listener.say(_capitalised(alert.sentence))
        for judged in news.interim:
            self._listener.say(_capitalised(judged.verdict.sentence))
            self._listener.interim(judged)

    def _lost(self, news: News, step: int, steps_per_s: float) -> LiveStopRecord | None:
        """Return why the run is lost and to be ended now; None when it is not."""
        lost = news.verdict.lost if news.verdict is not None else None
        if lost is not None and self._settings.live.mode != "stop":
            text = f"Warning: this run is lost at step {step:,}. {lost.title}: {lost.reason}"
            self._say_once(lost.check, text)
            lost = None
        found = lost or news.hopeless
        if found is None:
            return None
        record = LiveStopRecord(
            step=step,
            planned_steps=self._planned_steps,
            saved_s=self._left_s(step, steps_per_s),
            check=found.check,
            title=found.title,
            group=found.group,
            reason=found.reason,
            fact=found.statement,
        )
        self._listener.say(f"{record.sentence}. Stopping the trainer.")
        return record

    def _plateau(self, news: News, step: int, steps_per_s: float) -> EndedEarly | None:
        """Return what early stopping says of this run; None while it may still improve."""
        rule = self._early_stop.rule
        if news.plateau is None or rule is None or step >= self._planned_steps:
            return None
        return EndedEarly(
            step=step,
            planned_steps=self._planned_steps,
            since_step=news.plateau.since_step,
            best=news.plateau.best,
            rule=rule,
            saved_s=self._left_s(step, steps_per_s),
        )

    def _may_end_early(self, found: EndedEarly) -> bool:
        """Say what was found, and whether the stage or a person allows to end the run by it."""
        if self._early_stop.mode == "stop" or is_allowed(self._run):
            self._listener.say(f"{_capitalised(found.sentence)}. Stopping the trainer.")
            return True
        command = f"gonogo end {shell_path(self._run)}"
        self._say_once("plateau", f"{_capitalised(found.would_end)}. To end it: {command}")
        return False

    def _left_s(self, step: int, steps_per_s: float) -> float | None:
        """Return the time that the rest of the plan takes; None while the speed is unknown."""
        left = max(0, self._planned_steps - step)
        if steps_per_s > 0:
            return round(left / steps_per_s, 1)
        return None if left else 0.0

    def _say_once(self, key: str, text: str) -> None:
        if key not in self._warned:
            self._warned.add(key)
            self._listener.say(text)

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


class _Speed:
    """Steps per second since an attempt left its start behind."""

    def __init__(self) -> None:
        self._began: tuple[float, int] | None = None

    @property
    def known(self) -> bool:
        """Whether there was a heartbeat since."""
        return self._began is not None

    def observe(self, status: TrainerStatus, now: float) -> None:
        """Take note of a heartbeat."""
        if self._began is None and status.phase not in PREPARING:
            self._began = (now, status.step)

    def per_s(self, step: int, now: float) -> float:
        """Return the speed up to a step; 0 while it is unknown."""
        since, first = self._began or (now, step)
        return (step - first) / (now - since) if now > since else 0.0


def _capitalised(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
