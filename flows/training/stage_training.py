"""Trains one stage under supervision and records in pipeline.json how that ended."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from flows.errors import TrainingBrokenError
from flows.records.pipeline_record import AttemptRecord, RunRecord
from flows.records.run_dir import PipelineDirectory
from flows.records.trainer_files import LOG_NAME, TrainerStatus, log_tail
from flows.settings.plan import StagePlan
from flows.settings.trainers.own_trainer import callers_environment, trainer_command
from flows.training.live.interim import InterimJudgement
from flows.training.live.watch import RunWatch
from flows.training.process.attempt_ends import End
from flows.training.process.slots import hold_slots
from flows.training.progress import Reporter, Tick
from flows.training.supervisor import Listener, Supervised, Supervisor
from flows.training.trainers.command import CommandTrainer, with_limits_of
from flows.training.trainers.launch import Launch, OwnTrainer
from gates.checks.gate_file import load_gate
from gates.files import write_atomically
from gates.progress import StageState


def train_stage(
    stage: StagePlan,
    run: Path,
    directory: PipelineDirectory,
    reporter: Reporter,
    *,
    resume: bool = False,
    grace_s: float | None = None,
) -> None:
    """Train in the run folder that `PipelineDirectory.new_run` made, until the training ends.

    A trainer that diverged, or that the live gate stopped, has done its work: the gate judges what
    it logged. Whatever ends this function, no process of the trainer is left, and pipeline.json
    says how the training and each of its attempts ended.

    Raises:
        TrainingBrokenError: The trainer broke, refused its configuration or could not be kept up.
    """
    started: float | None = None
    spent_before = _own(directory, stage).training_s or 0.0

    def record(**update: object) -> None:
        spent = spent_before + (0.0 if started is None else time.monotonic() - started)
        own = _own(directory, stage)
        directory.save_entry(
            stage, own.model_copy(update={**update, "training_s": round(spent, 1)})
        )

    try:
        with (
            reporter.training(stage.name, stage.steps) as tick,
            hold_slots(
                stage.slots, who=_who(run), waiting=_waiting(stage, reporter, tick)
            ) as slots,
        ):
            started = time.monotonic()
            keep_open = (directory.lock, *slots)
            ended = _supervise(
                stage, run, directory, reporter, tick, keep_open, resume=resume, grace_s=grace_s
            )
        if not ended.judged:
            raise broken(run, ended)
    except BaseException as error:
        crashed = isinstance(error, Exception)
        record(
            state=StageState.CRASHED if crashed else StageState.CANCELLED,
            message=str(error) if crashed else "Stopped on request.",
        )
        raise
    record(state=StageState.RUNNING, message="", live_stop=ended.live_stop)


def broken(run: Path, ended: Supervised) -> TrainingBrokenError:
    """Say in one sentence why a training did not end as it should."""
    attempts = ended.attempts
    tried = f" There is no further attempt: {ended.not_restarted}." if len(attempts) > 1 else ""
    return TrainingBrokenError(
        f"{ended.ending.why}. Its log: {run / LOG_NAME}{'.' if tried else ''}{tried}",
        log_tail=log_tail(run),
        full_tail=log_tail(run, traceback=True),
        exit_code=2 if ended.ending.end is End.BAD_CONFIG else 1,
    )


def _supervise(
    stage: StagePlan,
    run: Path,
    directory: PipelineDirectory,
    reporter: Reporter,
    tick: Tick,
    keep_open: Sequence[int],
    *,
    resume: bool,
    grace_s: float | None,
) -> Supervised:
    def attempts(records: tuple[AttemptRecord, ...]) -> None:
        own = _own(directory, stage)
        directory.save_entry(stage, own.model_copy(update={"attempts": records}))

    def interim(judged: InterimJudgement) -> None:
        write_interim_page(run, judged, stage=stage.name, planned_steps=stage.steps)

    watch = RunWatch(
        run,
        gate=load_gate(stage.gate),
        stage=stage.name,
        planned_steps=stage.steps,
        settings=stage.supervision.live,
        long=stage.long,
    )
    supervisor = Supervisor(
        run,
        trainer=_trainer(stage, run),
        planned_steps=stage.steps,
        settings=with_limits_of(stage.trainer, stage.supervision),
        watch=watch,
        early_stop=stage.long.early_stop,
        listener=Listener(
            tick=tick,
            say=lambda text: reporter.say(f"{stage.name}: {text}"),
            attempts=attempts,
            interim=interim,
        ),
        keep_open=keep_open,
        grace_s=stage.supervision.grace_s if grace_s is None else grace_s,
        earlier=_own(directory, stage).attempts,
    )
    return supervisor.supervise(resume=resume)


def _who(run: Path) -> str:
    return f"{run} (process {os.getpid()})"


def _waiting(stage: StagePlan, reporter: Reporter, tick: Tick) -> Callable[[str, str], None]:
    """Return what says, in log and progress, that the training waits for a slot."""

    def tell(slot: str, holder: str) -> None:
        reporter.say(f"{stage.name}: waits for {slot}, which is used by {holder}")
        phase = f"waits for {slot}"
        tick(
            TrainerStatus(
                phase=phase, step=0, planned_steps=stage.steps, steps_per_s=None, message=""
            )
        )

    return tell


def _trainer(stage: StagePlan, run: Path) -> Launch:
    if stage.trainer is not None:
        return CommandTrainer(run, stage, stage.trainer)

    def command(again: bool) -> list[str]:
        options = ("--resume",) if again else ()
        return trainer_command("run", "--run", str(run), *options)

    return OwnTrainer(run, command, callers_environment())


def write_interim_page(
    run: Path, judged: InterimJudgement, *, stage: str, planned_steps: int
) -> None:
    """Write an interim gate's page into the run directory; a full disk ends no training."""
    # Templates are slow to import, and most stages have no interim gates.
    from reports.stage.interim import InterimPage, interim_name, render_interim

    page = InterimPage(
        stage=stage,
        step=judged.verdict.step,
        planned_steps=planned_steps,
        standing=judged.verdict.standing.value,
        deciding=judged.verdict.deciding,
        findings=judged.findings,
    )
    with contextlib.suppress(OSError):
        write_atomically(run / interim_name(page.step), render_interim(page))


def _own(directory: PipelineDirectory, stage: StagePlan) -> RunRecord:
    run = directory.record.last(stage.name)
    assert run is not None, "new_run comes before train_stage"
    return run
