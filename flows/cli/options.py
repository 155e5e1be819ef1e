"""Options that several commands share."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

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
Seeds = Annotated[
    str | None,
    typer.Option(
        help="Several seeds, such as 0-4 or 0,1,7: trained in parallel and judged together before "
        "the next stage. (default: those of the group in --out, else one seed)",
        metavar="SEEDS",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        help="Seeds that train at the same time. (default: as many as there are cores; 1 on a GPU "
        "or with CARLA)",
        min=1,
        metavar="N",
    ),
]


class Engine(str, Enum):
    """Where several seeds train."""

    LOCAL = "local"
    DASK = "dask"


EngineOption = Annotated[
    Engine,
    typer.Option(
        "--engine", help="Where several seeds train: on this machine, or on workers of Dask."
    ),
]
DaskAddress = Annotated[
    str | None,
    typer.Option(
        help="Scheduler of a Dask cluster, such as tcp://10.0.0.1:8786. (default: a cluster on "
        "this machine)",
        metavar="URL",
    ),
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
    typer.Option(help="What you changed; it goes into the report."),
]
Expect = Annotated[
    str,
    typer.Option(help="What you expect of the change; it goes into the report beside the result."),
]


class AfterConditional(str, Enum):
    """What follows a CONDITIONAL."""

    STOP = "stop"
    WAIT = "wait"
    CONTINUE = "continue"


class AfterTimeout(str, Enum):
    """What follows when nobody decided in time."""

    STOP = "stop"
    CONTINUE = "continue"


OnConditional = Annotated[
    AfterConditional,
    typer.Option(
        "--on-conditional",
        help="What follows a CONDITIONAL: stop, wait for gonogo approve, or continue.",
    ),
]
WaitHours = Annotated[
    float, typer.Option("--wait-h", help="Hours to wait for a decision.", min=0.0, metavar="HOURS")
]
OnTimeout = Annotated[
    AfterTimeout,
    typer.Option("--on-timeout", help="What follows when nobody decided in that time."),
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


WarmStart = Annotated[
    str | None,
    typer.Option(
        "--warm-start",
        help="Begin with what another run learned: its newest checkpoint, that of a STEP or the "
        "best one; or fresh. The stage remembers it. (default: as the stage file says, which is "
        "fresh)",
        metavar="RUN[:STEP|:best]",
    ),
]


class Carried(str, Enum):
    """What a warm start takes over."""

    WEIGHTS = "weights"
    LEARNER = "learner"


Carry = Annotated[
    Carried | None,
    typer.Option(
        "--carry",
        help="What a warm start takes over: networks, targets and reward normalisation, or the "
        "optimisers' moments as well. (default: weights)",
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
