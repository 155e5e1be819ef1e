"""`gonogo export`: takes a policy out of its run, into one file with a model card."""

from __future__ import annotations

import subprocess
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from flows.commands.terminal import say
from flows.errors import FlowsError, TrainingBrokenError, UsageError, writing
from flows.records.stored_result import read_result
from flows.settings.extras import require
from flows.settings.shell_path import shell_path
from flows.settings.trainers.own_trainer import (
    BAD_CONFIG,
    FINISHED,
    callers_environment,
    trainer_command,
)
from gates.files import write_atomically
from gates.runs.drives import read_final_evaluation
from reports.model_card import ExportedPolicy, model_card


def export_policy(run: Path, *, checkpoint: str, out: Path | None, episodes: int) -> int:
    """Write a policy file and its model card; returns the exit code.

    Args:
        run: Run folder of our trainer.
        checkpoint: `best`, `last` or the step of a checkpoint.
        out: The policy file; None for `policy-CHECKPOINT.npz` in the run folder.
        episodes: Fresh episodes of each kind of routes.

    Raises:
        UsageError: There is no such run or checkpoint, or its policy cannot be exported.
        TrainingBrokenError: The trainer could not do it.
        OutputError: The card cannot be written.
    """
    if not (run / "request.json").is_file():
        raise UsageError(f"{run} is no run folder of our trainer: it holds no request.json.")
    file = out if out is not None else run / f"policy-{checkpoint}.npz"
    if not file.parent.is_dir():
        raise UsageError(f"--out {file}: there is no folder {file.parent}.")
    file = file.absolute()
    answer = _ask_trainer(
        *("export", "--run", str(run.absolute()), "--checkpoint", checkpoint),
        *("--out", str(file), "--episodes", str(episodes)),
    )
    try:
        policy = TypeAdapter(ExportedPolicy).validate_json(answer)
    except ValidationError as error:
        raise TrainingBrokenError("The trainer's answer cannot be read.") from error
    card = file.with_suffix(".md")
    text = model_card(
        policy, file=file.name, result=read_result(run), final=read_final_evaluation(run)
    )
    with writing("The model card", card):
        write_atomically(card, text.encode())
    for kind, values in policy.evaluations.items():
        said = f"{values['mean_return']:.4g} mean return in {values['episodes']:.0f} fresh episodes"
        chosen = policy.chosen_by_return
        before = "" if chosen is None else f"; the evaluation that chose it: {chosen:.4g}"
        say(f"{kind.replace('_', '-')} routes: {said}{before}")
    say(f"Policy: {shell_path(file)}")
    say(f"Card: {shell_path(card)}")
    return 0


def _ask_trainer(*arguments: str) -> str:
    """Let the trainer do something with a policy; returns its answer."""
    require("torch", "gymnasium")
    done = subprocess.run(
        trainer_command(*arguments),
        env=callers_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == FINISHED:
        return done.stdout
    lines = tuple(line for line in done.stderr.splitlines() if line.strip())
    reason = lines[-1].rstrip(".") if lines else f"exit code {done.returncode}"
    if done.returncode == BAD_CONFIG:
        raise UsageError(f"{reason}.")
    raise _broken(reason, lines)


def _broken(reason: str, lines: tuple[str, ...]) -> FlowsError:
    return TrainingBrokenError(f"The trainer cannot do that: {reason}.", log_tail=lines)
