"""`gonogo gate` without Typer and pydantic, whose loading takes longer than judging a short run.

`plain` reads the command lines that leave no question: options spelled in full, each with a value that
fits. Help, mistakes and everything else are Typer's, which declares the same options in `flows.cli.judge`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.cli.exit import after_the_command, exit_code_of

COMMAND = "gate"
VALUES: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "--stage": ("stage", str),
    "--planned-steps": ("planned_steps", int),
    "--out": ("out", Path),
    "--gate": ("gate_file", Path),
    "--config": ("config", Path),
    "--dialect": ("dialect", Path),
}
"""Options with a value: the parameter of `judge_and_show`, and what makes its value."""
FLAGS = {
    "--json": "as_json",
    "--no-cross-check": "no_cross_check",
    "--wait": "wait",
    "--debug": "debug",
}
_COUNT = re.compile(r"[1-9][0-9]{0,17}")


def plain(arguments: Sequence[str]) -> dict[str, Any] | None:
    """Return what a command line asks `judge_and_show` for; None where it is for Typer to say."""
    given: dict[str, Any] = {}
    if not arguments or arguments[0] != COMMAND:
        return None
    rest = iter(arguments[1:])
    for argument in rest:
        name, has_value, value = argument.partition("=")
        if name in VALUES:
            key, make = VALUES[name]
            value = value if has_value else next(rest, "")
            if not value or value.startswith("-") or (make is int and not _COUNT.fullmatch(value)):
                return None
            given[key] = make(value)
        elif argument in FLAGS:
            given[FLAGS[argument]] = True
        elif argument.startswith("-") or not argument or "directory" in given:
            return None
        else:
            given["directory"] = Path(argument)
    return given if "directory" in given else None


def judge_and_show(
    directory: Path,
    *,
    stage: str | None = None,
    planned_steps: int | None = None,
    as_json: bool = False,
    out: Path | None = None,
    no_cross_check: bool = False,
    gate_file: Path | None = None,
    config: Path | None = None,
    dialect: Path | None = None,
    wait: bool = False,
    debug: bool = False,
) -> int:
    """Do what `gonogo gate --help` says; return the exit code."""
    from gates.second_reader.process import second_reader

    # First of all: loading it takes longer than judging a short run.
    with second_reader(wanted=not no_cross_check) as reader:
        # Looking for plug-ins of pydantic opens the metadata of every installed package.
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

        def work() -> int:
            from flows.commands.gate import judge_with, show_verdict
            from flows.judging.rules import Asked

            asked = Asked(
                stage=stage,
                gate=gate_file,
                planned_steps=planned_steps,
                config=config,
                dialect=dialect,
                cross_check=not no_cross_check,
                second_reader=reader,
            )
            judged = judge_with(directory, asked, out=out, plots_later=not wait)
            code = show_verdict(judged, as_json=as_json)
            if judged.draw is not None:
                after_the_command(judged.draw)
            return code

        return exit_code_of(work, debug=debug, brief=True)
