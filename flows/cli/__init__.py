"""The command line: options and help; everything else is imported when a command does its work.

In: `sys.argv`. Out: one call of `flows.commands`, and its exit code.

    train, decide, judge, policy, serve, machine    the commands, grouped as in the help
    options    makes the options of `run` and `stage` from `RunOptions`
    exit       errors become one sentence, verdicts exit codes

`gonogo --help` answers without importing pydantic, Prefect or numpy.
"""
# ruff: isort: skip_file

from __future__ import annotations

import io
import sys

# Each of these modules adds its commands to `app`; the help lists them in this order.
from flows.cli import train, decide, judge, policy, serve, machine  # noqa: F401
from flows.cli import exit as leaving
from flows.cli.app import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; the process ends with the documented exit code."""
    leaving.process_ends_with_the_command = True
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal may not know our characters, and a file name may not be one of text at all.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(app())
