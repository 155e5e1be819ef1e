"""`--set env.camera_size=84`: typed values that replace or add keys of a preset."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flows.settings.mistakes import did_you_mean
from flows.settings.yaml_file import YamlError, non_finite_keys, parse_yaml

ROOTS = ("env", "train", "trainer")


@dataclass(frozen=True, kw_only=True)
class Override:
    """One `--set` of the command line."""

    text: str
    """As it was given: `train.actor_lr=1e-4`."""
    key: tuple[str, ...]
    """`("train", "actor_lr")`."""
    value: Any
    """Read as YAML: number, text, boolean, null or list."""


def parse_overrides(texts: Iterable[str]) -> tuple[tuple[Override, ...], tuple[str, ...]]:
    """Split into overrides and one sentence for each text that cannot be used."""
    overrides: dict[tuple[str, ...], Override] = {}
    mistakes: list[str] = []
    for text in texts:
        try:
            override = _parse(text)
        except ValueError as error:
            mistakes.append(f"--set {text}: {error}")
            continue
        if override.key in overrides:
            mistakes.append(f"--set {text}: {'.'.join(override.key)} is set twice")
        overrides[override.key] = override
    return tuple(overrides.values()), tuple(mistakes)


def apply_overrides(
    preset: Mapping[str, Any], overrides: Iterable[Override]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return a copy of `preset` with the overrides, and one sentence for each that did not fit."""
    result = copy.deepcopy(dict(preset))
    mistakes = []
    for override in overrides:
        place = result
        for depth, name in enumerate(override.key[:-1], start=1):
            inner = place.setdefault(name, {})
            if not isinstance(inner, dict):
                group = ".".join(override.key[:depth])
                mistakes.append(f"--set {override.text}: {group} is a value, not a group of keys")
                break
            place = inner
        else:
            place[override.key[-1]] = override.value
    return result, tuple(mistakes)


def _parse(text: str) -> Override:
    name, equals, value_text = text.partition("=")
    key = tuple(part.strip() for part in name.split("."))
    if not equals:
        raise ValueError("needs the form key=value, for example train.actor_lr=1.0e-4")
    if key[0] not in ROOTS:
        raise ValueError(
            f"keys start with env., train. or trainer.{did_you_mean(key[0], ROOTS, rest=key[1:])}"
        )
    if len(key) < 2 or not all(key):
        raise ValueError(f"names no key below {key[0]}")
    try:
        value = parse_yaml(value_text)
    except YamlError as error:
        raise ValueError(f"the value is not YAML ({error})") from None
    if non_finite_keys([value]):
        raise ValueError("NaN and infinity are not accepted")
    return Override(text=text, key=key, value=value)
