"""The command line: options and help; everything else is imported when a command does its work.

In: `sys.argv`. Out: one call of `flows.commands`, and its exit code.

    train, decide, judge, policy, serve, machine    the commands, grouped as in the help
    every_command    the application that they make together
    gate       `gonogo gate` as most people type it, without that application
    options    makes the options of `run` and `stage` from `RunOptions`
    exit       errors become one sentence, verdicts exit codes

`gonogo --help` answers without importing pydantic, Prefect or numpy.
"""

from __future__ import annotations

import io
import os
import sys

from flows.cli import exit as leaving
from flows.cli import gate

__all__ = ["main"]


def main() -> None:
    """Run the command line; the process ends with the documented exit code."""
    leaving.process_ends_with_the_command = True
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal may not know our characters, and a file name may not be one of text at all.
            stream.reconfigure(errors="backslashreplace")
    try:
        os.getcwd()  # noqa: PTH109 - pathlib is slow to load
    except FileNotFoundError:
        print("gonogo: the current folder was removed; change to another one", file=sys.stderr)
        sys.exit(2)
    asked = gate.plain(sys.argv[1:])
    if asked is not None:
        code = leaving.as_typer_ends(lambda: gate.judge_and_show(**asked))
        leaving.nothing_is_left = True
        sys.exit(code)
    from flows.cli.every_command import app

    sys.exit(app())


def _open_what_is_closed() -> None:
    """Lead streams that the caller closed (`>&-`) nowhere, before a file is opened under their number."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            stream = open(number, "w" if number else "r", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
