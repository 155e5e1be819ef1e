"""Mistakes in a configuration as records: the key, what is wrong, and what was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One thing that is wrong with a configuration."""

    text: str
    """What is wrong, without the key."""
    key: str = ""
    """Dotted key, such as `train.actor_lr`; empty if no single key is to blame."""
    nearest: str = ""
    """The key or value that was probably meant; empty if nothing comes close."""

    def __str__(self) -> str:
        """Write the mistake as one sentence."""
        where = f"{self.key}: " if self.key else ""
        hint = f"; did you mean {self.nearest}?" if self.nearest else ""
        return f"{where}{self.text}{hint}"

    def as_record(self) -> dict[str, str]:
        """Return the mistake as `python -m trainer check` answers it."""
        record = {"key": self.key, "text": self.text}
        return record | {"nearest": self.nearest} if self.nearest else record


class ConfigMistakesError(Exception):
    """A configuration cannot be used; `mistakes` holds all mistakes at once."""

    def __init__(self, *mistakes: Mistake) -> None:
        self.mistakes = mistakes
        super().__init__("\n".join(map(str, mistakes)))


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that is most like `word`, ignoring case; empty if none comes close."""
    words = {each.lower(): each for each in known}
    close = difflib.get_close_matches(word.lower(), words, n=1)
    return words[close[0]] if close else ""


def describe(
    error: ValidationError, model: type[BaseModel], prefix: str = ""
) -> tuple[Mistake, ...]:
    """List the mistakes of a validation error.

    Args:
        error: As pydantic raised it.
        model: The model that was validated; its keys are suggested for unknown ones.
        prefix: Put before each key, `env` for instance.
    """
    known = _nested_keys(model)
    mistakes = []
    for item in error.errors():
        parts = [str(part) for part in item["loc"]]
        above = [prefix] if prefix else []
        key, near = ".".join(above + parts), ""
        if item["type"] == "extra_forbidden":
            text = "unknown key"
            near = nearest(parts[-1], known.get(".".join(parts[:-1]), ()))
            near = ".".join([*above, *parts[:-1], near]) if near else ""
        elif item["type"] == "missing":
            text = "missing"
        elif item["type"] == "value_error":
            text = str(item["ctx"]["error"])
        else:
            text = f"{item['msg'][0].lower()}{item['msg'][1:]}, got {item['input']!r}"
        mistakes.append(Mistake(key=key, text=text, nearest=near))
    return tuple(mistakes)


def _nested_keys(model: type[BaseModel], parent: str = "") -> Mapping[str, tuple[str, ...]]:
    """Return the keys below each parent key; the parent of the top level is empty."""
    keys = {parent: tuple(model.model_fields)}
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            keys |= _nested_keys(kind, f"{parent}.{name}" if parent else name)
    return keys
