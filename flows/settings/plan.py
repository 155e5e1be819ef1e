"""What a pipeline is to do: preset, stages, seed and overrides, resolved into a checked plan."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.errors import ConfigError
from flows.settings.command_trainer import TrainerCommand
from flows.settings.long_stage import LongStage
from flows.settings.overrides import Override, parse_overrides
from flows.settings.setting_files import (
    DEFAULT_STAGES,
    PresetFile,
    StageFile,
    gate_of,
    load_file,
)
from flows.settings.slots import derived_slots
from flows.settings.stage_request import check_by_command, stage_request
from flows.settings.supervision import LiveMode, Supervision
from flows.settings.trainer_check import CheckResult, check_requests
from flows.settings.warm_start import WarmMode
from gates.errors import GateConfigError

DEFAULT_PRESET = "drive"
SEED_LIMIT = 2**31


@dataclass(frozen=True, kw_only=True)
class StagePlan:
    """One stage, ready to be trained and judged."""

    name: str
    steps: int
    gate: str
    """Name or absolute path, as `gates.checks.gate_file.load_gate` takes it."""
    source: Path
    """Stage file."""
    request: Mapping[str, Any]
    """Content of request.json."""
    resolved: Mapping[str, Any]
    """`env` and `train` with every default, as the trainer resolved them."""
    trainer: TrainerCommand | None = None
    """A trainer by command; None: our own."""
    supervision: Supervision = field(default_factory=Supervision)
    """How the training is watched; it does not shape what is learned."""
    slots: tuple[str, ...] = ()
    """What no other training on this machine may use meanwhile."""
    long: LongStage = field(default_factory=LongStage)
    """What ends or judges the training on its way."""
    begin: WarmMode = "fresh"
    """What the stage takes over from the stage before it; `flows.training.warm_start` finds it."""


@dataclass(frozen=True, kw_only=True)
class PipelinePlan:
    """Everything that a pipeline will do; nothing in it can still be misspelled."""

    preset: str
    description: str
    seed: int
    overrides: tuple[str, ...]
    """As they were given."""
    stages: tuple[StagePlan, ...]


def resolve_plan(
    *,
    preset: str = DEFAULT_PRESET,
    stages: Sequence[str] = DEFAULT_STAGES,
    seed: int = 0,
    overrides: Sequence[str] = (),
    live: LiveMode | None = None,
) -> PipelinePlan:
    """Load and check everything before anything is started.

    Values come from the preset, the stage file's cadence and the overrides; the later one wins.
    `live` replaces the stage files' live mode.

    Raises:
        ConfigError: With all mistakes at once, each with its file or option and its key.
    """
    mistakes: list[str] = []
    parsed, override_mistakes = parse_overrides(overrides)
    mistakes += override_mistakes
    if not 0 <= seed < SEED_LIMIT:
        mistakes.append(f"--seed {seed}: must be at least 0 and below {SEED_LIMIT}")
    preset_file = load_file("preset", preset, PresetFile, mistakes)
    stage_files = [load_file("stage", stage, StageFile, mistakes) for stage in stages]
    if not stages:
        mistakes.append("--stages: names no stage")
    names = [found[1].name for found in stage_files if found]
    mistakes += [
        f"--stages: the stage {name} is named twice"
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    gates = [_gate(*found, mistakes) if found else "" for found in stage_files]
    if preset_file is None:
        raise ConfigError(mistakes)

    preset_path, content = preset_file
    odd = content.misfits()
    mistakes += [f"{preset_path}: {misfit}" for misfit in odd]
    requests: list[dict[str, Any]] = []
    for found in stage_files:
        if found is None:
            continue
        request, misfits = stage_request(content, found[1], seed, parsed)
        mistakes += [misfit for misfit in misfits if misfit not in mistakes]
        requests.append(request)
    trainers: list[TrainerCommand | None] = [None] * len(requests)
    checked: list[CheckResult] = []
    if "trainer" in content.model_fields_set:
        folder = preset_path.absolute().parent
        both = [
            check_by_command(request, found[1], folder)
            for request, found in zip(requests, (f for f in stage_files if f), strict=True)
        ]
        trainers = [trainer for trainer, _ in both]
        checked = [result for _, result in both]
    elif 0 <= seed < SEED_LIMIT and not odd:
        checked = check_requests(requests)
    for mistake in dict.fromkeys(m for result in checked for m in result.mistakes):
        mistakes.append(_with_origin(mistake, preset_path, parsed))
    if mistakes:
        raise ConfigError(mistakes)
    return PipelinePlan(
        preset=content.name,
        description=content.description,
        seed=seed,
        overrides=tuple(overrides),
        stages=tuple(
            StagePlan(
                name=found[1].name,
                steps=found[1].steps,
                gate=gate,
                source=found[0],
                request=request,
                resolved=result.resolved,
                trainer=trainer,
                supervision=found[1].supervision.with_live(live),
                slots=derived_slots(result.resolved) if content.slots is None else content.slots,
                long=found[1].long,
                begin=found[1].warm_start,
            )
            for found, gate, request, result, trainer in zip(
                (f for f in stage_files if f), gates, requests, checked, trainers, strict=True
            )
        ),
    )


def _gate(path: Path, stage: StageFile, mistakes: list[str]) -> str:
    from gates.checks.gate_file import load_gate

    gate = gate_of(path, stage)
    try:
        load_gate(gate)
    except GateConfigError as error:
        mistakes += [f"{path}: gate: {mistake}" for mistake in error.mistakes]
    return gate


def _with_origin(mistake: str, preset: Path, overrides: Sequence[Override]) -> str:
    """Put the option or the file before a mistake that the trainer named by its key alone."""
    match = re.match(r"[\w.]+", mistake)
    key = match.group(0) if match else ""
    for override in overrides:
        own = ".".join(override.key)
        if key == own or key.startswith(own + "."):
            return f"--set {override.text}: {mistake}"
    return f"{preset}: {mistake}" if key.split(".")[0] in ("env", "train", "trainer") else mistake
