"""Gate files: YAML lists of typed checks, all mistakes reported at once with file and key."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError, model_validator

from gates.checks.keys import Strict
from gates.checks.types.registry import CHECK_TYPES, AnyCheck
from gates.errors import GateConfigError
from gates.runs.config_files import config_dir, parse_yaml
from gates.seeds_needed import SeedsNeeded


class GateSpec(Strict):
    """The checks of one stage, and what that stage cannot decide."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Name of the gate, usually that of its stage."""
    description: str = Field(min_length=1)
    """What the stage is for, one or two sentences."""
    steps: int | None = Field(default=None, ge=1)
    """Environment steps of the stage; used as the plan when the run does not tell its own."""
    next_steps: int | None = Field(default=None, ge=1)
    """Environment steps of the stage that a GO would start, for forecasts."""
    not_decided: tuple[str, ...] = ()
    """What this stage cannot decide, one sentence each."""
    seeds_needed: SeedsNeeded = "all"
    """Seeds that must end GO where several are trained: `all`, a count (4) or a share (0.8)."""
    checks: tuple[Annotated[AnyCheck, Field(discriminator="type")], ...] = Field(min_length=1)
    """The checks, in the order of the file."""

    @model_validator(mode="after")
    def _consistent(self) -> GateSpec:
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
        return self

    @property
    def sha256(self) -> str:
        """Hash of the rules for one run: equal when every check and level is equal, whatever the file looks like.

        `seeds_needed` is left out: it judges no run, so changing it must not make a run's verdict old.
        """
        text = json.dumps(self.model_dump(mode="json", exclude={"seeds_needed"}), sort_keys=True)
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
        return GateSpec.model_validate(data)
    except ValidationError as error:
        raise GateConfigError(tuple(_mistakes(error, data, origin))) from error


def _mistakes(error: ValidationError, data: object, origin: str) -> Iterable[str]:
    details = error.errors(include_url=False)
    in_checks = any(
        detail["loc"][:1] == ("checks",) and len(detail["loc"]) > 1 for detail in details
    )
    for detail in details:
        if in_checks and detail["loc"] == ("checks",):
            continue  # Only says that no check is left once those with mistakes are gone.
        location, keys = _key(detail["loc"], data)
        yield f"{origin}: {location}: {_sentence(detail, keys)}"


def _key(location: tuple[int | str, ...], data: object) -> tuple[str, tuple[str, ...]]:
    """Return the key as it stands in the file and the keys that are allowed beside it."""
    parts = list(location)
    if not parts:
        return "(top)", ()
    keys: tuple[str, ...] = tuple(GateSpec.model_fields)
    if parts[0] == "checks" and len(parts) > 1 and isinstance(parts[1], int):
        name = _check_id(data, parts[1])
        rest = [str(part) for part in parts[2:]]
        if rest and rest[0] in CHECK_TYPES:
            keys = tuple(CHECK_TYPES[rest[0]].model_fields)
            rest = rest[1:]
        if len(rest) > 1:
            keys = ()
        return ".".join([f"checks[{parts[1]}]{name}", *rest]), keys
    return ".".join(str(part) for part in parts), keys


def _check_id(data: object, index: int) -> str:
    try:
        return f" ({data['checks'][index]['id']})"  # type: ignore[index]
    except (KeyError, IndexError, TypeError):
        return ""


def _sentence(detail: Any, keys: tuple[str, ...]) -> str:
    kind, message = detail["type"], detail["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        unknown = str(detail["loc"][-1])
        return f"unknown key{_nearest(unknown, keys)}"
    if kind == "union_tag_invalid":
        given = str(detail["ctx"]["tag"])
        return f"unknown type {given!r}{_nearest(given, tuple(CHECK_TYPES))}; there are {', '.join(CHECK_TYPES)}"
    if kind == "union_tag_not_found":
        return f"type is missing; there are {', '.join(CHECK_TYPES)}"
    if kind == "literal_error":
        given = str(detail["input"])
        allowed = detail["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        return f"{given!r} is not allowed{_nearest(given, tuple(allowed))}; allowed are {', '.join(allowed)}"
    if kind == "missing":
        return "is missing"
    if "input" in detail and isinstance(detail["input"], (str, int, float, bool)):
        return f"{message[:1].lower()}{message[1:]}, got {detail['input']!r}"
    return f"{message[:1].lower()}{message[1:]}"


def _nearest(word: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f", did you mean {near[0]!r}?" if near else ""
