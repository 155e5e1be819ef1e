"""Gate files: YAML lists of typed checks, all mistakes reported at once with file and key."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated

import yaml
from msgspec import Meta

from gates.checks.seeds_needed import SeedsNeeded
from gates.checks.types.registry import AnyCheck
from gates.errors import GateConfigError
from gates.runs.config_files import config_dir, parse_yaml
from gates.schema import Count, Keys, MistakesError, Text, plain, read


class GateSpec(Keys, frozen=True, kw_only=True):
    """The checks of one stage, and what that stage cannot decide."""

    name: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\Z",
            description="letters, digits, dots, dashes and underscores, a letter or digit first",
        ),
    ]
    """Name of the gate, usually that of its stage."""
    description: Text
    """What the stage is for, one or two sentences."""
    steps: Count | None = None
    """Environment steps of the stage; used as the plan when the run does not tell its own."""
    next_steps: Count | None = None
    """Environment steps of the stage that a GO would start."""
    not_decided: tuple[str, ...] = ()
    """What this stage cannot decide, one sentence each."""
    seeds_needed: SeedsNeeded = "all"
    """Seeds that must end GO where several are trained: `all`, a count (4) or a share (0.8)."""
    checks: Annotated[tuple[AnyCheck, ...], Meta(min_length=1)]
    """The checks, in the order of the file."""

    def __post_init__(self) -> None:
        """Refuse checks that do not go together."""
        ids = [check.id for check in self.checks]
        twice = sorted({i for i in ids if ids.count(i) > 1})
        if twice:
            raise ValueError(f"check ids must be unique; used twice: {', '.join(twice)}")
        if all(check.dry_run for check in self.checks):
            raise ValueError("every check is a dry run: nothing could decide")
        for check in self.checks:
            for name in check.reads:
                if name not in ids:
                    raise ValueError(f"{check.id}: there is no check {name!r} to compare")

    @property
    def sha256(self) -> str:
        """Hash of the rules for one run: equal when every check and level is equal, whatever the file looks like.

        `seeds_needed` is left out: it judges no run, so changing it must not make a run's verdict old.
        """
        rules = plain(self)
        del rules["seeds_needed"]
        text = json.dumps(rules, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def gate_names() -> tuple[str, ...]:
    """Return the names of the gates that come with the product."""
    return tuple(sorted(path.stem for path in (config_dir() / "gates").glob("*.yaml")))


def load_gate(name_or_path: str | Path) -> GateSpec:
    """Load a gate by its name (`5k`, in config/gates) or from a file.

    Raises:
        GateConfigError: The file is missing or has mistakes; each is named with file and key.
    """
    path = Path(name_or_path)
    if isinstance(name_or_path, str) and path.suffix not in (".yaml", ".yml"):
        shipped = config_dir() / "gates" / f"{name_or_path}.yaml"
        if not shipped.is_file():
            raise GateConfigError(
                (f"no gate named {name_or_path!r}; there are {', '.join(gate_names())}",)
            )
        path = shipped
    return parse_gate(_with_base(_read(path), path), str(path))


def _with_base(data: object, path: Path, seen: tuple[Path, ...] = ()) -> object:
    """Add the checks of the gate named under `based_on`; a check of the same id replaces the base's one.

    Raises:
        GateConfigError: The base is missing, or gates build on each other in a circle.
    """
    if not isinstance(data, dict) or "based_on" not in data:
        return data
    name = str(data["based_on"])
    base = path.parent / f"{name}.yaml"
    if base.resolve() in (path.resolve(), *seen):
        raise GateConfigError((f"{path}: based_on: {name} builds on this gate itself",))
    if not base.is_file():
        base = config_dir() / "gates" / f"{name}.yaml"
    if not base.is_file():
        there = ", ".join(gate_names())
        raise GateConfigError((f"{path}: based_on: no gate named {name!r}; there are {there}",))
    below = _with_base(_read(base), base, (*seen, path.resolve()))
    inherited = below.get("checks") if isinstance(below, dict) else None
    own = data.get("checks", [])
    if not isinstance(inherited, list) or not isinstance(own, list):
        return {key: value for key, value in data.items() if key != "based_on"}
    replaced = {check.get("id"): check for check in own if isinstance(check, dict)}
    kept = [replaced.pop(c.get("id"), c) if isinstance(c, dict) else c for c in inherited]
    new = [c for c in own if not isinstance(c, dict) or c.get("id") in replaced]
    merged = {key: value for key, value in data.items() if key != "based_on"}
    return {**merged, "checks": [*kept, *new]}


def _read(path: Path) -> object:
    try:
        return parse_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise GateConfigError((f"{path}: cannot be read: {error}",)) from error
    except yaml.YAMLError as error:
        raise GateConfigError((f"{path}: is no YAML: {' '.join(str(error).split())}",)) from error


def parse_gate(data: object, origin: str) -> GateSpec:
    """Build a gate from the content of its file.

    Raises:
        GateConfigError: There are mistakes; `origin` names the file in each.
    """
    try:
        return read(data, GateSpec)
    except MistakesError as error:
        raise GateConfigError(
            tuple(f"{origin}: {_place(m.place, data)}: {m.text}" for m in error.mistakes)
        ) from error


def _place(place: tuple[int | str, ...], data: object) -> str:
    """Return the key as it stands in the file, a check with its id."""
    if len(place) < 2 or place[0] != "checks":
        return ".".join(map(str, place)) or "(top)"
    number = place[1]
    try:
        name = f" ({data['checks'][number]['id']})"  # type: ignore[index]
    except (KeyError, IndexError, TypeError):
        name = ""
    return ".".join([f"checks[{number}]{name}", *map(str, place[2:])])
