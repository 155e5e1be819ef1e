"""The `gonogo` application, to which each module of commands adds its own."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    name="gonogo",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Trains an agent stage by stage (5k, 50k, 1m environment steps) and lets the next stage "
        "start only when the gate says GO.\n\n"
        "Start with: [bold]gonogo doctor[/], then [bold]gonogo run[/].\n\n"
        "Exit codes: 0 GO, 3 NO_GO, 4 CONDITIONAL (a person must decide), 2 wrong usage or "
        "configuration, 1 broken."
    ),
)


def _say_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"gonogo {version('gonogo')}")
        raise typer.Exit


@app.callback()
def _gonogo(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_say_version, is_eager=True, help="Say which version this is."
        ),
    ] = False,
) -> None: ...
