"""The `gonogo` command: options and help; the work is imported only when it is asked for."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from flows.terminal_exit import run_and_exit

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

Preset = Annotated[
    str | None,
    typer.Option(
        help="Recipe to train: a name of config/presets or a path to a .yaml file. "
        "(default: drive, or that of the pipeline in --out)",
        metavar="NAME",
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(help="Seed of the training. (default: 0, or that of the pipeline in --out)"),
]
Out = Annotated[
    Path | None,
    typer.Option(
        help="Pipeline directory; an existing one is gone on with. "
        "(default: a new one below ./runs)",
        metavar="DIR",
    ),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Change a key of the preset, for example --set train.actor_lr=1.0e-4. "
        "Give it as often as you need; the pipeline remembers it.",
        metavar="KEY=VALUE",
    ),
]
Note = Annotated[
    str,
    typer.Option(help="What you changed and what you expect of it; it goes into the report."),
]
Accept = Annotated[
    bool,
    typer.Option(
        "--accept-conditional", help="You accept a CONDITIONAL: go on with the next stage."
    ),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume",
        help="Go on with a training that was interrupted, from its newest checkpoint, instead of "
        "training anew.",
    ),
]


class Live(str, Enum):
    """What the live gate does with a run that is lost."""

    OFF = "off"
    WARN = "warn"
    STOP = "stop"


LiveOption = Annotated[
    Live | None,
    typer.Option(
        "--live",
        help="What to do with a run that certainly fails its gate while it trains: nothing, warn, "
        "or stop it. (default: the stage file's, which is stop)",
    ),
]


class Format(str, Enum):
    """Forms of a report."""

    MD = "md"
    HTML = "html"
    LATEX = "latex"


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
    out: Out = None,
    overrides: Overrides = None,
    note: Note = "",
    accept_conditional: Accept = False,
    resume: Resume = False,
    live: LiveOption = None,
    debug: Debug = False,
) -> None:
    """Train and judge all stages, one after the other, until one is no GO.

    In an existing pipeline directory, stages that already ended GO with
    exactly the same recipe are kept; all others are trained again in a new
    run folder.

    [bold]Examples[/]

      gonogo run

      gonogo run --preset drive-unstable

      gonogo run --stages 5k,50k --seed 1 --set train.actor_lr=1.0e-4

      gonogo run --out runs/mine            (go on there)
    """
    run_and_exit(
        "run",
        debug=debug,
        preset=preset,
        stages=None if stages is None else [s.strip() for s in stages.split(",") if s.strip()],
        seed=seed,
        out=out,
        overrides=overrides or [],
        note=note,
        accept_conditional=accept_conditional,
        retrain=False,
        resume=resume,
        live=None if live is None else live.value,
    )


@app.command()
def stage(
    name: Annotated[
        str, typer.Argument(help="Stage: 5k, 50k, 1m, or a path to a .yaml file.", metavar="STAGE")
    ],
    preset: Preset = None,
    seed: Seed = None,
    out: Out = None,
    overrides: Overrides = None,
    note: Note = "",
    accept_conditional: Accept = False,
    resume: Resume = False,
    live: LiveOption = None,
    debug: Debug = False,
) -> None:
    """Train and judge one stage alone, also again after a fix.

    Each call makes a new run folder. Earlier runs and the other stages'
    results stay as they are; the report compares with the run before.

    [bold]Examples[/]

      gonogo stage 50k --out runs/mine --set train.actor_lr=1.0e-4

      gonogo stage 50k --out runs/mine --note "lower actor rate; Q should stay below 200"
    """
    run_and_exit(
        "run",
        debug=debug,
        preset=preset,
        stages=[name],
        seed=seed,
        out=out,
        overrides=overrides or [],
        note=note,
        accept_conditional=accept_conditional,
        retrain=True,
        resume=resume,
        live=None if live is None else live.value,
    )


@app.command()
def gate(
    directory: Annotated[
        Path, typer.Argument(help="Run folder, or any folder with TensorBoard event files.")
    ],
    stage: Annotated[
        str | None,
        typer.Option(
            help="Judge by the rules of this stage. (default: the run's own)", metavar="STAGE"
        ),
    ] = None,
    planned_steps: Annotated[
        int | None,
        typer.Option(
            help="Environment steps that the run was meant to reach. "
            "(default: the run's own, else the stage's)",
            min=1,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print gate.json and nothing else.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for gate.json and the report. (default: our own run's folder; "
            "./gonogo-reports/NAME for a folder of another trainer)",
            metavar="DIR",
        ),
    ] = None,
    no_cross_check: Annotated[
        bool,
        typer.Option("--no-cross-check", help="Do not read everything again with tbparse."),
    ] = False,
    gate_file: Annotated[
        Path | None,
        typer.Option("--gate", help="Rules to use in place of the stage's.", metavar="FILE"),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="What another trainer was configured to do, as YAML or JSON; the gate holds it "
            "against the events.",
            metavar="FILE",
        ),
    ] = None,
    dialect: Annotated[
        Path | None,
        typer.Option(help="Tag names of another trainer.", metavar="FILE"),
    ] = None,
    debug: Debug = False,
) -> None:
    """Judge a directory of event files, also one that another trainer wrote.

    [bold]Examples[/]

      gonogo gate logs/td3_5k --stage 5k

      gonogo gate logs/td3_5k --stage 5k --json > gate.json
    """
    run_and_exit(
        "gate",
        debug=debug,
        directory=directory,
        stage=stage,
        gate=gate_file,
        planned_steps=planned_steps,
        out=out,
        config=config,
        dialect=dialect,
        cross_check=not no_cross_check,
        as_json=as_json,
    )


@app.command()
def report(
    directory: Annotated[
        Path, typer.Argument(help="Judged run folder, or a pipeline directory.", metavar="RUN")
    ],
    form: Annotated[
        Format, typer.Option("--format", help="Markdown, one HTML file, or LaTeX tables.")
    ] = Format.MD,
    debug: Debug = False,
) -> None:
    """Write the report of a judged run again, as Markdown, HTML or LaTeX.

    [bold]Example[/]

      gonogo report runs/mine/1m/run-001 --format html
    """
    run_and_exit("report", debug=debug, directory=directory, form=form.value)


@app.command()
def history(
    directory: Annotated[
        Path, typer.Argument(help="Folder to search for judged runs.", metavar="[DIR]")
    ] = Path("runs"),
    preset: Annotated[
        str | None, typer.Option(help="Only runs of this preset.", metavar="NAME")
    ] = None,
    stage: Annotated[
        str | None, typer.Option(help="Only runs of this stage.", metavar="STAGE")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Only the newest so many.", metavar="N", min=1)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
    debug: Debug = False,
) -> None:
    """List the judged runs below a folder, newest first, with what decided each."""
    run_and_exit(
        "history",
        debug=debug,
        directory=directory,
        preset=preset,
        stage=stage,
        limit=limit,
        as_json=as_json,
    )


@app.command()
def compare(
    a: Annotated[
        Path,
        typer.Argument(
            help="Run folder, stage folder (its newest run) or event files.", metavar="A"
        ),
    ],
    b: Annotated[Path, typer.Argument(help="The run to compare it with.", metavar="B")],
    stage: Annotated[
        str | None,
        typer.Option(
            help="Judge by the rules of this stage what is not judged yet. (default: its own)",
            metavar="STAGE",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for report.md and plots. (default: a new one below ./gonogo-reports)",
            metavar="DIR",
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print JSON and nothing else; a report only with --out."),
    ] = False,
    debug: Debug = False,
) -> None:
    """Compare two runs check by check: values, configuration, evaluations and plots.

    Nothing is written into the runs. A run without a verdict is judged for the comparison.

    [bold]Examples[/]

      gonogo compare runs/mine/5k/run-001 runs/mine/5k/run-002

      gonogo compare runs/seed0/50k runs/seed1/50k         (the newest run of each)
    """
    run_and_exit("compare", debug=debug, a=a, b=b, stage=stage, out=out, as_json=as_json)


@app.command()
def backtest(
    directories: Annotated[
        list[Path],
        typer.Argument(help="Folders that hold runs, own or of other trainers.", metavar="DIRS..."),
    ],
    gate_file: Annotated[
        str | None,
        typer.Option(
            "--gate",
            help="Changed rules: a file, or a name of config/gates. (default: those of each "
            "run's stage)",
            metavar="FILE",
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            help="Rules to compare with: a file or a name. (default: the stored verdicts)",
            metavar="FILE",
        ),
    ] = None,
    stage: Annotated[
        str | None,
        typer.Option(
            help="Judge runs of this stage only; runs of other trainers are taken to be of it. "
            "(default: the stage that --gate names, else each run's own)",
            metavar="STAGE",
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="YAML file that says which verdicts and causes are right.", metavar="FILE"
        ),
    ] = None,
    jobs: Annotated[
        int, typer.Option(help="Runs that are judged at the same time.", min=1, max=64)
    ] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")] = False,
    debug: Debug = False,
) -> None:
    """Judge stored runs again and list every verdict that a changed rule flips.

    Nothing is written. Exit codes: 0 no flip and all labels met, 3 otherwise, 2 wrong usage.

    [bold]Examples[/]

      gonogo backtest runs                        (shipped rules against stored verdicts)

      gonogo backtest --gate my-5k.yaml runs

      gonogo backtest --gate my-5k.yaml --against 5k --labels labels.yaml logs
    """
    run_and_exit(
        "backtest",
        debug=debug,
        directories=directories,
        gate=gate_file,
        against=against,
        stage=stage,
        labels=labels,
        jobs=jobs,
        as_json=as_json,
    )


@app.command()
def rollback(
    directory: Annotated[Path, typer.Argument(help="Run folder of our trainer.", metavar="RUN")],
    to_step: Annotated[
        int, typer.Option("--to", help="Step of the checkpoint to go back to.", min=1)
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
    """
    run_and_exit("rollback", debug=debug, run=directory, to_step=to_step, yes=yes)


@app.command()
def doctor(debug: Debug = False) -> None:
    """Say what is installed, what is missing and which presets can run here."""
    run_and_exit("doctor", debug=debug)


def main() -> None:
    """Run the command line; the process ends with the documented exit code."""
    sys.exit(app())


if __name__ == "__main__":
    main()
