"""Texts with {names} in them: `--seed={seed}`; `{{` and `}}` stand for braces themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from flows.settings.mistakes import did_you_mean

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TOKEN = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}|[{}]")

Value = bool | int | float | str | Sequence[bool | int | float | str]


def names_in(text: str) -> list[str]:
    """Return the placeholders of a text in their order."""
    return [match[1] for match in _TOKEN.finditer(text) if match[1]]


def mistakes_in(text: str, known: Mapping[str, Value]) -> list[str]:
    """Return one sentence without its place for each name, or the first brace, that cannot be used."""
    found = []
    for match in _TOKEN.finditer(text):
        if match[0] in ("{", "}"):
            found.append(
                f"the brace at position {match.start() + 1} of {text!r} has no partner; "
                f"write {match[0] * 2} for a brace itself"
            )
            break
        if match[1] and match[1] not in known:
            hint = did_you_mean(match[1], known)
            there = ", ".join(f"{{{name}}}" for name in sorted(known))
            found.append(f"unknown placeholder {{{match[1]}}} in {text!r}{hint}; there are {there}")
        elif match[1] and _is_list(known[match[1]]) and match[0] != text:
            found.append(
                f"{{{match[1]}}} is a list and becomes several arguments, "
                f"so it must stand alone, not in {text!r}"
            )
    return found


def fill(text: str, values: Mapping[str, Value]) -> list[str]:
    """Return the arguments that a text becomes: one, or those of a list that stands alone.

    What is filled in is not looked at again, so a value may hold braces.
    """
    alone = _TOKEN.fullmatch(text)
    if alone and alone[1] and _is_list(values[alone[1]]):
        return [written(item) for item in _items(values[alone[1]])]

    def replaced(match: re.Match[str]) -> str:
        return written(values[match[1]]) if match[1] else match[0][0]

    return [_TOKEN.sub(replaced, text)]


def fill_all(texts: Sequence[str], values: Mapping[str, Value]) -> list[str]:
    """Return all arguments of a command."""
    return [argument for text in texts for argument in fill(text, values)]


def written(value: object) -> str:
    """Write one value as an argument: numbers in full, truth values as `true` and `false`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def _is_list(value: object) -> bool:
    return isinstance(value, (list, tuple))


def _items(value: Value) -> Sequence[object]:
    return value if isinstance(value, (list, tuple)) else [value]
