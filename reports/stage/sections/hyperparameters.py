"""The run's hyperparameters beside the defaults of three published TD3 implementations."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

from msgspec import Struct

from gates.runs.config_files import parse_yaml
from gates.text import ABSENT, format_count, format_number

NONE = "none"
"""How the data file marks a mechanism that an implementation does not have."""


class Source(Struct, frozen=True, kw_only=True):
    """A published implementation."""

    key: str
    name: str
    citation: str


class HyperparameterRow(Struct, frozen=True, kw_only=True):
    """One hyperparameter of the run and what others ship."""

    name: str
    key: str
    """Name under `train` of the configuration."""
    value: str
    published: tuple[str, ...]
    """One per source, in the order of `published_sources`."""
    differs: bool
    """Whether the run's value is none of the published ones."""
    note: str


@lru_cache(maxsize=1)
def _data() -> dict[str, Any]:
    text = (files("reports") / "data" / "published_defaults.yaml").read_text(encoding="utf-8")
    data: dict[str, Any] = parse_yaml(text)
    return data


def published_sources() -> tuple[Source, ...]:
    """Return the implementations of the data file, with their citations."""
    return tuple(
        Source(key=key, name=source["name"], citation=source["citation"])
        for key, source in _data()["sources"].items()
    )


def hyperparameter_rows(config: Mapping[str, object]) -> tuple[HyperparameterRow, ...]:
    """Compare a run's configuration with the published defaults; keys it lacks are left out."""
    rows: list[HyperparameterRow] = []
    for parameter in _data()["parameters"]:
        key, value = _value_of(parameter, config)
        if not key:
            continue
        published = [parameter["values"][source.key] for source in published_sources()]
        disabled = "disabled" in parameter and value == parameter["disabled"]
        matches = any(_same(value, other) or (disabled and other == NONE) for other in published)
        rows.append(
            HyperparameterRow(
                name=parameter["name"],
                key=key,
                value=NONE if disabled else show_value(value),
                published=tuple(show_value(other) for other in published),
                differs=not matches,
                note=parameter.get("note", ""),
            )
        )
    return tuple(rows)


def _value_of(parameter: Mapping[str, Any], config: Mapping[str, object]) -> tuple[str, object]:
    """Return the key that the run has and its value; an empty key when it has none."""
    if "ratio" in parameter:
        above, below = (config_value(config, f"train.{key}") for key in parameter["ratio"])
        if isinstance(above, (int, float)) and isinstance(below, (int, float)) and below:
            return " / ".join(parameter["ratio"]), above / below
        return "", None
    for key in parameter["keys"]:
        if has_value(config, f"train.{key}"):
            return key, config_value(config, f"train.{key}")
    return "", None


def _same(value: object, other: object) -> bool:
    if isinstance(value, (list, tuple)) and isinstance(other, (list, tuple)):
        return list(value) == list(other)
    return value == other


def config_value(config: Mapping[str, object], dotted: str) -> object:
    """Look a dotted key up in a nested or flat configuration; None when it is not there."""
    if dotted in config:
        return config[dotted]
    node: object = config
    for part in dotted.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return None
        node = node[part]
    return node


def has_value(config: Mapping[str, object], dotted: str) -> bool:
    """Whether a nested or flat configuration has a dotted key, also with the value None."""
    if dotted in config:
        return True
    node: object = config
    for part in dotted.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return False
        node = node[part]
    return True


def show_value(value: object) -> str:
    """Write a configuration value for people: `0.0003`, `25,000`, `256, 256`, `on`."""
    if value is None:
        return ABSENT
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int):
        return format_count(value)
    if isinstance(value, float):
        return _show_float(value)
    if isinstance(value, (list, tuple)):
        return ", ".join(show_value(item) for item in value)
    return str(value)


def _show_float(value: float) -> str:
    """Configured numbers are exact, so they are shown whole when they are short."""
    shortest = repr(value).removesuffix(".0")
    return shortest if len(shortest) <= 8 else format_number(value)
