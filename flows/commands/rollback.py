"""`gonogo rollback`: discards what a run did after a checkpoint, so that it resumes from there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flows.commands.terminal import say
from flows.errors import OutputError, UsageError
from flows.records.folder_lock import is_gone
from flows.records.json_file import read_json, utc_now
from flows.records.pipeline_record import AttemptRecord
from flows.records.run_dir import PipelineDirectory, read_record
from flows.records.trainer_files import best_step, read_status
from flows.settings.shell_path import shell_path
from flows.training.live.early_stop import forget_ended_early
from gates.progress import StageState
from gates.runs.heartbeat import ENDED

BEST = "best"
BEST_FILES = ("best.json", "best.ckpt")
_MANIFEST = re.compile(r"step-(\d{9})\.json")
_PART = re.compile(r"(?:step|replay)-(\d{9})\.(?:json|ckpt|npz)")


@dataclass(frozen=True, kw_only=True)
class Removal:
    """What a rollback removes."""

    files: tuple[Path, ...]
    kept_steps: tuple[int, ...]
    """Steps of the checkpoints that stay, oldest first."""


def roll_back(run: Path, *, to: str, yes: bool) -> int:
    """Say what comes after a checkpoint and, with `yes`, remove it; returns the exit code.

    Event files are not touched: the next attempt marks later events as void.

    Args:
        run: Run folder.
        to: Step of a checkpoint, or `best` for that of the best evaluation.
        yes: Do it.

    Raises:
        UsageError: There is no such run or checkpoint, or the run is still training.
        OutputError: A file cannot be removed.
    """
    run = run.absolute()
    if not (run / "request.json").is_file():
        raise UsageError(f"{run} is no run folder: it holds no request.json.")
    to_step = _step(run, to)
    pipeline = run.parents[1]
    if read_record(pipeline) is None:
        _refuse_living(run)
        return _roll_back(run, to_step, yes, record=lambda: None)
    with PipelineDirectory.reopen(pipeline) as directory:
        _refuse_living(run)
        newest = directory.record.last(run.parent.name)
        if newest is not None and newest.run != run.name:
            raise UsageError(
                f"{run} is not the newest run of {run.parent.name}, {newest.run} is; only the "
                "newest one can be resumed."
            )
        return _roll_back(run, to_step, yes, record=lambda: _record(directory, run, to_step))


def _step(run: Path, to: str) -> int:
    """Return the step that `--to` names."""
    if to == BEST:
        step = best_step(run)
        if step is None:
            raise UsageError(f"{run} does not say which evaluation was best; name a step.")
        say(f"The best evaluation was at step {step:,}.")
        return step
    digits = to.replace("_", "").replace(",", "")
    if not digits.isdecimal() or not digits.isascii() or int(digits) < 1:
        raise UsageError(f"--to {to}: must be the step of a checkpoint, or best.")
    return int(digits)


def plan_removal(run: Path, to_step: int) -> Removal:
    """Find the files that only later checkpoints need.

    Raises:
        UsageError: There is no checkpoint of this step.
    """
    folder = run / "checkpoints"
    entries = sorted(folder.iterdir()) if folder.is_dir() else []
    manifests = {int(m.group(1)): p for p in entries if (m := _MANIFEST.fullmatch(p.name))}
    command = (read_json(run / "run.json") or {}).get("trainer")
    if not manifests and isinstance(command, dict) and "command" in command:
        raise UsageError(
            f"{run} was trained by a command, and only its trainer knows its checkpoints; `gonogo stage --resume` goes "
            "on from the newest whole one. To go back further, move newer ones away first."
        )
    if to_step not in manifests:
        there = ", ".join(f"{step:,}" for step in sorted(manifests)) or "none"
        raise UsageError(
            f"{run} has no checkpoint of step {to_step:,}; there are checkpoints of: {there}."
        )
    kept = {step: path for step, path in manifests.items() if step <= to_step}
    best = best_step(run)
    # The best evaluation of what is discarded is no evaluation of this run any more.
    undone = BEST_FILES if best is not None and best > to_step else ()
    needed = {path.name for path in kept.values()}
    for path in kept.values():
        files = (read_json(path) or {}).get("files")
        needed |= set(files) if isinstance(files, dict) else set()
    return Removal(
        files=tuple(
            path
            for path in entries
            if path.name in undone
            or (
                (match := _PART.fullmatch(path.name))
                and path.name not in needed
                and int(match.group(1)) > to_step
            )
        ),
        kept_steps=tuple(sorted(kept)),
    )


def _roll_back(run: Path, to_step: int, yes: bool, *, record: Callable[[], None]) -> int:
    removal = plan_removal(run, to_step)
    for path in removal.files:
        say(
            f"{'Removing' if yes else 'Would remove'} {shell_path(path)} ({path.stat().st_size:,} bytes)"
        )
    if not removal.files:
        say(f"There are no checkpoints after step {to_step:,}.")
    if not yes:
        say("Nothing was changed. Add --yes to do it.")
        return 0
    try:
        # Manifests first: a checkpoint without one does not exist.
        for path in sorted(removal.files, key=lambda path: path.suffix != ".json"):
            path.unlink()
    except OSError as error:
        raise OutputError(f"{error.filename} cannot be removed: {error.strerror}.") from error
    forget_ended_early(run)
    record()
    say(f"{shell_path(run)} will resume from step {to_step:,}:")
    say(f"  gonogo stage {run.parent.name} --out {shell_path(run.parents[1])} --resume")
    return 0


def _refuse_living(run: Path) -> None:
    """Refuse a run whose trainer is alive.

    Raises:
        UsageError: Its heartbeat names a process that runs and has not said that it ended.
    """
    status = read_status(run)
    if status is None or status.pid is None or status.phase in ENDED:
        return
    try:
        command = (Path("/proc") / str(status.pid) / "cmdline").read_bytes()
        alive = str(run).encode() in command
    except FileNotFoundError:
        alive = False
    except OSError:
        alive = not is_gone(status.pid)
    if alive:
        raise UsageError(
            f"The trainer of {run} is running (process {status.pid}); stop it before a rollback."
        )


def _record(directory: PipelineDirectory, run: Path, to_step: int) -> None:
    """Mark the run in pipeline.json as interrupted, so that it can be resumed; its old verdict is void."""
    stage = directory.record.stages.get(run.parent.name)
    own = next((r for r in stage.runs if r.run == run.name), None) if stage else None
    if stage is None or own is None:
        return
    now = utc_now()
    attempt = AttemptRecord(
        attempt=len(own.attempts) + 1,
        started_at=now,
        ended_at=now,
        from_step=to_step,
        to_step=to_step,
        end="rolled back",
        why=f"Rolled back to step {to_step:,}.",
    )
    changed = own.model_copy(
        update={
            "state": StageState.CANCELLED,
            "message": attempt.why,
            "attempts": (*own.attempts, attempt),
            "live_stop": None,
            "decision": None,
            "waits": None,
            "deciding": "",
        }
    )
    directory.save_entry(run.parent.name, changed)
