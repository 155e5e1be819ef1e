"""Everything that can be asked of a run, once: `--help`, the forms and the request are made from it.

To add an option, add a field here. It may say how it looks on the command line (`Option`) and in a
form (`flows.cockpit.form_fields`), if it is not just a text, a number or a choice.

Imports neither pydantic nor Typer: `gonogo run --help` must answer at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_type_hints

Command = Literal["run", "stage"]
Existing = Literal["keep", "resume", "retrain"]
LiveMode = Literal["off", "warn", "stop"]
PlateauMode = Literal["warn", "stop"]
Carry = Literal["weights", "learner"]
"""What a warm start loads: networks, targets and reward normalization; `learner` adds the optimizers."""
OnConditional = Literal["stop", "wait", "continue"]
OnTimeout = Literal["stop", "continue"]
Engine = Literal["local", "dask"]

DEFAULT_PRESET = "drive"
DEFAULT_STAGES = ("5k", "50k", "1m")
LONGEST_WAIT_H = 8_760
"""One year."""


@dataclass(frozen=True, kw_only=True)
class Option:
    """How people see one option of a run."""

    help: str
    """What it does, for `--help` and for the forms."""
    default: str = ""
    """What happens without it, where a value cannot say that."""
    metavar: str | None = None
    spellings: tuple[str, ...] = ()
    """Other names on the command line; the field's own name always works."""
    commands: tuple[Command, ...] = ("run", "stage")
    """Commands that take it; `gonogo stage` trains one stage of a pipeline."""
    repeat: bool = False
    """May be given several times; other lists are one text with commas."""
    above: float | None = None
    """Exclusive lower bound."""
    least: float | None = None
    most: float | None = None

    def mistake(self, value: float) -> str:
        """Say which bound a number breaks; empty when it keeps them all."""
        bounds = []
        if self.above is not None:
            bounds.append((value > self.above, f"above {self.above:,g}"))
        if self.least is not None:
            bounds.append((value >= self.least, f"at least {self.least:,g}"))
        if self.most is not None:
            bounds.append((value <= self.most, f"at most {self.most:,g}"))
        if all(kept for kept, _ in bounds):  # NaN keeps none
            return ""
        return f"must be {' and '.join(text for _, text in bounds)}"


