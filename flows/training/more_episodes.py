"""Lets the policies of a finished run run more of the episodes that compare them, in a process of the trainer."""

from __future__ import annotations

import time
from pathlib import Path

from flows.errors import TrainingBrokenError
from flows.records.trainer_files import LOG_NAME, log_tail
from flows.settings.trainers.own_trainer import FINISHED, callers_environment, trainer_command
from flows.training.process.process import ChildProcess

_LOOK_S = 600.0


def run_more_episodes(run: Path, episodes: int, *, grace_s: float) -> float:
    """Run them and return the seconds that it took; ended with us, as every process that we start.

    Raises:
        TrainingBrokenError: The trainer could not do it.
        OutputError: The trainer's log cannot be written.
    """
    started = time.monotonic()
    command = trainer_command("evaluate", "--run", str(run.absolute()), "--episodes", str(episodes))
    with ChildProcess(
        command,
        cwd=run,
        log=run / LOG_NAME,
        environment=callers_environment(),
        grace_s=grace_s,
    ) as child:
        while (code := child.wait(_LOOK_S)) is None:
            pass
    if code != FINISHED:
        raise TrainingBrokenError(
            f"the trainer could not evaluate the run's policies: exit code {code}",
            log_tail=log_tail(run),
        )
    return time.monotonic() - started
