"""What a pipeline is to do: preset, stages, seed and overrides, resolved into a checked plan."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.errors import ConfigError
from flows.settings.overrides import Override, apply_overrides, parse_overrides
from flows.settings.setting_files import PresetFile, StageFile, gate_of, load_file
from flows.settings.supervision import LiveMode, Supervision
from flows.settings.trainer_check import CheckResult, check_requests
from gates.errors import GateConfigError

DEFAULT_PRESET = "drive"
DEFAULT_STAGES = ("5k", "50k", "1m")
SEED_LIMIT = 2**31


@dataclass(frozen=True, kw_only=True)
class StagePlan:
    """One stage, ready to be trained and judged."""

    name: str
    steps: int
    gate: str
    """Name or absolute path, as `gates.spec.load_gate` takes it."""
    source: Path
    """Stage file."""
    request: Mapping[str, Any]
    """Content of request.json."""
    resolved: Mapping[str, Any]
    """`env` and `train` with every default, as the trainer resolved them."""
    supervision: Supervision = field(default_factory=Supervision)
    """How the training is watched; it does not shape what is learned."""


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
    requests: list[dict[str, Any]] = []
    for found in stage_files:
        if found is None:
            continue
        request, misfits = _request(content, found[1], seed, parsed)
        mistakes += [misfit for misfit in misfits if misfit not in mistakes]
        requests.append(request)
    checked: list[CheckResult] = check_requests(requests) if 0 <= seed < SEED_LIMIT else []
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
                supervision=found[1].supervision.with_live(live),
            )
            for found, gate, request, result in zip(
                (f for f in stage_files if f), gates, requests, checked, strict=True
            )
        ),
    )


def _gate(path: Path, stage: StageFile, mistakes: list[str]) -> str:
    from gates.spec import load_gate

    gate = gate_of(path, stage)
    try:
        load_gate(gate)
    except GateConfigError as error:
        mistakes += [f"{path}: gate: {mistake}" for mistake in error.mistakes]
    return gate


def _request(
    preset: PresetFile, stage: StageFile, seed: int, overrides: Sequence[Override]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    cadence = {
        "eval_every_steps": stage.eval.every_steps,
        "eval_episodes": stage.eval.episodes,
        "checkpoint_every_steps": stage.checkpoint.every_steps,
    }
    base = {"env": preset.env, "train": {**preset.train, **cadence}}
    config, misfits = apply_overrides(base, overrides)
    request = {
        "format": 1,
        "preset": preset.name,
        "stage": stage.name,
        "planned_steps": stage.steps,
        "seed": seed,
        **config,
    }
    return request, misfits


def _with_origin(mistake: str, preset: Path, overrides: Sequence[Override]) -> str:
    """Put the option or the file before a mistake that the trainer named by its key alone."""
    match = re.match(r"[\w.]+", mistake)
    key = match.group(0) if match else ""
    for override in overrides:
        own = ".".join(override.key)
        if key == own or key.startswith(own + "."):
            return f"--set {override.text}: {mistake}"
    return f"{preset}: {mistake}" if key.split(".")[0] in ("env", "train") else mistake
