"""`gonogo approve` and `gonogo reject`: a person's decision."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

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
Why = Annotated[str, typer.Option("--reason", help="Why; shown in every report.", metavar="TEXT")]
Who = Annotated[
    str, typer.Option("--name", help="Who decides. (default: your login name)", metavar="NAME")
]


@app.command()
def approve(run: Run, reason: Why, name: Who = "", debug: Debug = False) -> None:
    """Accept a CONDITIONAL, so that the next stage may start.

    A pipeline that waits for the decision continues at once; otherwise the
    next gonogo run does. The verdict stays CONDITIONAL and shows who
    approved it and why.

    [bold]Example[/]

      gonogo approve runs/mine/5k/run-001 --reason "one spike at the start, known"
    """
    _decide(run, "approved", reason, name, debug)


@app.command()
def reject(run: Run, reason: Why, name: Who = "", debug: Debug = False) -> None:
    """Refuse a CONDITIONAL: the next stage does not start.

    A pipeline that waits ends; the next gonogo run trains the stage again.

    [bold]Example[/]

      gonogo reject runs/mine --reason "the spike grows"
    """
    _decide(run, "rejected", reason, name, debug)


def _decide(
    run: Path, kind: Literal["approved", "rejected"], reason: str, name: str, debug: bool
) -> None:
    def work() -> int:
        from flows.commands.decide import decide

        return decide(run, kind=kind, reason=reason, name=name)

    run_and_exit(work, debug=debug)
