"""Turns pydantic's errors into sentences for people: the key, what is wrong, and the nearest right key."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ValidationError


class ConfigMistakesError(Exception):
    """A configuration cannot be used; `mistakes` holds one sentence per mistake, all of them at once."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


def nested_keys(model: type[BaseModel], parent: str = "") -> dict[str, tuple[str, ...]]:
    """Return the keys that exist below each parent key, as `describe` takes them."""
    keys = {parent: tuple(model.model_fields)}
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            keys |= nested_keys(kind, f"{parent}.{name}" if parent else name)
    return keys


def describe(
    error: ValidationError, known_keys: Mapping[str, Iterable[str]], prefix: str = ""
) -> tuple[str, ...]:
    """List the mistakes of a validation error.

    Args:
        error: As pydantic raised it.
        known_keys: For each parent key (`""` for the top level) the keys that exist below it.
        prefix: Put before each key, `env` for instance.
    """
    sentences = []
    for item in error.errors():
        parts = [str(part) for part in item["loc"]]
        key = ".".join(([prefix] if prefix else []) + parts)
        if item["type"] == "extra_forbidden":
            parent = ".".join(parts[:-1])
            near = difflib.get_close_matches(parts[-1], list(known_keys.get(parent, ())), n=1)
            hint = f"; did you mean {'.'.join([*key.split('.')[:-1], near[0]])}?" if near else ""
            sentences.append(f"{key}: unknown key{hint}")
        elif item["type"] == "missing":
            sentences.append(f"{key}: missing")
        elif item["type"] == "value_error":
            where = f"{key}: " if key else ""
            sentences.append(f"{where}{item['ctx']['error']}")
        else:
            message = item["msg"][0].lower() + item["msg"][1:]
            sentences.append(f"{key}: {message}, got {item['input']!r}")
    return tuple(sentences)
