"""`gonogo doctor`: what looks at this machine."""

from __future__ import annotations

from flows.cli.app import app
from flows.cli.exit import run_and_exit
from flows.cli.options import Debug


@app.command()
def doctor(debug: Debug = False) -> None:
    """Say what is installed, what is missing and which presets can run here."""
    run_and_exit("flows.commands.doctor:show", debug=debug)
