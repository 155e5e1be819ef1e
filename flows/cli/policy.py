"""`gonogo drive` and `gonogo export`: what is done with a policy once it is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import app
from flows.cli.exit import run_and_exit
from flows.cli.options import Debug

Run = Annotated[Path, typer.Argument(help="Run folder of our trainer.", metavar="RUN")]
Checkpoint = Annotated[
    str,
    typer.Option(
        help="best: that of the best evaluation; last; or the step of a checkpoint.",
        metavar="best|last|STEP",
    ),
]


@app.command()
def drive(
    run: Run,
    checkpoint: Checkpoint = "best",
    episodes: Annotated[int, typer.Option(help="How many.", min=1, max=100)] = 3,
    first_seed: Annotated[
        int, typer.Option(help="Seed of the first episode; the next ones count up.", min=0)
    ] = 600_000,
    video: Annotated[
        Path | None,
        typer.Option(
            help="Show what the camera saw: a name that ends in .gif or .mp4.", metavar="FILE"
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    """Drive a trained policy without noise and say how each episode ended.

    [bold]Example[/]

      gonogo drive runs/mine/1m/run-001 --video drive.gif
    """

    def work() -> int:
        from flows.commands.policy import drive_policy

        return drive_policy(
            run, checkpoint=checkpoint, episodes=episodes, first_seed=first_seed, video=video
        )

    run_and_exit(work, debug=debug)


@app.command()
def export(
    run: Run,
    checkpoint: Checkpoint = "best",
    out: Annotated[
        Path | None,
        typer.Option(
            help="The policy file. (default: policy-CHECKPOINT.npz in the run folder)",
            metavar="FILE",
        ),
    ] = None,
    episodes: Annotated[
        int, typer.Option(help="Fresh episodes of each kind of routes.", min=1, max=10_000)
    ] = 50,
    debug: Debug = False,
) -> None:
    """Write a policy into one file that needs only torch and NumPy, and a model card beside it.

    Before the card is written the policy is evaluated again, on seeds that
    chose nothing: the best of many evaluations is too favourable.

    [bold]Example[/]

      gonogo export runs/mine/1m/run-001 --out policy.npz
    """

    def work() -> int:
        from flows.commands.policy import export_policy

        return export_policy(run, checkpoint=checkpoint, out=out, episodes=episodes)

    run_and_exit(work, debug=debug)
