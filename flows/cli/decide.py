"""`gonogo approve` and `reject`: what a person decides."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import app
from flows.cli.exit import run_and_exit
from flows.cli.options import Debug

Run = Annotated[
    Path,
    typer.Argument(
        help="Run folder, or a pipeline directory in which one run waits for a decision.",
        metavar="RUN",
    ),
]
Why = Annotated[
    str, typer.Option("--reason", help="Why; it stands in every report.", metavar="TEXT")
]
Who = Annotated[
    str, typer.Option("--name", help="Who decides. (default: your login name)", metavar="NAME")
]


@app.command()
def approve(run: Run, reason: Why, name: Who = "", debug: Debug = False) -> None:
    """Accept a CONDITIONAL, so that the next stage may start.

    A pipeline that waits for the decision goes on at once; otherwise the
    next gonogo run does. The verdict stays CONDITIONAL and shows who
    approved it and why.

    [bold]Example[/]

      gonogo approve runs/mine/5k/run-001 --reason "one spike at the start, known"
    """
    run_and_exit(
        "flows.commands.decide:decide",
        debug=debug,
        run=run,
        kind="approved",
        reason=reason,
        name=name,
    )


@app.command()
def reject(run: Run, reason: Why, name: Who = "", debug: Debug = False) -> None:
    """Refuse a CONDITIONAL: the next stage does not start.

    A pipeline that waits ends; the next gonogo run trains the stage again.

    [bold]Example[/]

      gonogo reject runs/mine --reason "the spike grows"
    """
    run_and_exit(
        "flows.commands.decide:decide",
        debug=debug,
        run=run,
        kind="rejected",
        reason=reason,
        name=name,
    )
