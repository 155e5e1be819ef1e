"""What files may hold, declared as records of msgspec; every mistake in a file at once, each with its key.

A record is a subclass of `Keys` for what people write, of `Recorded` for what trainers record. A value that needs more
than bounds has a type of its own with a class method `of`, which raises ValueError: `Tag`.
"""

from __future__ import annotations

import contextlib
import difflib
import math
import re
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

Count = Annotated[int, Meta(ge=1)]
Positive = Annotated[float, Meta(gt=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Text = Annotated[str, Meta(min_length=1)]
Line = Annotated[str, Meta(min_length=1, pattern=r"^[^\r\n]+\Z", description="one line of text")]

_Record = TypeVar("_Record", bound=Struct)


class Keys(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Keys of a file that people write: unknown ones, NaN and infinity are mistakes."""


class Recorded(Struct, frozen=True, kw_only=True):
    """Content of a file that a trainer writes; a later one may record more."""


class Mistake(Struct, frozen=True):
    """One thing that is wrong with a file."""

    place: tuple[int | str, ...]
    """Keys and numbers of items that lead there, from the top of the file."""
    text: str


class MistakesError(ValueError):
    """The content of a file does not fit its record."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        """Hold at least one mistake."""
        self.mistakes = tuple(mistakes)
        first = self.mistakes[0]
        super().__init__(f"{'.'.join(map(str, first.place)) or 'it'}: {first.text}")


def read(data: object, model: type[_Record]) -> _Record:
    """Make a record of what YAML holds; numbers that YAML takes for text, as 1e-4, are numbers.

    Raises:
        MistakesError: The data does not fit.
    """
    with contextlib.suppress(msgspec.ValidationError):
        found: _Record = _convert(data, model)
        if not any(_let_pass(data, plain(found), ())):
            return found
    raise MistakesError(_mistakes(data, model, ()))


def read_json(content: bytes, model: type[_Record]) -> _Record:
    """Make a record of what a JSON file holds.

    Raises:
        MistakesError: The content is no JSON, or does not fit.
    """
    try:
        try:
            return msgspec.json.decode(content, type=model)
        except msgspec.ValidationError:
            return read(msgspec.json.decode(content), model)  # finds every mistake
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MistakesError([Mistake((), str(error))]) from None


def plain(record: object) -> Any:
    """Return a record as mappings, lists, texts and numbers."""
    return msgspec.to_builtins(record, enc_hook=_plain)


def keys_of(model: type[Struct]) -> tuple[str, ...]:
    """Return the keys that a record may have."""
    chosen_by = model.__struct_config__.tag_field
    return (*((chosen_by,) if chosen_by else ()), *model.__struct_encode_fields__)


def nearest(word: str, known: Iterable[str]) -> str:
    """Return what was probably meant, to follow a sentence; empty if nothing comes close."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f", did you mean {near[0]!r}?" if near else ""


def _convert(data: object, model: Any) -> Any:
    return msgspec.convert(data, model, strict=False, dec_hook=_own_type)


def _own_type(kind: Any, value: object) -> Any:
    return kind.of(value)


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else str(value)


def _let_pass(data: object, found: object, place: tuple[int | str, ...]) -> Iterator[Mistake]:
    """Find what msgspec lets pass: numbers that are none, and texts that it reads as null."""
    if isinstance(found, float) and not math.isfinite(found):
        yield Mistake(place, f"must be a finite number, got {found!r}")
    elif found is None and data is not None:
        yield Mistake(place, f"must be a number or null without quotes, got {data!r}")
    elif isinstance(found, dict):
        for key, value in found.items():
            given = data.get(key) if isinstance(data, dict) else None
            yield from _let_pass(given, value, (*place, key))
    elif isinstance(found, (list, tuple)):
        given_items = data if isinstance(data, (list, tuple)) else [None] * len(found)
        for number, (given, item) in enumerate(zip(given_items, found, strict=False)):
            yield from _let_pass(given, item, (*place, number))


def _mistakes(data: object, model: Any, place: tuple[int | str, ...]) -> tuple[Mistake, ...]:
    """Try each part by itself: what does not fit although all its parts do is to blame itself."""
    try:
        found = _convert(data, model)
    except msgspec.ValidationError as error:
        parts = tuple(_of_parts(data, model, place))
        return parts or (Mistake(place, _sentence(error, data, model)),)
    return tuple(_let_pass(data, plain(found), place))


def _of_parts(data: object, model: Any, place: tuple[int | str, ...]) -> Iterator[Mistake]:
    origin, inner = get_origin(model), get_args(model)
    if origin is Annotated:
        yield from _of_parts(data, inner[0], place)
    elif origin in (Union, types.UnionType):
        yield from _of_choices(data, [one for one in inner if one is not types.NoneType], place)
    elif origin is tuple and isinstance(data, (list, tuple)):
        for number, item in enumerate(data):
            yield from _mistakes(item, inner[0], (*place, number))
    elif origin in (dict, Mapping) and isinstance(data, dict):
        for key, value in data.items():
            yield from _mistakes(key, inner[0], (*place, str(key)))
            yield from _mistakes(value, inner[1], (*place, str(key)))
    elif isinstance(model, type) and issubclass(model, Struct) and isinstance(data, dict):
        yield from _of_keys(data, model, place)


def _of_choices(
    data: object, choices: list[Any], place: tuple[int | str, ...]
) -> Iterator[Mistake]:
    """Blame the one of several records that the data names, or the only one there is."""
    if len(choices) == 1:
        yield from _of_parts(data, choices[0], place)
        return
    named = {str(c.__struct_config__.tag): c for c in choices if isinstance(c, type(Struct))}
    if not named or not isinstance(data, dict):
        return
    key = next(iter(named.values())).__struct_config__.tag_field
    there = ", ".join(named)
    if key not in data:
        yield Mistake(place, f"{key} is missing; there are {there}")
    elif (given := str(data[key])) not in named:
        yield Mistake(place, f"unknown {key} {given!r}{nearest(given, named)}; there are {there}")
    else:
        yield from _of_parts(data, named[given], place)


def _of_keys(
    data: dict[Any, Any], model: type[Struct], place: tuple[int | str, ...]
) -> Iterator[Mistake]:
    known = keys_of(model)
    for field in msgspec.structs.fields(model):
        if field.encode_name in data:
            yield from _mistakes(data[field.encode_name], field.type, (*place, field.encode_name))
        elif field.required:
            yield Mistake((*place, field.encode_name), "is missing")
    if model.__struct_config__.forbid_unknown_fields:
        for key in map(str, data):
            if key not in known:
                yield Mistake((*place, key), f"unknown key{nearest(key, known)}")


_WORDS = {
    "int": "an integer",
    "float": "a number",
    "str": "text",
    "bool": "true or false",
    "array": "a list",
    "object": "a mapping of keys to values",
    "null": "null",
}
_BOUNDS = {
    "of length": "with a length",
    ">=": "of at least",
    ">": "above",
    "<=": "of at most",
    "<": "below",
}


def _sentence(error: msgspec.ValidationError, data: object, model: Any) -> str:
    """Say what a value must be, in our words where msgspec has only its own."""
    if error.__cause__ is not None:
        return str(error.__cause__)
    got = ", got null" if data is None else ""
    if isinstance(data, (str, int, float)):
        got = f", got {data!r}"
    if allowed := _allowed(model):
        given = str(data)
        return (
            f"{given!r} is not allowed{nearest(given, allowed)}; allowed are {', '.join(allowed)}"
        )
    if described := _description(model):
        return f"must be {described}{got}"
    text = str(error).partition(" - at `")[0].partition(", got")[0].removeprefix("Expected ")
    text = re.sub(
        r"`([a-z |]+)`", lambda m: " or ".join(_WORDS.get(w, w) for w in m[1].split(" | ")), text
    )
    for sign, words in _BOUNDS.items():
        text = text.replace(f" {sign} ", f" {words} ")
    return f"must be {text}{got}"


def _allowed(model: Any) -> tuple[str, ...]:
    """Return the values of a literal, also of one that may be null."""
    if get_origin(model) is Literal:
        return tuple(map(str, get_args(model)))
    if get_origin(model) in (Union, types.UnionType):
        choices = [one for one in get_args(model) if one is not types.NoneType]
        return _allowed(choices[0]) if len(choices) == 1 else ()
    return ()


def _description(model: Any) -> str:
    if get_origin(model) is not Annotated:
        return ""
    return next((m.description for m in get_args(model)[1:] if getattr(m, "description", None)), "")
