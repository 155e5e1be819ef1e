"""`gonogo run`, `stage`, `end`, `regress` and `rollback`: the commands that train."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import app
from flows.cli.exit import run_and_exit
from flows.cli.options import Debug, Given, with_run_options

Resume = Annotated[bool, typer.Option("--resume", help="Short for --existing resume.")]


@app.command()
@with_run_options("run")
def run(given: Given, resume: Resume = False, debug: Debug = False) -> None:
    """Train and judge all stages, one after the other, until one is not GO.

    In an existing pipeline directory, a stage of exactly the same recipe is
    kept if it ended GO or a person let it pass. A CONDITIONAL that awaits a
    decision is not trained again, and an interrupted training of the same
    recipe goes on. All other stages are trained again in a new run folder.

    [bold]Examples[/]

      gonogo run

      gonogo run --preset drive-unstable

      gonogo run --stages 5k,50k --seed 1 --set train.actor_lr=1.0e-4

      gonogo run --seeds 0-4 --stages 5k,50k      (five seeds, judged together)

      gonogo run --out runs/mine                  (continue there)
    """

    def work() -> int:
        from flows.commands.run import run as train
        from flows.pipeline.request import RunRequest

        existing = {"existing": "resume"} if resume else {}
        return train(RunRequest.asked({**given, **existing}), show_prefect=debug)

    run_and_exit(work, debug=debug, needs="prefect")


@app.command()
@with_run_options("stage")
def stage(
    stage: Annotated[
        str, typer.Argument(help="Stage: 5k, 50k, 1m, or a path to a .yaml file.", metavar="STAGE")
    ],
    given: Given,
    resume: Resume = False,
    debug: Debug = False,
) -> None:
    """Train and judge one stage by itself, for example again after a fix.

    Each call makes a new run folder. Earlier runs and the results of other
    stages stay as they are; the report compares with the run before.

    [bold]Examples[/]

      gonogo stage 50k --out runs/mine --set train.actor_lr=1.0e-4

      gonogo stage 50k --out runs/mine --note "lower actor rate" --expect "Q stays below 200"

      gonogo stage 50k --seed 3 --out runs/group      (one seed of a group)

      gonogo stage 50k --out runs/mine --warm-start runs/mine/5k/run-001
    """

    def work() -> int:
        from flows.commands.run import run as train
        from flows.pipeline.request import RunRequest

        options = {
            "existing": "retrain",
            **given,
            **({"existing": "resume"} if resume else {}),
            "stages": (stage,),
            "single_stage": True,
        }
        return train(RunRequest.asked(options), show_prefect=debug)

    run_and_exit(work, debug=debug, needs="prefect")


@app.command()
def end(
    directory: Annotated[
        Path, typer.Argument(help="Run folder of a training that goes on.", metavar="RUN")
    ],
    debug: Debug = False,
) -> None:
    """Let early stopping end a training, when or as soon as its evaluations stopped to improve.

    A stage whose early_stop.mode is warn only says so. The gate then judges what is there, by the rule in place
    of the plan.

    [bold]Example[/]

      gonogo end runs/mine/1m/run-001
    """

    def work() -> int:
        from flows.commands.end import end_early

        return end_early(directory)

    run_and_exit(work, debug=debug)


@app.command()
def regress(
    base: Annotated[
        str,
        typer.Option(help="Revision before the change, such as main or HEAD~1.", metavar="REV"),
    ],
    preset: Annotated[
        str,
        typer.Option(
            help="Recipe to train: a name in config/presets or a path to a .yaml file.",
            metavar="NAME",
        ),
    ] = "drive",
    stage: Annotated[
        str, typer.Option(help="Stage: a name, or a path to a .yaml file.", metavar="STAGE")
    ] = "5k",
    overrides: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Change a key of the preset for both revisions. Repeat it as often as you need.",
            metavar="KEY=VALUE",
        ),
    ] = None,
    minutes: Annotated[
        float, typer.Option(help="Begin no further seeds after so many minutes.", min=0.1)
    ] = 10.0,
    jobs: Annotated[
        int | None,
        typer.Option(
            help="Trainings at the same time. (default: as many as the cores allow)", min=1
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder for regress.md and regress.json.", metavar="DIR")
    ] = Path("gonogo-reports/regress"),
    debug: Debug = False,
) -> None:
    """Train a short stage with two revisions of the trainer and say whether the change made it worse.

    Run it inside a checkout of gonogo: the files as they are now, also those
    that are not committed, against the revision of --base. Both are copied
    into a temporary folder; the checkout is not touched.

    Exit codes: 0 no regression, 3 regression, 4 training moved or not decided, 2 wrong usage.

    [bold]Examples[/]

      gonogo regress --base main

      gonogo regress --base HEAD~1 --preset pendulum
    """

    def work() -> int:
        from flows.commands.terminal import EXIT_CODES, say
        from flows.regress.command import RegressRequest
        from flows.regress.command import regress as compare_revisions

        request = RegressRequest(
            base=base,
            preset=preset,
            stage=stage,
            overrides=tuple(overrides or ()),
            out=out,
            jobs=jobs,
            minutes=minutes,
        )
        return EXIT_CODES[compare_revisions(request, say, Path.cwd())]

    run_and_exit(work, debug=debug, needs="torch")


@app.command()
def rollback(
    directory: Annotated[Path, typer.Argument(help="Run folder of our trainer.", metavar="RUN")],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="Step of the checkpoint to return to, or best: the one of the best evaluation.",
            metavar="STEP|best",
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this, only say it.")] = False,
    debug: Debug = False,
) -> None:
    """Discard what a run did after a checkpoint; the next --resume continues from there.

    Refused while the run's trainer is alive. Lists what it removes.

    [bold]Examples[/]

      gonogo rollback runs/mine/1m/run-001 --to 500000 --yes

      gonogo rollback runs/mine/1m/run-001 --to best
    """

    def work() -> int:
        from flows.commands.rollback import roll_back

        return roll_back(directory, to=to, yes=yes)

    run_and_exit(work, debug=debug)
