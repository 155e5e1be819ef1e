"""`gonogo gate`, `tags`, `report`, `history`, `compare` and `backtest`: what judges and shows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.cli.app import app
from flows.cli.exit import run_and_exit
from flows.cli.gate import judge_and_show
from flows.cli.options import AsJson, Debug


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
    as_json: AsJson = False,
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
        typer.Option(
            help="Tag names of another trainer: a mapping file, a name from config/dialects, or own for the "
            "tags of docs/run-directory.md.",
            metavar="FILE",
        ),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="End only when the plots of the report are drawn.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Judge a directory of event files, also one that another trainer wrote.

    Ends when the verdict and the report stand; the plots come into the
    report a second later.

    [bold]Examples[/]

      gonogo gate logs/td3_5k --stage 5k

      gonogo gate logs/td3_5k --stage 5k --json > gate.json
    """
    raise typer.Exit(
        judge_and_show(
            directory,
            stage=stage,
            planned_steps=planned_steps,
            as_json=as_json,
            out=out,
            no_cross_check=no_cross_check,
            gate_file=gate_file,
            config=config,
            dialect=dialect,
            wait=wait,
            debug=debug,
        )
    )


@app.command()
def tags(
    directory: Annotated[Path, typer.Argument(help="Any folder with TensorBoard event files.")],
    write: Annotated[
        Path | None,
        typer.Option(help="Write a mapping file to edit, for gate --dialect.", metavar="FILE"),
    ] = None,
    planned_steps: Annotated[
        int | None,
        typer.Option(
            help="Environment steps that the run was meant to reach; helps to tell what steps count.",
            min=1,
        ),
    ] = None,
    debug: Debug = False,
) -> None:
    """List the tags of a run: points, steps, values, what the steps seem to count, what each tag could be.

    [bold]Example[/]

      gonogo tags logs/mine --write mapping.yaml
    """

    def work() -> int:
        from flows.commands.tags import list_tags

        return list_tags(directory, write=write, planned_steps=planned_steps)

    run_and_exit(work, debug=debug, brief=True)


@app.command()
def report(
    directory: Annotated[
        Path,
        typer.Argument(
            help="Judged run folder, or the directory of a pipeline or a group.", metavar="RUN"
        ),
    ],
    form: Annotated[
        Literal["md", "html", "latex"],
        typer.Option("--format", help="Markdown, one HTML file, or LaTeX tables."),
    ] = "md",
    debug: Debug = False,
) -> None:
    """Write the report of a judged run again, as Markdown, HTML or LaTeX.

    [bold]Example[/]

      gonogo report runs/mine/1m/run-001 --format html
    """

    def work() -> int:
        from flows.commands.gate import render_report

        return render_report(directory, form)

    run_and_exit(work, debug=debug, brief=True)


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
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """List the judged runs below a folder, newest first, with what decided each."""

    def work() -> int:
        from flows.commands.history import show_history

        return show_history(directory, preset=preset, stage=stage, limit=limit, as_json=as_json)

    run_and_exit(work, debug=debug, brief=True)


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

    def work() -> int:
        from flows.commands.compare import compare_runs

        return compare_runs(a, b, stage=stage, out=out, as_json=as_json)

    run_and_exit(work, debug=debug, brief=True)


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
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Judge stored runs again and list every verdict that a changed rule flips.

    Nothing is written. Exit codes: 0 no flip and all labels met, 3 otherwise, 2 wrong usage.

    [bold]Examples[/]

      gonogo backtest runs                        (shipped rules against stored verdicts)

      gonogo backtest --gate my-5k.yaml runs

      gonogo backtest --gate my-5k.yaml --against 5k --labels labels.yaml logs
    """

    def work() -> int:
        from flows.commands.backtest import backtest_directories

        return backtest_directories(
            directories,
            gate=gate_file,
            against=against,
            stage=stage,
            labels=labels,
            jobs=jobs,
            as_json=as_json,
        )

    run_and_exit(work, debug=debug)
