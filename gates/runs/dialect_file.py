"""Mapping files: which tags of another trainer mean what, as checked YAML."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from gates.algorithms import Algorithm
from gates.errors import GateConfigError
from gates.runs.config_files import config_dir, parse_yaml
from gates.tags import CANONICAL_TAGS, OTHER_ALGORITHMS_TAGS

Factor = Annotated[float, Field(allow_inf_nan=False)]
OWN = "own"
"""Another name of the dialect `gonogo`: the tags of docs/run-directory.md."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


class Signature(_Strict):
    """Tags by which a trainer is recognised."""

    any_of: tuple[str, ...] = Field(default=(), min_length=1)
    """Typical tags; the trainer with the largest share of its tags in the log is the likeliest."""
    all_of: tuple[str, ...] = ()
    """Without all of these it is not this trainer."""
    none_of: tuple[str, ...] = ()
    """With one of these it is not this trainer."""


class EpisodeAxis(_Strict):
    """How episode numbers become environment steps."""

    length: str
    """Tag of the episode length, itself indexed by episode number."""


class UpdateAxis(_Strict):
    """How update counts become environment steps."""

    updates: str = ""
    """Tag whose values count updates; empty where the steps of `steps` do."""
    steps: str
    """Tag whose values count environment steps; its k-th point belongs to the k-th of `updates`."""


class UpdateLength(_Strict):
    """How many environment steps an update stands for, from the speed and the time that one takes."""

    steps_per_s: str
    """Tag of the environment steps per second."""
    seconds: tuple[str, ...] = Field(min_length=1)
    """Tags that add up to the seconds of one update."""


class AlgorithmEntry(_Strict):
    """An algorithm that is recognised by the tags it logs."""

    names: tuple[Algorithm, ...] = Field(min_length=1)
    """Algorithms that log these tags; several where the tags do not tell them apart."""
    all_of: tuple[str, ...] = ()
    """Without all of these it is another one."""
    none_of: tuple[str, ...] = ()
    """With one of these it is another one."""


class TagEntry(_Strict):
    """What one tag means."""

    to: tuple[str, ...] = ()
    """Canonical tags that take its values; empty to keep its own name."""
    axis: Literal["env_step", "episode", "update", "auto"] = "env_step"
    """What its steps count; `auto` is `episode` where the steps are plainly episode numbers, else
    `env_step`. `update` is any counter of updates, iterations or training calls."""
    step_factor: int = Field(default=1, ge=1)
    """Environment steps for each step of this tag, where that is a fixed number."""
    factor: Factor = 1.0
    """Multiplies the values exactly; -1 negates."""
    absent_value: Factor | None = None
    """Value that is logged when nothing was measured; such points are left out."""
    aggregated: str = ""
    """What each value sums up, when the canonical tag means a single measurement."""
    note: str = ""
    """What a reader of a verdict must know about it."""

    @field_validator("to", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("to")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_canonical(tag) for tag in value)


