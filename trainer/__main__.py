"""Command line of the trainer: `python -m trainer run --run DIR`, `check`, `export`, `drive`, `evaluate` and `tags`.

All but `run` and `tags` answer with one JSON object on standard output: that of `check` holds `mistakes`, and without
any `resolved`, `needs` and `code`.

Exit codes: 0 finished, 1 broken, 2 bad configuration, 3 diverged, 4 the environment returned NaN or infinity (after
both the gate judges what was logged), 75 the simulator was lost, 143 stopped on request after a checkpoint.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import gc
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.mistakes import ConfigMistakesError

if TYPE_CHECKING:
    from trainer.run.checkpoint import Manifest
    from trainer.run.task import Task

FINISHED, BROKEN, BAD_CONFIG, DIVERGED, ENVIRONMENT_NOT_FINITE = 0, 1, 2, 3, 4
SIMULATOR_LOST, STOPPED = 75, 143


def main(arguments: list[str] | None = None) -> int:
    """Run a subcommand and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m trainer", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="train as DIR/request.json asks")
    run.add_argument("--run", type=Path, required=True, metavar="DIR")
    run.add_argument(
        "--resume",
        action="store_true",
        help="resume from the newest whole checkpoint, or start over if there is none",
    )
    check = commands.add_parser("check", help="validate a request and print the answer as JSON")
    check.add_argument("request", type=Path)
    export = commands.add_parser(
        "export", help="write a checkpoint's policy into one file and evaluate it on fresh seeds"
    )
    drive = commands.add_parser("drive", help="drive a checkpoint's policy")
    for command, episodes in ((export, 50), (drive, 3)):
        command.add_argument("--run", type=Path, required=True, metavar="DIR")
        command.add_argument("--checkpoint", default="best", metavar="best|last|STEP")
        command.add_argument("--episodes", type=int, default=episodes)
    export.add_argument("--out", type=Path, required=True, metavar="FILE")
    drive.add_argument("--first-seed", type=int, required=True)
    drive.add_argument("--pictures", type=Path, metavar="DIR")
    more = commands.add_parser(
        "evaluate", help="let the policies of a finished run run more of its fresh episodes"
    )
    more.add_argument("--run", type=Path, required=True, metavar="DIR")
    more.add_argument("--episodes", type=int, required=True)
    commands.add_parser("tags", help="print the table of tags as Markdown")
    options = parser.parse_args(arguments)
    try:
        if options.command == "tags":
            return _tags()
        if options.command in ("export", "drive", "evaluate"):
            return _use_policy(options)
        return (
            _check(options.request)
            if options.command == "check"
            else _run(options.run, options.resume)
        )
    except ConfigMistakesError as error:
        print(error, file=sys.stderr)
        return BAD_CONFIG


def _tags() -> int:
    from trainer.run.tags import markdown_table

    print(markdown_table())
    return FINISHED


def _use_policy(options: argparse.Namespace) -> int:
    from trainer.envs.errors import EnvironmentSetupError, SimulatorLostError

    with contextlib.redirect_stdout(sys.stderr):
        from trainer.policy.drive import drive
        from trainer.policy.fresh import export
        from trainer.policy.more_episodes import evaluate_more
        from trainer.policy.saved import load_saved

        try:
            if options.command == "evaluate":
                answer = evaluate_more(options.run, options.episodes)
            elif options.command == "export":
                saved = load_saved(options.run, options.checkpoint)
                answer = export(saved, options.out, episodes=options.episodes)
            else:
                answer = drive(
                    load_saved(options.run, options.checkpoint),
                    episodes=options.episodes,
                    first_seed=options.first_seed,
                    folder=options.pictures,
                )
        except SimulatorLostError as error:
            print(error, file=sys.stderr)
            return SIMULATOR_LOST
        except (EnvironmentSetupError, OSError) as error:
            print(error, file=sys.stderr)
            return BAD_CONFIG
    print(json.dumps(answer))
    return FINISHED


def _check(path: Path) -> int:
    # Some packages print a greeting when they are imported, which is no part of the answer.
    with contextlib.redirect_stdout(sys.stderr):
        answer = _answer(path)
    print(json.dumps(answer))
    return BAD_CONFIG if answer["mistakes"] else FINISHED


