"""Preset and stage files: what may stand in them, and how they are found and loaded."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from flows.errors import ConfigError
from flows.settings.long_stage import LongStage
from flows.settings.mistakes import did_you_mean, mistake_text
from flows.settings.seeds import AutoSeeds
from flows.settings.stage_rules import is_path, shipped, shipped_file
from flows.settings.supervision import Supervision
from flows.settings.trainers.slots import Slot
from flows.settings.warm_start import WarmMode
from flows.settings.yaml_file import YamlError, non_finite_keys, read_mapping

SLUG = r"^[a-z0-9][a-z0-9-]*$"

Slug = Annotated[str, Field(pattern=SLUG, max_length=40)]
Count = Annotated[int, Field(ge=1, strict=True)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


_Model = TypeVar("_Model", bound=BaseModel)


class EvaluationCadence(_File):
    """When the policy is evaluated without noise."""

    every_steps: Count
    """Environment steps between two evaluations; becomes `train.eval_every_steps`."""
    episodes: Count
    """Episodes of one evaluation; becomes `train.eval_episodes`."""
    final_episodes: Count | None = None
    """Episodes at the end: of the last, the best and the untrained policy, and on training and held-out routes in
    environments with routes in config/routes; unset: as many as `episodes`."""

    until_decided: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Share of the stage's time that further episodes may take after training, where a required learning check lies
    within its noise; 0: none."""

    @property
    def at_the_end(self) -> int:
        """Episodes of each policy, and on each set of routes, at the end of the stage."""
        return self.final_episodes or self.episodes


class CheckpointCadence(_File):
    """When the trainer saves itself."""

    every_steps: Count
    """Environment steps between two checkpoints; becomes `train.checkpoint_every_steps`."""


class StageFile(LongStage):
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
    warm_start: WarmMode = "fresh"
    """What is taken over from the newest checkpoint of the stage before: nothing, the weights, or the
    optimisers' moments as well."""
    auto_seeds: AutoSeeds = AutoSeeds()
    """What `--seeds auto` may add; docs/seeds.md."""
    supervision: Supervision = Supervision()
    """How the training is watched; docs/supervision.md."""

    @model_validator(mode="after")
    def _within_the_stage(self) -> StageFile:
        late = [step for step in self.interim if step >= self.steps]
        if late:
            raise ValueError(f"interim: {late[0]:,} is not below the stage's {self.steps:,} steps")
        return self

    @property
    def long(self) -> LongStage:
        """What happens on the way to the end."""
        keys = LongStage.model_fields
        return LongStage.model_validate({key: getattr(self, key) for key in keys})


class PresetFile(_File):
    """A file of config/presets: `env` and `train` for our trainer, or `trainer` for any other.

    The trainer knows the keys of `env` and `train` and checks them.
    """

    name: Slug
    """Names the recipe in run folders and reports: lower-case letters, digits and dashes."""
    description: str = ""
    """One sentence for people."""
    env: dict[str, Any] | None = None
    """Environment: `id` and its own keys."""
    train: dict[str, Any] | None = None
    """Hyperparameters, the same for all stages."""
    trainer: Any = None
    """A trainer by command, in place of `env` and `train`."""
    slots: tuple[Slot, ...] | None = None
    """What only one training at a time may use on this machine: names of your own, such as `gpu-a`.
    Without the key: the CUDA device and the simulator ports of `env` and `train`."""

    @property
    def by_command(self) -> bool:
        """Whether the preset starts a trainer of the user's own."""
        return "trainer" in self.model_fields_set

    def misfits(self) -> list[str]:
        """Return what does not go together, one sentence each."""
        given = [key for key in ("env", "train") if getattr(self, key) is not None]
        if not self.by_command:
            return [
                f"{key}: missing; give env and train, or trainer for a trainer of your own"
                for key in ("env", "train")
                if key not in given
            ]
        return [
            f"{key}: is for our trainer and cannot stand beside trainer; put what your own one "
            "needs into trainer.values"
            for key in given
        ]


def load_stage(name: str) -> tuple[Path, StageFile]:
    """Load a stage by its name in config/stages or from a path that ends in .yaml.

    Raises:
        ConfigError: It is unknown or has mistakes.
    """
    mistakes: list[str] = []
    found = load_file("stage", name, StageFile, mistakes)
    if found is None:
        raise ConfigError(mistakes)
    return found


def known_stages(references: Iterable[str]) -> list[StageFile]:
    """Load the stages that a pipeline was asked for; files that are gone are left out."""
    found = []
    for name in references:
        try:
            found.append(load_stage(name)[1])
        except ConfigError:
            continue
    return found


def stage_after(name: str, references: Iterable[str]) -> StageFile | None:
    """Return the stage that follows one of the given ones; None after the last one, and of another stage."""
    stages = known_stages(references)
    names = [stage.name for stage in stages]
    following = names.index(name) + 1 if name in names else len(names)
    return stages[following] if following < len(names) else None


def stages_of(names: Iterable[str], references: Iterable[str]) -> tuple[str, ...]:
    """Return what names of stages stand for in a pipeline that was asked for `references`: its own files come first."""
    own: dict[str, str] = {}
    for file in filter(is_path, references):
        for stage in known_stages([file]):
            own[stage.name] = file
    return tuple(own.get(name, name) for name in names)


def reference(name: str) -> str:
    """Return a preset's or stage's name, or its path in a form that holds in every folder."""
    return str(Path(name).absolute()) if is_path(name) else name


def load_file(
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
        path = shipped_file(kind, name)
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
        mistakes += [f"{path}: {mistake_text(item, model)}" for item in error.errors()]
        return None
    return None if bad_numbers else (path, loaded)