class DerivedEntry(_Strict):
    """A canonical tag that follows exactly from others: factor * sum(from) * times / over."""

    to: str
    """Canonical tag that is computed."""
    sources: tuple[str, ...] = Field(alias="from", min_length=1)
    """Tags that are added up, by their canonical or their own names."""
    factor: Factor = 1.0
    """Multiplies the sum exactly."""
    times: str = ""
    """Tag that multiplies the sum, point by point."""
    over: str = ""
    """Tag that divides it; `times` and `over` are given together."""
    replaces_logged: bool = False
    """True when a logged tag of that name means something else; otherwise a logged tag stays."""
    unless_logged: tuple[str, ...] = ()
    """Tags that show that the formula does not hold."""
    note: str = ""
    """Stands behind the formula wherever the values are shown."""

    @field_validator("sources", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("to")
    @classmethod
    def _known(cls, value: str) -> str:
        return _canonical(value)

    @model_validator(mode="after")
    def _whole_ratio(self) -> DerivedEntry:
        if bool(self.times) != bool(self.over):
            raise ValueError("times and over go together")
        return self

    @property
    def formula(self) -> str:
        """The computation in words: `-train/actor_loss`."""
        total = " + ".join(self.sources)
        if self.factor == -1.0 and len(self.sources) == 1:
            total = f"-{total}"
        elif self.factor != 1.0:
            total = (
                f"{self.factor:g} * ({total})"
                if len(self.sources) > 1
                else f"{self.factor:g} * {total}"
            )
        return f"{total} * {self.times} / {self.over}" if self.times else total


class Dialect(_Strict):
    """The tag names of one trainer."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    """Name of the dialect: lower-case letters, digits and underscores."""
    title: str
    """Name for people."""
    source: str = ""
    """Where the names were taken from: program, version, file."""
    signature: Signature | None = None
    """None in a mapping file that is always given by hand."""
    episode_axis: EpisodeAxis | None = None
    update_axis: tuple[UpdateAxis, ...] = ()
    """The first one whose tags are logged is used; without any, updates are placed by their wall time."""
    update_length: tuple[UpdateLength, ...] = ()
    """Used where no `update_axis` applies; the first one whose tags are logged."""
    algorithms: tuple[AlgorithmEntry, ...] = ()
    """The first one that fits the logged tags is the algorithm."""
    tags: dict[str, TagEntry] = Field(default_factory=dict)
    """Logged tag -> meaning. Tags that are not listed keep their names; of several that mean the same canonical tag
    the first one that is logged is taken."""
    derived: tuple[DerivedEntry, ...] = ()
    """Tags that are computed in this order when they are not logged."""

    @model_validator(mode="after")
    def _axes(self) -> Dialect:
        for tag, entry in self.tags.items():
            if entry.axis in ("episode", "auto") and self.episode_axis is None:
                raise ValueError(f"tags.{tag}: axis {entry.axis!r} needs episode_axis")
        return self


_EPISODES = {tag: TagEntry(axis="auto") for tag in ("train/episode_length", "train/episode_reward")}
UNKNOWN = Dialect(
    name="unknown",
    title="an unknown trainer",
    episode_axis=EpisodeAxis(length="train/episode_length"),
    tags=_EPISODES,
)
"""Every tag keeps its name and nothing is derived; episode numbers are recognised as such."""


def load_dialect(path: Path) -> Dialect:
    """Load a mapping file, or a shipped dialect by its name (`sb3`; `own` is `gonogo`).

    Raises:
        GateConfigError: The file is missing or has mistakes; each is named with file and key.
    """
    if not path.suffix and not path.is_file():
        name = "gonogo" if str(path) == OWN else str(path)
        shipped = config_dir() / "dialects" / f"{name}.yaml"
        if not shipped.is_file():
            known = (OWN, *(name for name in dialect_names() if name != "gonogo"))
            hint = _nearest(str(path), known)
            raise GateConfigError(
                (f"no dialect named {str(path)!r}{hint}; there are {', '.join(known)}",)
            )
        path = shipped
    try:
        data = parse_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise GateConfigError((f"{path}: cannot be read: {reason}",)) from error
    except yaml.YAMLError as error:
        raise GateConfigError((f"{path}: is no YAML: {' '.join(str(error).split())}",)) from error
    return parse_dialect(data, str(path))


def parse_dialect(data: object, origin: str) -> Dialect:
    """Build a dialect from the content of its file.

    Raises:
        GateConfigError: There are mistakes; `origin` names the file in each.
    """
    if not isinstance(data, dict):
        raise GateConfigError((f"{origin}: must be a mapping of keys to values",))
    try:
        return Dialect.model_validate(data)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise GateConfigError(tuple(f"{origin}: {_sentence(d)}" for d in details)) from error


def dialect_names() -> tuple[str, ...]:
    """Return the names of the shipped dialects."""
    return tuple(sorted(path.stem for path in (config_dir() / "dialects").glob("*.yaml")))


def shipped_dialects() -> tuple[Dialect, ...]:
    """Load all shipped dialects, in the order of their names."""
    return tuple(
        load_dialect(config_dir() / "dialects" / f"{name}.yaml") for name in dialect_names()
    )


def _canonical(tag: str) -> str:
    known = (*CANONICAL_TAGS, *OTHER_ALGORITHMS_TAGS)
    if tag not in known:
        raise ValueError(f"{tag!r} is no canonical tag{_nearest(tag, known)}")
    return tag


def _sentence(detail: Any) -> str:
    location = [str(part) for part in detail["loc"]]
    key = ".".join(location) or "(top)"
    kind, message = detail["type"], str(detail["msg"]).removeprefix("Value error, ")
    if kind == "extra_forbidden":
        return f"{key}: unknown key{_nearest(location[-1], _keys_beside(location))}"
    if kind == "missing":
        return f"{key}: is missing"
    if isinstance(detail.get("input"), (str, int, float, bool)) and kind != "value_error":
        return f"{key}: {message[:1].lower()}{message[1:]}, got {detail['input']!r}"
    return f"{key}: {message[:1].lower()}{message[1:]}"


def _keys_beside(location: list[str]) -> tuple[str, ...]:
    models: dict[str, type[BaseModel]] = {
        "signature": Signature,
        "episode_axis": EpisodeAxis,
        "update_axis": UpdateAxis,
        "update_length": UpdateLength,
        "algorithms": AlgorithmEntry,
        "tags": TagEntry,
        "derived": DerivedEntry,
    }
    model = Dialect if len(location) == 1 else models.get(location[0], Dialect)
    return tuple(field.alias or name for name, field in model.model_fields.items())


def _nearest(word: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f", did you mean {near[0]!r}?" if near else ""
