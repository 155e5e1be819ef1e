"""Mapping files: which tags of another trainer mean what, as checked YAML."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import yaml
from msgspec import Meta, field

from gates.algorithms import Algorithm
from gates.errors import GateConfigError
from gates.runs.config_files import config_dir, parse_yaml
from gates.schema import Count, Keys, MistakesError, nearest, read
from gates.tags import CANONICAL_TAGS, OTHER_ALGORITHMS_TAGS

OWN = "own"
"""Another name of the dialect `gonogo`: the tags of docs/run-directory.md."""


class OneOrMany(tuple[str, ...]):
    """Texts; one of them may stand in the file by itself."""

    __slots__ = ()

    @classmethod
    def of(cls, value: object) -> OneOrMany:
        """Take one text or a list of them.

        Raises:
            ValueError: It is neither.
        """
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, (list, tuple)) or not all(isinstance(v, str) for v in values):
            raise ValueError(f"must be text or a list of texts, got {value!r}")
        return cls(values)


class CanonicalTag(str):
    """A tag of docs/run-directory.md."""

    __slots__ = ()

    @classmethod
    def of(cls, value: object) -> CanonicalTag:
        """Refuse any other.

        Raises:
            ValueError: There is no such tag.
        """
        known = (*CANONICAL_TAGS, *OTHER_ALGORITHMS_TAGS)
        if value not in known:
            raise ValueError(f"{value!r} is no canonical tag{nearest(str(value), known)}")
        return cls(value)


class CanonicalTags(OneOrMany):
    """Tags of docs/run-directory.md."""

    __slots__ = ()

    @classmethod
    def of(cls, value: object) -> CanonicalTags:
        """Refuse any other.

        Raises:
            ValueError: There is no such tag.
        """
        return cls(map(CanonicalTag.of, OneOrMany.of(value)))


class Signature(Keys, frozen=True, kw_only=True):
    """Tags by which a trainer is recognised."""

    any_of: Annotated[tuple[str, ...], Meta(min_length=1)] = ()
    """Typical tags; the trainer with the largest share of its tags in the log is the likeliest."""
    all_of: tuple[str, ...] = ()
    """Without all of these it is not this trainer."""
    none_of: tuple[str, ...] = ()
    """With one of these it is not this trainer."""


class EpisodeAxis(Keys, frozen=True, kw_only=True):
    """How episode numbers become environment steps."""

    length: str
    """Tag of the episode length, itself indexed by episode number."""


class UpdateAxis(Keys, frozen=True, kw_only=True):
    """How update counts become environment steps."""

    updates: str = ""
    """Tag whose values count updates; empty where the steps of `steps` do."""
    steps: str
    """Tag whose values count environment steps; its k-th point belongs to the k-th of `updates`."""


class UpdateLength(Keys, frozen=True, kw_only=True):
    """How many environment steps an update stands for, from the speed and the time that one takes."""

    steps_per_s: str
    """Tag of the environment steps per second."""
    seconds: Annotated[tuple[str, ...], Meta(min_length=1)]
    """Tags that add up to the seconds of one update."""


class AlgorithmEntry(Keys, frozen=True, kw_only=True):
    """An algorithm that is recognised by the tags it logs."""

    names: Annotated[tuple[Algorithm, ...], Meta(min_length=1)]
    """Algorithms that log these tags; several where the tags do not tell them apart."""
    all_of: tuple[str, ...] = ()
    """Without all of these it is another one."""
    none_of: tuple[str, ...] = ()
    """With one of these it is another one."""


class TagEntry(Keys, frozen=True, kw_only=True):
    """What one tag means."""

    to: CanonicalTags = CanonicalTags()
    """Canonical tags that take its values; empty to keep its own name."""
    axis: Literal["env_step", "episode", "update", "auto"] = "env_step"
    """What its steps count; `auto` is `episode` where the steps are plainly episode numbers, else
    `env_step`. `update` is any counter of updates, iterations or training calls."""
    step_factor: Count = 1
    """Environment steps for each step of this tag, where that is a fixed number."""
    factor: float = 1.0
    """Multiplies the values exactly; -1 negates."""
    absent_value: float | None = None
    """Value that is logged when nothing was measured; such points are left out."""
    aggregated: str = ""
    """What each value sums up, when the canonical tag means a single measurement."""
    note: str = ""
    """What a reader of a verdict must know about it."""


class DerivedEntry(Keys, frozen=True, kw_only=True):
    """A canonical tag that follows exactly from others: factor * sum(from) * times / over."""

    to: CanonicalTag
    """Canonical tag that is computed."""
    sources: OneOrMany = field(name="from")
    """Tags that are added up, by their canonical or their own names."""
    factor: float = 1.0
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

    def __post_init__(self) -> None:
        """Refuse a formula that is not whole."""
        if not self.sources:
            raise ValueError("from must name at least one tag")
        if bool(self.times) != bool(self.over):
            raise ValueError("times and over go together")

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


class Dialect(Keys, frozen=True, kw_only=True):
    """The tag names of one trainer."""

    name: Annotated[
        str,
        Meta(pattern=r"^[a-z0-9_]+\Z", description="lower-case letters, digits and underscores"),
    ]
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
    tags: dict[str, TagEntry] = field(default_factory=dict)
    """Logged tag -> meaning. Tags that are not listed keep their names; of several that mean the same canonical tag
    the first one that is logged is taken."""
    derived: tuple[DerivedEntry, ...] = ()
    """Tags that are computed in this order when they are not logged."""

    def __post_init__(self) -> None:
        """Refuse an axis that nothing places."""
        for tag, entry in self.tags.items():
            if entry.axis in ("episode", "auto") and self.episode_axis is None:
                raise ValueError(f"tags.{tag}: axis {entry.axis!r} needs episode_axis")


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
            hint = nearest(str(path), known)
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
        return read(data, Dialect)
    except MistakesError as error:
        raise GateConfigError(
            tuple(
                f"{origin}: {'.'.join(map(str, m.place)) or '(top)'}: {m.text}"
                for m in error.mistakes
            )
        ) from error


def dialect_names() -> tuple[str, ...]:
    """Return the names of the shipped dialects."""
    return tuple(sorted(path.stem for path in (config_dir() / "dialects").glob("*.yaml")))


def shipped_dialects() -> Iterator[Dialect]:
    """Load the shipped dialects one by one, in the order of their names."""
    for name in dialect_names():
        yield load_dialect(config_dir() / "dialects" / f"{name}.yaml")
