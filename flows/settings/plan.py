"""What a pipeline is to do: preset, stages, seed and overrides, resolved into a checked plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flows.errors import ConfigError
from flows.settings.long_stage import LongStage
from flows.settings.mistakes import Mistake
from flows.settings.overrides import ROOTS, Override, parse_overrides
from flows.settings.run_options import DEFAULT_PRESET, DEFAULT_STAGES, LiveMode, PlateauMode
from flows.settings.seeds import SEED_LIMIT, AutoSeeds
from flows.settings.setting_files import (
    PresetFile,
    StageFile,
    load_file,
    load_stage,
)
from flows.settings.stage_request import check_by_command, stage_request
from flows.settings.stage_rules import gate_reference, shipped
from flows.settings.supervision import Supervision
from flows.settings.trainers.command_trainer import TrainerCommand
from flows.settings.trainers.slots import derived_slots
from flows.settings.trainers.trainer_check import CheckResult, Needs, check_requests
from flows.settings.warm_start import WarmMode
from gates.errors import GateConfigError


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
    needs: Needs = field(default_factory=Needs)
    """What the training takes of the machine."""
    code: tuple[str, ...] = ()
    """Modules and packages of our trainer that decide what is learned."""
    slots: tuple[str, ...] = ()
    """What no other training on this machine may use meanwhile."""
    long: LongStage = field(default_factory=LongStage)
    """What ends or judges the training on its way."""
    until_decided: float = 0.0
    """Share of the stage's time that more episodes may take where learning is not decided."""
    auto_seeds: AutoSeeds = field(default_factory=AutoSeeds)
    """What `--seeds auto` may add."""
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


@dataclass(frozen=True, kw_only=True)
class _Stage:
    """A stage file and what becomes of it under one preset."""

    path: Path
    file: StageFile
    gate: str
    request: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Modes:
    """What was asked for in place of what stage files say."""

    live: LiveMode | None
    on_plateau: PlateauMode | None


def resolve_plan(
    *,
    preset: str = DEFAULT_PRESET,
    stages: Sequence[str] = DEFAULT_STAGES,
    seed: int = 0,
    overrides: Sequence[str] = (),
    live: LiveMode | None = None,
    on_plateau: PlateauMode | None = None,
) -> PipelinePlan:
    """Load and check everything before anything is started.

    Values come from the preset, the stage file's cadence and the overrides; the later one wins.
    `live` and `on_plateau` replace the stage files' modes.

    Raises:
        ConfigError: With all mistakes at once, each with its file or option and its key.
    """
    parsed, wrong = parse_overrides(overrides)
    mistakes = [*wrong, *_seed_mistakes(seed)]
    found = load_file("preset", preset, PresetFile, mistakes)
    files = _load_stages(stages, mistakes)
    gates = [_gate(path, file, mistakes) for path, file in files]
    if found is None:
        raise ConfigError(mistakes)
    path, content = found
    misfits = content.misfits()
    mistakes += [f"{path}: {misfit}" for misfit in misfits]
    drafts = []
    for (stage_path, file), gate in zip(files, gates, strict=True):
        request, odd = stage_request(content, file, seed, parsed)
        mistakes += [mistake for mistake in odd if mistake not in mistakes]
        drafts.append(_Stage(path=stage_path, file=file, gate=gate, request=request))
    askable = content.by_command or not (misfits or _seed_mistakes(seed))
    modes = _Modes(live=live, on_plateau=on_plateau)
    planned = _planned(drafts, content, path, modes) if askable else []
    mistakes += _with_origin((m for _, found in planned for m in found), path, parsed)
    if not mistakes:
        mistakes += _too_short([stage for stage, _ in planned])
    if mistakes:
        raise ConfigError(mistakes)
    return PipelinePlan(
        preset=content.name,
        description=content.description,
        seed=seed,
        overrides=tuple(overrides),
        stages=tuple(stage for stage, _ in planned),
    )


