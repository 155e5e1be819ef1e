"""`gonogo run`, `stage` and `rollback`: what trains."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import app
from flows.cli.exit import run_and_exit
from flows.cli.options import (
    AfterConditional,
    AfterTimeout,
    Carry,
    DaskAddress,
    Debug,
    Engine,
    EngineOption,
    Expect,
    Jobs,
    LiveOption,
    Note,
    OnConditional,
    OnTimeout,
    Out,
    Overrides,
    Preset,
    Resume,
    Seed,
    Seeds,
    WaitHours,
    WarmStart,
)


@app.command()
def run(
    preset: Preset = None,
    stages: Annotated[
        str | None,
        typer.Option(
            help="Stages in their order: names of config/stages or paths to .yaml files, with "
            "commas between them. (default: 5k,50k,1m)",
            metavar="NAMES",
        ),
    ] = None,
    seed: Seed = None,
    seeds: Seeds = None,
    out: Out = None,
    overrides: Overrides = None,
    note: Note = "",
    expect: Expect = "",
    on_conditional: OnConditional = AfterConditional.STOP,
    wait_h: WaitHours = 72.0,
    on_timeout: OnTimeout = AfterTimeout.STOP,
    override_no_go: Annotated[
        str | None,
        typer.Option(
            help="Go on after the NO_GO that this stage ended with. Needs --reason; it is recorded "
            "and shown for good.",
            metavar="STAGE",
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why a NO_GO is overridden.", metavar="TEXT")] = "",
    name: Annotated[
        str, typer.Option(help="Who overrides it. (default: your login name)", metavar="NAME")
    ] = "",
    resume: Resume = False,
    live: LiveOption = None,
    jobs: Jobs = None,
    engine: EngineOption = Engine.LOCAL,
    dask_address: DaskAddress = None,
    debug: Debug = False,
) -> None:
    """Train and judge all stages, one after the other, until one is no GO.

    In an existing pipeline directory, stages of exactly the same recipe are
    kept when they ended GO or a person let them pass; a CONDITIONAL that
    nobody decided about is not trained again. All others are trained again
    in a new run folder.

    [bold]Examples[/]

      gonogo run

      gonogo run --preset drive-unstable

      gonogo run --stages 5k,50k --seed 1 --set train.actor_lr=1.0e-4

      gonogo run --seeds 0-4 --stages 5k,50k      (five seeds, judged together)

      gonogo run --out runs/mine            (go on there)
    """
    run_and_exit(
        "flows.commands.run:run",
        debug=debug,
        show_prefect=debug,
        preset=preset,
        stages=None if stages is None else [s.strip() for s in stages.split(",") if s.strip()],
        seed=seed,
        out=out,
        overrides=overrides or [],
        note=note,
        expectation=expect,
        on_conditional=on_conditional.value,
        wait_h=wait_h,
        on_timeout=on_timeout.value,
        override_no_go=override_no_go,
        reason=reason,
        name=name,
        retrain=False,
        resume=resume,
        live=None if live is None else live.value,
        seeds=seeds,
        jobs=jobs,
        engine=engine.value,
        dask_address=dask_address,
    )


@app.command()
def stage(
    name: Annotated[
        str, typer.Argument(help="Stage: 5k, 50k, 1m, or a path to a .yaml file.", metavar="STAGE")
    ],
    preset: Preset = None,
    seed: Seed = None,
    seeds: Seeds = None,
    out: Out = None,
    overrides: Overrides = None,
    note: Note = "",
    expect: Expect = "",
    resume: Resume = False,
    live: LiveOption = None,
    jobs: Jobs = None,
    engine: EngineOption = Engine.LOCAL,
    dask_address: DaskAddress = None,
    warm_start: WarmStart = None,
    carry: Carry = None,
    debug: Debug = False,
) -> None:
    """Train and judge one stage alone, also again after a fix.

    Each call makes a new run folder. Earlier runs and the other stages'
    results stay as they are; the report compares with the run before.

    [bold]Examples[/]

      gonogo stage 50k --out runs/mine --set train.actor_lr=1.0e-4

      gonogo stage 50k --out runs/mine --note "lower actor rate" --expect "Q stays below 200"

      gonogo stage 50k --seed 3 --out runs/group      (one seed of a group)

      gonogo stage 50k --out runs/mine --warm-start runs/mine/5k/run-001
    """
    run_and_exit(
        "flows.commands.run:run",
        debug=debug,
        show_prefect=debug,
        preset=preset,
        stages=[name],
        seed=seed,
        out=out,
        overrides=overrides or [],
        note=note,
        expectation=expect,
        retrain=True,
        resume=resume,
        live=None if live is None else live.value,
        seeds=seeds,
        jobs=jobs,
        engine=engine.value,
        dask_address=dask_address,
        warm_start=warm_start,
        carry=None if carry is None else carry.value,
    )


@app.command()
def rollback(
    directory: Annotated[Path, typer.Argument(help="Run folder of our trainer.", metavar="RUN")],
    to: Annotated[
        str,
        typer.Option(
            "--to",
            help="Step of the checkpoint to go back to, or best: that of the best evaluation.",
            metavar="STEP|best",
        ),
    ],
    yes: Annotated[
        bool, typer.Option("--yes", help="Do it; without this it is only said.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Discard what a run did after a checkpoint; the next --resume goes on from there.

    Refused while the run's trainer is alive. Says what it removes.

    [bold]Example[/]

      gonogo rollback runs/mine/1m/run-001 --to 500000 --yes

      gonogo rollback runs/mine/1m/run-001 --to best
    """
    run_and_exit("flows.commands.rollback:roll_back", debug=debug, run=directory, to=to, yes=yes)
