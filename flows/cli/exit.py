"""Runs the work of a command and ends with its exit code; what the work needs is imported only then."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable

_OFTEN_ENOUGH = 100_000
"""New objects between two collections of cyclic garbage, in a process that ends within seconds."""

process_ends_with_the_command = False
"""True when `main` called us; other callers continue afterwards."""
nothing_is_left = False
"""True when a command that ends within seconds is done: taking Python apart would take a tenth of its time."""


def after_the_command(work: Callable[[], None]) -> None:
    """Do work that nobody waits for in a process that outlives the command.

    In this process where `main` did not call, and where no process outlives it: at the head of a container.
    """
    sys.stdout.flush()
    if not process_ends_with_the_command or 1 in (os.getpid(), os.getppid()):
        work()
        return
    try:
        process = os.fork()
    except OSError:
        work()
        return
    if process:
        return
    try:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        work()
    finally:
        os._exit(0)


def run_and_exit(
    work: Callable[[], int], *, debug: bool, brief: bool = False, needs: str = ""
) -> None:
    """Do the work of one command as `exit_code_of` does, and leave the command line with its exit code.

    Raises:
        typer.Exit: Always.
    """
    import typer

    raise typer.Exit(exit_code_of(work, debug=debug, brief=brief, needs=needs))


def exit_code_of(
    work: Callable[[], int], *, debug: bool, brief: bool = False, needs: str = ""
) -> int:
    """Do the work of one command; return its exit code, also where it goes wrong.

    Args:
        work: Imports what it needs, does the work and returns the exit code.
        debug: Show tracebacks.
        brief: Ends within seconds, where collecting garbage as usual would take a tenth of the time.
        needs: Package of an extra without which the command cannot start.

    Raises:
        BrokenPipeError: Nobody reads standard output.
    """
    from flows.commands.terminal import Ended, one_sentence_for_errors

    ends = brief and process_ends_with_the_command
    if ends:
        gc.set_threshold(_OFTEN_ENOUGH)
        gc.freeze()  # what was imported until now is no garbage
    gc.enable()  # `gonogo.__main__` switched it off
    try:
        with one_sentence_for_errors(debug=debug):
            if needs:
                from flows.settings.extras import require

                require(needs)
            code = work()
            sys.stdout.flush()
    except Ended as ended:
        code = ended.code
    if ends:
        gc.freeze()  # nor are the imported modules searched at the end
    return code


def as_typer_ends(command: Callable[[], int]) -> int:
    """Return the exit code of a command, quietly also where nobody reads it or waits for it any more."""
    try:
        return command()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