def _answer(path: Path) -> dict[str, Any]:
    from trainer.run.needs import needs
    from trainer.run.request import read_task, resolved

    try:
        task = read_task(path)
        if task.request.warm_start is not None:
            from trainer.warm_start import check_warm_start

            check_warm_start(path.parent, task)
    except ConfigMistakesError as error:
        return {"mistakes": [mistake.as_record() for mistake in error.mistakes]}
    return {
        "mistakes": [],
        "resolved": resolved(task),
        "needs": needs(task).as_record(),
        "code": list(task.code),
    }


def _run(run: Path, resume: bool) -> int:
    from trainer.run.request import read_task

    task = read_task(run / "request.json")
    if task.request.train.threads > 1:
        # A waiting thread gives its processor back after microseconds instead of milliseconds: on a busy machine an
        # update would otherwise take several times as long. libgomp reads this when torch is imported.
        os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    with _quick_imports():
        import trainer.loop  # noqa: F401
        from trainer.run.machine import misfit_of_machine
        from trainer.run.memory import keep_freed_memory

    misfit = misfit_of_machine(task.request.train)
    if misfit is not None:
        raise ConfigMistakesError(misfit)
    keep_freed_memory()
    # A supervisor can ask where every thread is, even if the interpreter is stuck.
    faulthandler.register(signal.SIGUSR1, file=2, all_threads=True)
    with _stop_signals() as stop_requested:
        return _train(run, task, stop_requested, resume=resume)


@contextlib.contextmanager
def _quick_imports() -> Iterator[None]:
    """Disable the garbage collector during imports, which create no cycles; saves a fifth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
    if __name__ == "__main__":
        # What was imported stays, so later collections need not look at it.
        gc.freeze()


def _train(run: Path, task: Task, stop_requested: Callable[[], bool], *, resume: bool) -> int:
    """Train; heartbeat, standard error and exit code say how it ended."""
    from trainer.agents.linear import multiply_with
    from trainer.envs.errors import EnvironmentSetupError, NotFiniteError, SimulatorLostError
    from trainer.loop import DivergedError, StopRequestedError, Trainer
    from trainer.run import checkpoint
    from trainer.run.heartbeat import Heartbeat
    from trainer.run.products import library_of
    from trainer.run.run_json import write_run_json

    heartbeat = Heartbeat(run, task.request.planned_steps)
    try:
        manifest = _resumable(run) if resume else None
        resumed_from_step = manifest.step if manifest else None
        library = library_of(run)
        write_run_json(
            run,
            task,
            resume=resume,
            resumed_from_step=resumed_from_step,
            matrix_products=library,
        )
        multiply_with(library)
        if resume:
            checkpoint.discard_after(run / "checkpoints", manifest.step if manifest else -1)
        Trainer(run, task, heartbeat, stop_requested, resume=resume, checkpoint=manifest).train()
    except ConfigMistakesError:
        raise
    except StopRequestedError as error:
        heartbeat.end("stopped", str(error))
        return STOPPED
    except DivergedError as error:
        heartbeat.end("diverged", str(error))
        return DIVERGED
    except NotFiniteError as error:
        fault = {"step": heartbeat.step, **error.record}
        heartbeat.end("failed", f"{error} at step {heartbeat.step}", fault=fault)
        return ENVIRONMENT_NOT_FINITE
    except SimulatorLostError as error:
        print(error, file=sys.stderr)
        heartbeat.end("failed", str(error))
        return SIMULATOR_LOST
    except EnvironmentSetupError as error:
        print(error, file=sys.stderr)
        heartbeat.end("failed", str(error))
        return BAD_CONFIG
    except Exception as error:
        traceback.print_exc()
        message = _sentence(error)
        print(message, file=sys.stderr)
        # If the disk is full, the heartbeat cannot be written either.
        with contextlib.suppress(OSError):
            heartbeat.end("failed", message)
        return BROKEN
    heartbeat.end("finished")
    return FINISHED


@contextlib.contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """Only note SIGTERM and SIGINT while the block is open; yield a function that tells whether one came."""
    came = False

    def note(*_: object) -> None:
        nonlocal came
        came = True

    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, note) for number in numbers]
    try:
        yield lambda: came
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _resumable(run: Path) -> Manifest | None:
    """Find the checkpoint to resume from, and say which newer ones are damaged."""
    from trainer.run.checkpoint import newest_good

    manifest, damage = newest_good(run / "checkpoints")
    for sentence in damage:
        print(sentence, file=sys.stderr)
    return manifest


def _sentence(error: Exception) -> str:
    """Say what broke, with the file if one was involved."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    code = main()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    # All files are closed. Taking the interpreter down with torch in it lasts a third of a second, and a simulator's
    # client library may abort the process then.
    os._exit(code)
