"""What a pipeline is to do: preset, stages, seed and overrides, resolved into a checked plan."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flows.errors import ConfigError
from flows.nearest import did_you_mean
from flows.overrides import Override, apply_overrides, parse_overrides
from flows.trainer_check import CheckResult, check_requests
from flows.yaml_file import YamlError, non_finite_keys, read_mapping
from gates.config_files import config_dir
from gates.errors import GateConfigError

SLUG = r"^[a-z0-9][a-z0-9-]*$"
DEFAULT_PRESET = "drive"
DEFAULT_STAGES = ("5k", "50k", "1m")
SEED_LIMIT = 2**31

Slug = Annotated[str, Field(pattern=SLUG, max_length=40)]
Count = Annotated[int, Field(ge=1, strict=True)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


_Model = TypeVar("_Model", bound=_File)


class EvaluationCadence(_File):
    """When the policy is evaluated without noise."""

    every_steps: Count
    """Environment steps between two evaluations; becomes `train.eval_every_steps`."""
    episodes: Count
    """Episodes of one evaluation; becomes `train.eval_episodes`."""


class CheckpointCadence(_File):
    """When the trainer saves itself."""

    every_steps: Count
    """Environment steps between two checkpoints; becomes `train.checkpoint_every_steps`."""


class StageFile(_File):
    """A file of config/stages."""

    name: Slug
    """Names the stage's folder and its report: lower-case letters, digits and dashes."""
    description: str = ""
    """One sentence for people."""
    steps: Count
    """Environment steps to train."""
    gate: str = Field(min_length=1)
    """Name of a file in config/gates, or a path, relative to the stage file, that ends in .yaml."""
    eval: EvaluationCadence
    checkpoint: CheckpointCadence


class PresetFile(_File):
    """A file of config/presets; the trainer knows the keys of `env` and `train` and checks them."""

    name: Slug
    description: str = ""
    """One sentence for people."""
    env: dict[str, Any]
    """Environment: `id` and its own keys."""
    train: dict[str, Any]
    """Hyperparameters, the same for all stages."""


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
) -> PipelinePlan:
    """Load and check everything before anything is started.

    Values come from the preset, the stage file's cadence and the overrides; the later one wins.

    Raises:
        ConfigError: With all mistakes at once, each with its file or option and its key.
    """
    mistakes: list[str] = []
    parsed, override_mistakes = parse_overrides(overrides)
    mistakes += override_mistakes
    if not 0 <= seed < SEED_LIMIT:
        mistakes.append(f"--seed {seed}: must be at least 0 and below {SEED_LIMIT}")
    preset_file = _load("preset", preset, PresetFile, mistakes)
    stage_files = [_load("stage", stage, StageFile, mistakes) for stage in stages]
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
            )
            for found, gate, request, result in zip(
                (f for f in stage_files if f), gates, requests, checked, strict=True
            )
        ),
    )


def load_stage(name: str) -> tuple[Path, StageFile]:
    """Load a stage by its name in config/stages or from a path that ends in .yaml.

    Raises:
        ConfigError: It is unknown or has mistakes.
    """
    mistakes: list[str] = []
    found = _load("stage", name, StageFile, mistakes)
    if found is None:
        raise ConfigError(mistakes)
    return found


def gate_of(path: Path, stage: StageFile) -> str:
    """Return the stage's gate as `gates.spec.load_gate` takes it."""
    if stage.gate.endswith((".yaml", ".yml")):
        return str((path.parent / stage.gate).resolve())
    return stage.gate


def reference(name: str) -> str:
    """Return a preset's or stage's name, or its path in a form that holds in every folder."""
    return str(Path(name).absolute()) if is_path(name) else name


def is_path(name: str) -> bool:
    """Tell a path from a name."""
    return name.endswith((".yaml", ".yml")) or "/" in name


def shipped(kind: str) -> tuple[str, ...]:
    """Names of the presets or stages that come with the product."""
    return tuple(sorted(path.stem for path in (config_dir() / f"{kind}s").glob("*.yaml")))


def _load(
    kind: str, name: str, model: type[_Model], mistakes: list[str]
) -> tuple[Path, _Model] | None:
    """Load one file; what is wrong with it is added to `mistakes`."""
    if is_path(name):
        path = Path(name)
        if not path.is_file():
            mistakes.append(f"{kind} file {name}: there is no such file")
            return None
    else:
        known = shipped(kind)
        if name not in known:
            hint = did_you_mean(name, known) or "."
            mistakes.append(
                f"unknown {kind} {name!r}{hint} "
                f"There are {', '.join(known)}; a path to a .yaml file works as well."
            )
            return None
        path = config_dir() / f"{kind}s" / f"{name}.yaml"
    try:
        data = read_mapping(path)
    except YamlError as error:
        mistakes.append(f"{path}: {error}")
        return None
    bad_numbers = [
        f"{path}: {key}: NaN and infinity are not accepted" for key in non_finite_keys(data)
    ]
    mistakes += bad_numbers
    try:
        loaded = model.model_validate(data)
    except ValidationError as error:
        mistakes += [f"{path}: {_sentence(item, model)}" for item in error.errors()]
        return None
    return None if bad_numbers else (path, loaded)


def _sentence(item: Mapping[str, Any], model: type[BaseModel]) -> str:
    parts = [str(part) for part in item["loc"]]
    key = ".".join(parts)
    if item["type"] == "extra_forbidden":
        fields: Any = model.model_fields
        for part in parts[:-1]:
            fields = fields[part].annotation.model_fields
        return f"{key}: unknown key{did_you_mean(parts[-1], fields)}"
    if item["type"] == "missing":
        return f"{key}: missing"
    if item["type"] == "string_pattern_mismatch":
        return f"{key}: must be lower-case letters, digits and dashes, got {item['input']!r}"
    message = str(item["msg"])
    return f"{key}: {message[0].lower()}{message[1:]}, got {item['input']!r}"


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
