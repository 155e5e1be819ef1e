"""`gonogo serve`: the cockpit in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import app
from flows.cli.exit import run_and_exit
from flows.cli.options import Debug


@app.command()
def serve(
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on; anything but loopback needs a password.", metavar="IP"
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            help="Port of the pages. (default: 4200, or a free one)", min=1, max=65535, metavar="N"
        ),
    ] = None,
    runs: Annotated[
        Path,
        typer.Option(help="Folder for pipeline directories and Prefect's data.", metavar="DIR"),
    ] = Path("runs"),
    presets: Annotated[
        list[Path] | None,
        typer.Option(
            "--preset", help="Offer a preset of your own as well; repeatable.", metavar="FILE"
        ),
    ] = None,
    stages: Annotated[
        list[Path] | None,
        typer.Option(
            "--stage", help="Offer a stage of your own as well; repeatable.", metavar="FILE"
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    """Start, watch and read runs in the browser, until Ctrl-C.

    Starts a Prefect server on this machine, or uses the one that
    PREFECT_API_URL names. Offers staged-validation, single-stage, gate-only
    and backtest as forms. Telemetry is off.

    A password: PREFECT_SERVER_API_AUTH_STRING=USER:PASSWORD gonogo serve
    """

    def work() -> int:
        from flows.cockpit.launcher import serve

        return serve(
            host=host,
            port=port,
            runs=runs,
            presets=presets or [],
            stages=stages or [],
            show_prefect=debug,
        )

    run_and_exit(work, debug=debug, needs="prefect")