def _seed_mistakes(seed: int) -> list[str]:
    if 0 <= seed < SEED_LIMIT:
        return []
    return [f"--seed {seed}: must be at least 0 and below {SEED_LIMIT}"]


def _load_stages(stages: Sequence[str], mistakes: list[str]) -> list[tuple[Path, StageFile]]:
    """Load the stage files; those that cannot be used are left out."""
    if not stages:
        mistakes.append("--stages: name at least one stage")
    found = [load_file("stage", stage, StageFile, mistakes) for stage in stages]
    files = [each for each in found if each is not None]
    names = [file.name for _, file in files]
    mistakes += [
        f"--stages: the stage {name} is named twice"
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    return files


def _gate(path: Path, stage: StageFile, mistakes: list[str]) -> str:
    from gates.checks.gate_file import load_gate

    gate = gate_reference(path, stage.gate)
    try:
        load_gate(gate)
    except GateConfigError as error:
        mistakes += [f"{path}: gate: {mistake}" for mistake in error.mistakes]
    return gate


def _planned(
    drafts: Sequence[_Stage], preset: PresetFile, path: Path, modes: _Modes
) -> list[tuple[StagePlan, tuple[Mistake, ...]]]:
    """Check the requests; return each stage with what the trainer says against it."""
    folder = path.absolute().parent
    if preset.by_command:
        checked = [check_by_command(draft.request, draft.file, folder) for draft in drafts]
    else:
        checked = [(None, answer) for answer in check_requests([d.request for d in drafts])]
    return [
        (_stage_plan(draft, preset, answer, trainer, modes), answer.mistakes)
        for draft, (trainer, answer) in zip(drafts, checked, strict=True)
    ]


def _too_short(stages: Sequence[StagePlan]) -> list[str]:
    """Refuse stages whose gate needs more updates than the recipe makes in them; name the shortest that can judge."""
    from gates.checks.decidable import too_short
    from gates.checks.gate_file import load_gate

    mistakes = []
    known = sorted((file.steps, file.name) for _, file in map(load_stage, shipped("stage")))
    for stage in stages:
        found = too_short(stage.resolved.get("train", {}), stage.steps, load_gate(stage.gate))
        if found is None:
            continue
        longer = [name for steps, name in known if steps >= found.steps_needed]
        advice = f"begin with --stages {longer[0]}" if longer else "make the stage longer"
        mistakes.append(f"stage {stage.name} cannot judge this recipe: {found.sentence}; {advice}")
    return mistakes


def _stage_plan(
    draft: _Stage,
    preset: PresetFile,
    answer: CheckResult,
    trainer: TrainerCommand | None,
    modes: _Modes,
) -> StagePlan:
    return StagePlan(
        name=draft.file.name,
        steps=draft.file.steps,
        gate=draft.gate,
        source=draft.path,
        request=draft.request,
        resolved=answer.resolved,
        trainer=trainer,
        supervision=draft.file.supervision.with_live(modes.live),
        needs=answer.needs,
        code=answer.code,
        slots=derived_slots(answer.needs) if preset.slots is None else preset.slots,
        long=draft.file.long.with_plateau_mode(modes.on_plateau),
        until_decided=draft.file.eval.until_decided,
        auto_seeds=draft.file.auto_seeds,
        begin=draft.file.warm_start,
    )


def _with_origin(
    mistakes: Iterable[Mistake], preset: Path, overrides: Sequence[Override]
) -> list[str]:
    """Put the option or the file before each mistake, which names its key alone."""
    return list(dict.fromkeys(f"{_origin(m.key, preset, overrides)}{m}" for m in mistakes))


def _origin(key: str, preset: Path, overrides: Sequence[Override]) -> str:
    for override in overrides:
        own = ".".join(override.key)
        if key == own or key.startswith(own + "."):
            return f"--set {override.text}: "
    return f"{preset}: " if key.split(".")[0] in ROOTS else ""
