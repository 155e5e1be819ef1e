"""Trains one stage in a child process and watches it until it ends."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from flows.errors import TrainingBrokenError
from flows.process import GRACE_S, ChildProcess
from flows.progress import Reporter
from flows.run_dir import PipelineDirectory
from flows.settings import StagePlan
from flows.trainer_command import (
    BAD_CONFIG,
    DIVERGED,
    FINISHED,
    SIMULATOR_LOST,
    STOPPED,
    trainer_command,
    trainer_environment,
)
from flows.trainer_files import LOG_NAME, log_tail, read_status
from reports.context import StageState

POLL_S = 0.25


def train_stage(
    stage: StagePlan,
    run: Path,
    directory: PipelineDirectory,
    reporter: Reporter,
    *,
    grace_s: float = GRACE_S,
) -> None:
    """Train in the run folder that `PipelineDirectory.new_run` made, until the trainer ends.

    A trainer that diverged has done its work: the gate judges what it logged. Whatever ends this
    function, no process of the trainer is left, and pipeline.json says how the training ended.

    Raises:
        TrainingBrokenError: The trainer broke, refused its configuration or was stopped.
    """
    started = time.monotonic()
    try:
        code = _run_trainer(stage, run, directory, reporter, grace_s)
        if code not in (FINISHED, DIVERGED):
            raise broken(run, code)
    except BaseException as error:
        crashed = isinstance(error, Exception)
        _record(
            stage,
            directory,
            state=StageState.CRASHED if crashed else StageState.CANCELLED,
            message=str(error) if crashed else "Stopped on request.",
            started=started,
        )
        raise
    _record(stage, directory, state=StageState.RUNNING, message="", started=started)


def broken(run: Path, code: int) -> TrainingBrokenError:
    """Say in one sentence why a trainer ended with this exit code."""
    status = read_status(run)
    step = f"at step {status.step:,}" if status else "before its first step"
    tail = log_tail(run)
    said = (status.message if status else "") or (tail[-1] if tail else "")
    if code == BAD_CONFIG:
        text = f"The trainer refused its configuration: {said or 'it gave no reason'}"
    elif code == SIMULATOR_LOST:
        text = f"The simulator was lost {step}: {said or 'it gave no reason'}"
    elif code in (STOPPED, -signal.SIGTERM):
        text = f"The trainer was stopped from outside {step}"
    elif code < 0:
        name = signal.Signals(-code).name
        hint = ", often because memory ran out" if -code == signal.SIGKILL else ""
        text = f"The trainer was killed by {name} {step}{hint}"
    else:
        text = f"The trainer broke {step}: {said or f'exit code {code}'}"
    return TrainingBrokenError(
        f"{text.rstrip('.')}. Its log: {run / LOG_NAME}",
        log_tail=tail,
        full_tail=log_tail(run, traceback=True),
        exit_code=2 if code == BAD_CONFIG else 1,
    )


def _run_trainer(
    stage: StagePlan, run: Path, directory: PipelineDirectory, reporter: Reporter, grace_s: float
) -> int:
    with (
        reporter.training(stage.name, stage.steps) as tick,
        ChildProcess(
            trainer_command("run", "--run", str(run)),
            cwd=run,
            log=run / LOG_NAME,
            environment=trainer_environment(),
            grace_s=grace_s,
            keep_open=(directory.lock,),
        ) as child,
    ):
        while (code := child.poll()) is None:
            status = read_status(run)
            if status is not None:
                tick(status)
            time.sleep(POLL_S)
    return code


def _record(
    stage: StagePlan,
    directory: PipelineDirectory,
    *,
    state: StageState,
    message: str,
    started: float,
) -> None:
    run = directory.record.last_run(stage.name)
    assert run is not None, "new_run comes before train_stage"
    spent = time.monotonic() - started
    update = {"state": state, "message": message, "training_s": round(spent, 1)}
    directory.save_run(stage, run.model_copy(update=update))
