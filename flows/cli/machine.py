"""`gonogo doctor` and `gonogo carla-double`: this machine, and a stand-in for the CARLA server."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli.app import app
from flows.cli.exit import run_and_exit
from flows.cli.options import Debug

CarlaAddress = Annotated[
    str | None,
    typer.Option("--carla", help="Check this CARLA server as well.", metavar="HOST:PORT"),
]


@app.command()
def doctor(carla: CarlaAddress = None, debug: Debug = False) -> None:
    """Show what is installed, what is missing and which presets can run here."""

    def work() -> int:
        from flows.commands.doctor import show

        return show(carla)

    run_and_exit(work, debug=debug)


@app.command("carla-double")
def carla_double(
    port: Annotated[
        int, typer.Option(help="Port for clients; 0 picks a free one.", min=0, max=65_533)
    ] = 2000,
    map_name: Annotated[
        str | None, typer.Option("--map", help="Town01 or Town02.", metavar="NAME")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the traffic.", min=0)] = 0,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            help="A fault from the start, such as freeze:seconds=30,after_ticks=500. "
            "Repeat it as often as you need.",
            metavar="KIND:KEY=VALUE,...",
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    """Stand in for the CARLA server, to try a CARLA preset without a GPU; not CARLA's results."""

    def work() -> int:
        from flows.commands.carla_double import serve

        return serve(port=port, map_name=map_name, seed=seed, faults=tuple(fault or ()))

    run_and_exit(work, debug=debug)
