"""Command line of the trainer: `python -m trainer run --run DIR`, `check REQUEST` and `tags`.

Exit codes: 0 finished, 1 broken, 2 bad configuration, 3 diverged (the gate judges what was logged), 75 the simulator
was lost, 143 stopped on request after a checkpoint.
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
from typing import TYPE_CHECKING

from trainer.mistakes import ConfigMistakesError

if TYPE_CHECKING:
    from trainer.config import Request
    from trainer.envs.registry import EnvConfig
    from trainer.run.checkpoint import Manifest

FINISHED, BROKEN, BAD_CONFIG, DIVERGED, SIMULATOR_LOST, STOPPED = 0, 1, 2, 3, 75, 143


def main(arguments: list[str] | None = None) -> int:
    """Run a subcommand and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m trainer", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="train as DIR/request.json asks")
    run.add_argument("--run", type=Path, required=True, metavar="DIR")
    run.add_argument(
        "--resume",
        action="store_true",
        help="go on from the newest whole checkpoint; without one start anew",
    )
    check = commands.add_parser("check", help="validate a request and print it resolved")
    check.add_argument("request", type=Path)
    commands.add_parser("tags", help="print the table of tags as Markdown")
    options = parser.parse_args(arguments)
    try:
        if options.command == "tags":
            return _tags()
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


def _check(path: Path) -> int:
    from trainer.run.run_json import read_request, resolved

    request, env = read_request(path)
    if request.warm_start is not None:
        from trainer.warm_start import check_warm_start

        check_warm_start(path.parent, request, env)
    print(json.dumps(resolved(request, env)))
    return FINISHED


def _run(run: Path, resume: bool) -> int:
    from trainer.run.run_json import read_request

    request, env = read_request(run / "request.json")
    if request.train.threads > 1:
        # A thread that waits for another one gives its processor back after some microseconds, not milliseconds: where
        # others want it too, an update would take several times as long. libgomp reads this when torch is imported.
        os.environ.setdefault("GOMP_SPINCOUNT", "3000")
    with _quick_imports():
        from trainer.loop import config_fits_machine

    problem = config_fits_machine(request.train)
    if problem:
        raise ConfigMistakesError([problem])
    # Whoever watches us can ask where every thread is, also when the interpreter is stuck.
    faulthandler.register(signal.SIGUSR1, file=2, all_threads=True)
    with _stop_signals() as stop_requested:
        return _train(run, request, env, stop_requested, resume=resume)


@contextlib.contextmanager
def _quick_imports() -> Iterator[None]:
    """Import without looking for garbage, of which imports leave none: a fifth less time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
    if __name__ == "__main__":
        # What was imported stays: later searches need not pass through it.
        gc.freeze()


def _train(
    run: Path, request: Request, env: EnvConfig, stop_requested: Callable[[], bool], *, resume: bool
) -> int:
    """Train, and tell by heartbeat, standard error and exit code how it ended."""
    from trainer.envs.errors import EnvironmentSetupError, SimulatorLostError
    from trainer.loop import DivergedError, StopRequestedError, Trainer
    from trainer.run import checkpoint
    from trainer.run.run_json import Heartbeat, write_run_json

    heartbeat = Heartbeat(run, request.planned_steps)
    try:
        manifest = _resumable(run) if resume else None
        write_run_json(run, request, env, resume, manifest.step if manifest else None)
        if resume:
            checkpoint.discard_after(run / "checkpoints", manifest.step if manifest else -1)
        trainer = Trainer(
            run, request, env, heartbeat, stop_requested, resume=resume, checkpoint=manifest
        )
        trainer.train()
    except ConfigMistakesError:
        raise
    except StopRequestedError as error:
        heartbeat.end("stopped", str(error))
        return STOPPED
    except DivergedError as error:
        heartbeat.end("diverged", str(error))
        return DIVERGED
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
        # A full disk is a likely reason to be here, and then the heartbeat cannot be written either.
        with contextlib.suppress(OSError):
            heartbeat.end("failed", message)
        return BROKEN
    heartbeat.end("finished")
    return FINISHED


@contextlib.contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """Let SIGTERM and SIGINT only be noted while the block is open; gives what tells whether one came."""
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
    """Find the checkpoint to go on from, and say which newer ones are damaged."""
    from trainer.run.checkpoint import newest_good

    manifest, damage = newest_good(run / "checkpoints")
    for sentence in damage:
        print(sentence, file=sys.stderr)
    return manifest


def _sentence(error: Exception) -> str:
    """Say what broke, with the file when one was involved."""
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
