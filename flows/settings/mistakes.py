"""Mistakes in settings as records, and the name that a typo was probably meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

CUTOFF = 0.5
"""Similarity from which a name is suggested, 0 to 1."""


class Mistake(BaseModel):
    """One thing that is wrong with a request."""

    model_config = ConfigDict(frozen=True, defer_build=True)

    key: str = ""
    """Dotted key, such as `train.actor_lr`; empty if no single key is to blame."""
    text: str
    """What is wrong, without the key."""
    nearest: str = ""
    """What was probably meant; empty if nothing comes close."""

    def __str__(self) -> str:
        """Write the mistake as one sentence."""
        where = f"{self.key}: " if self.key else ""
        return f"{where}{self.text}{hint(self.nearest)}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like `name`, ignoring case; empty if none comes close."""
    names = {known_name.lower(): known_name for known_name in known}
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=CUTOFF)
    return names[near[0]] if near else ""


def hint(near: str) -> str:
    """Return the end of a sentence that suggests `near`; empty if there is nothing to suggest."""
    return f"; did you mean {near}?" if near else ""


def did_you_mean(name: str, known: Iterable[str], *, rest: Sequence[str] = ()) -> str:
    """Return `; did you mean X?` or nothing; `rest` are the dotted parts that follow the name."""
    near = nearest(name, known)
    return hint(".".join([near, *rest]) if near else "")


def message_of(item: Mapping[str, Any]) -> str:
    """Return pydantic's message as the end of a sentence, without capital letter and full stop."""
    message = str(item["msg"]).removeprefix("Value error, ")
    return f"{message[:1].lower()}{message[1:]}"


def mistake_text(item: Mapping[str, Any], model: type[BaseModel] | None = None) -> str:
    """Return `key: what is wrong, got the value`; with `model`, an unknown key gets the nearest one."""
    parts = [str(part) for part in item["loc"]]
    key = ".".join(parts)
    if item["type"] == "extra_forbidden" and model is not None:
        fields: Any = model.model_fields
        for part in parts[:-1]:
            fields = fields[part].annotation.model_fields
        return f"{key}: unknown key{did_you_mean(parts[-1], fields)}"
    if item["type"] == "missing":
        return f"{key}: missing"
    if item["type"] == "string_pattern_mismatch":
        return f"{key}: must be lower-case letters, digits and dashes, got {item['input']!r}"
    message = message_of(item)
    return f"{key}: {message}, got {item['input']!r}" if key else message