class RunOptions:
    """The options of a run; `flows.pipeline.request.RunRequest` checks them and fills the gaps."""

    preset: Annotated[
        str,
        Option(
            help="Recipe to train: a name in config/presets or a path to a .yaml file.",
            default="that of the pipeline in --out, else drive",
            metavar="NAME",
        ),
    ] = DEFAULT_PRESET
    stages: Annotated[
        tuple[str, ...],
        Option(
            help="Stages in order, shortest first: names in config/stages or paths to .yaml files.",
            default="those of the pipeline in --out, else 5k,50k,1m",
            metavar="NAMES",
            commands=("run",),
        ),
    ] = DEFAULT_STAGES
    seeds: Annotated[
        tuple[int, ...],
        Option(
            help="Seed of the training, or several, such as 0-4 or 0,1,7: trained in parallel and "
            "judged together before the next stage starts. auto adds seeds until their verdict is "
            "decided.",
            default="those of the pipeline in --out, else 0",
            metavar="SEEDS",
            spellings=("--seed",),
        ),
    ] = (0,)
    out: Annotated[
        Path,
        Option(
            help="Pipeline directory, new or existing. An existing one supplies what you leave out: "
            "preset, stages, seeds, overrides.",
            default="a new one below ./runs",
            metavar="DIR",
        ),
    ] = Path()
    existing: Annotated[
        Existing,
        Option(
            help="What to do with earlier runs of a stage. keep: a GO of the same recipe is not "
            "trained again, and an interrupted training of the same recipe continues from its newest "
            "checkpoint. resume: it continues also where the trainer's code has changed. retrain: every "
            "stage is trained in a new run folder.",
            default="keep; retrain for gonogo stage",
        ),
    ] = "keep"
    overrides: Annotated[
        tuple[str, ...],
        Option(
            help="Change a key of the preset, such as train.actor_lr=1.0e-4. The pipeline remembers "
            "it.",
            metavar="KEY=VALUE",
            spellings=("--set",),
            repeat=True,
        ),
    ] = ()
    note: Annotated[
        str, Option(help="What you changed since the last run; shown in the report.")
    ] = ""
    expect: Annotated[
        str,
        Option(help="What the change should do; the report shows it next to the result."),
    ] = ""
    live: Annotated[
        LiveMode | None,
        Option(
            help="What to do with a run that is certain to fail its gate while it still trains.",
            default="as the stage file says, normally stop",
        ),
    ] = None
    on_plateau: Annotated[
        PlateauMode | None,
        Option(
            help="What to do with a training whose evaluations stopped to improve, where the stage "
            "has a rule for it: say so, or end it and judge it.",
            default="as the stage file says, normally warn",
        ),
    ] = None
    on_conditional: Annotated[
        OnConditional,
        Option(
            help="After a CONDITIONAL: stop, wait for a person's decision, or continue.",
            commands=("run",),
        ),
    ] = "stop"
    wait_h: Annotated[
        float,
        Option(
            help="Hours to wait for a decision.",
            metavar="HOURS",
            commands=("run",),
            above=0,
            most=LONGEST_WAIT_H,
        ),
    ] = 72.0
    on_timeout: Annotated[
        OnTimeout,
        Option(help="When nobody has decided by then: stop or continue.", commands=("run",)),
    ] = "stop"
    override_no_go: Annotated[
        str,
        Option(
            help="Stage whose NO_GO is overridden, so that the pipeline continues. Needs a reason; "
            "every later report shows it.",
            metavar="STAGE",
            commands=("run",),
        ),
    ] = ""
    reason: Annotated[
        str, Option(help="Why the NO_GO is overridden.", metavar="TEXT", commands=("run",))
    ] = ""
    name: Annotated[
        str,
        Option(
            help="Who overrides it.",
            default="your login name",
            metavar="NAME",
            commands=("run",),
        ),
    ] = ""
    warm_start: Annotated[
        str,
        Option(
            help="Start from the weights of another run: its newest checkpoint, the one of STEP, or "
            "the best one. fresh starts from scratch. The stage remembers it.",
            default="as the stage file says, normally fresh",
            metavar="RUN[:STEP|:best]",
            commands=("stage",),
        ),
    ] = ""
    carry: Annotated[
        Carry | None,
        Option(
            help="What a warm start loads: weights (networks, targets, reward normalization) or "
            "learner (the optimizers' state as well).",
            default="weights",
            commands=("stage",),
        ),
    ] = None
    jobs: Annotated[
        int | None,
        Option(
            help="How many seeds train at the same time.",
            default="as many as the cores allow; 1 on a GPU or with CARLA",
            metavar="N",
            least=1,
        ),
    ] = None
    engine: Annotated[
        Engine,
        Option(help="Where several seeds train: on this machine, or on Dask workers."),
    ] = "local"
    dask_address: Annotated[
        str,
        Option(
            help="Dask scheduler, such as tcp://10.0.0.1:8786.",
            default="a cluster on this machine",
            metavar="URL",
        ),
    ] = ""


@dataclass(frozen=True, kw_only=True)
class RunOption:
    """One field of `RunOptions`, taken apart."""

    name: str
    type: Any
    default: Any
    about: Option

    @property
    def flag(self) -> str:
        """Its name on the command line: `--dask-address`."""
        return f"--{self.name.replace('_', '-')}"


def run_options(command: Command | None = None) -> Mapping[str, RunOption]:
    """Return the options that a command takes, or all of them, in the order in which help shows them."""
    every = _every_option()
    return {n: o for n, o in every.items() if command is None or command in o.about.commands}


@cache
def _every_option() -> Mapping[str, RunOption]:
    hints = get_type_hints(RunOptions, include_extras=True)
    return {
        name: RunOption(name=name, type=kind, default=getattr(RunOptions, name), about=about)
        for name, (kind, about) in zip(hints, map(get_args, hints.values()), strict=True)
    }
