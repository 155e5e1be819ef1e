"""Runs a command of the command line and ends with its exit code; imports what it needs then."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer


def run_and_exit(work: str, *, debug: bool, **options: Any) -> None:
    """Do the work of one command and leave the command line with its exit code.

    Args:
        work: `module:function` that gets the options and returns the exit code; imported only now.
        debug: Show tracebacks.
        options: Of the command.

    Raises:
        typer.Exit: Always.
    """
    from flows.commands.terminal import Ended, one_sentence_for_errors

    module, _, function = work.partition(":")
    try:
        with one_sentence_for_errors(debug=debug):
            code = getattr(import_module(module), function)(**options)
    except Ended as ended:
        code = ended.code
    raise typer.Exit(code)
