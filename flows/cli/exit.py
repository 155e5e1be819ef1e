"""Runs a command of the command line and ends with its exit code; imports what it needs then."""

from __future__ import annotations

import gc
from importlib import import_module
from typing import Any

import typer

_TRAINS = ("flows.commands.run", "flows.cockpit.launcher")
"""What needs the extra `run` from the start."""
_OFTEN_ENOUGH = 100_000
"""Objects made until cyclic garbage is looked for, in a process that ends in a second or two."""

process_ends_with_the_command = False
"""Whether we were called by `main`; other callers go on afterwards."""


def run_and_exit(work: str, *, debug: bool, brief: bool = False, **options: Any) -> None:
    """Do the work of one command and leave the command line with its exit code.

    Args:
        work: `module:function` that gets the options and returns the exit code; imported only now.
        debug: Show tracebacks.
        brief: It ends soon: looking for garbage as often as usual would take a tenth of its time.
        options: Of the command.

    Raises:
        typer.Exit: Always.
    """
    from flows.commands.terminal import Ended, one_sentence_for_errors
    from flows.extras import require

    ends = brief and process_ends_with_the_command
    if ends:
        gc.set_threshold(_OFTEN_ENOUGH)
    module, _, function = work.partition(":")
    try:
        with one_sentence_for_errors(debug=debug):
            if module in _TRAINS:
                require("prefect")
            code = getattr(import_module(module), function)(**options)
    except Ended as ended:
        code = ended.code
    if ends:
        gc.freeze()  # nor is all that was imported looked through once more at the end
    raise typer.Exit(code)
