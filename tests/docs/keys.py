"""Writes docs/keys.md: every key of presets, stages, gates and mapping files, read from their models.

The text of a key is the docstring below its field, so a key is documented once, where it is declared.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from msgspec import NODEFAULT, Struct
from msgspec.structs import fields
from pydantic import BaseModel
from pydantic.fields import FieldInfo

UNITS = {
    "_s": "s",
    "_h": "h",
    "_m": "m",
    "_mps": "m/s",
    "_mps2": "m/s²",
    "_hz": "Hz",
    "_mib": "MiB",
    "_deg": "°",
    "_rad": "rad",
    "gradient_steps": "updates",
    "_steps": "environment steps",
    "_updates": "updates",
    "_episodes": "episodes",
    "_share": "share, 0 to 1",
    "_rate": "share, 0 to 1",
    "_lr": "Adam step size",
}
"""Unit by the ending of a key; a key named just `steps` counts environment steps."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """One key of a file."""

    name: str
    type: str
    unit: str
    default: str
    text: str


Model = type[BaseModel] | type[Struct]


@dataclass(frozen=True, kw_only=True)
class _Field:
    """What both libraries know of a field of a model."""

    name: str
    key: str
    annotation: Any
    bounds: list[Any]
    required: bool
    default: object
    text: str = ""


def _fields(model: Model) -> Iterator[_Field]:
    if issubclass(model, Struct):
        for known in fields(model):
            own = known.default_factory is NODEFAULT
            yield _Field(
                name=known.name,
                key=known.encode_name,
                annotation=known.type,
                bounds=[],
                required=known.required,
                default=known.default if own else known.default_factory(),
            )
        return
    for name, field in model.model_fields.items():
        required = field.is_required()
        yield _Field(
            name=name,
            key=field.alias or name,
            annotation=field.annotation,
            bounds=field.metadata,
            required=required,
            default=None if required else field.get_default(call_default_factory=True),
            text=field.description or "",
        )


def field_docs(model: Model) -> dict[str, str]:
    """Return the docstring below each field of a model, inherited ones included."""
    docs: dict[str, str] = {}
    for owner in reversed(model.__mro__):
        if owner in (BaseModel, Struct) or not issubclass(owner, (BaseModel, Struct)):
            continue
        (body,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
        assert isinstance(body, ast.ClassDef)
        for field, after in zip(body.body, body.body[1:], strict=False):
            if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
                continue
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                docs[field.target.id] = " ".join(str(after.value.value).split())
    return docs


def keys_of(
    model: Model, prefix: str = "", leave_out: frozenset[str] = frozenset()
) -> Iterator[Key]:
    """Yield every key of a model, those of its parts with their full name."""
    docs = field_docs(model)
    for field in _fields(model):
        if field.name in leave_out:
            continue
        shown = f"{prefix}{field.key}"
        inner, suffix = _part(field.annotation)
        yield Key(
            name=shown,
            type="section" if inner and not suffix else _type(field.annotation, field.bounds),
            unit=_unit(field),
            default="" if inner and not suffix else _default(field),
            text=docs.get(field.name) or field.text or _summary(inner),
        )
        if inner is not None:
            yield from keys_of(inner, f"{shown}{suffix}.")


def _summary(model: Model | None) -> str:
    return (inspect.getdoc(model) or "").split("\n\n")[0].replace("\n", " ") if model else ""


def _part(annotation: Any) -> tuple[Model | None, str]:
    """Return the model inside an annotation and how its keys are reached: `.x`, `[].x` or `.<name>.x`."""
    if isinstance(annotation, type) and issubclass(annotation, (BaseModel, Struct)):
        return annotation, ""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _part(arguments[0])
    if origin in (Union, types.UnionType):
        found = [_part(a) for a in arguments if a is not type(None)]
        return found[0] if len(found) == 1 else (None, "")
    if origin is tuple and arguments:
        inner, _ = _part(arguments[0])
        return inner, "[]" if inner else ""
    if origin in (dict, Mapping) and arguments:
        inner, _ = _part(arguments[1])
        return inner, ".<name>" if inner else ""
    return None, ""


def _type(annotation: Any, metadata: list[Any]) -> str:
    text, metadata = _type_name(annotation), [*metadata, *_nested_metadata(annotation)]
    described = [item.description for item in metadata if getattr(item, "description", None)]
    bounds = "" if described else _bounds(metadata)
    return described[0] if described else f"{text}, {bounds}" if bounds else text


_NAMES = {
    bool: "true or false",
    int: "integer",
    float: "number",
    str: "text",
    dict: "mapping",
    type(None): "null",
}


def _type_name(annotation: Any) -> str:
    if annotation in _NAMES:
        return _NAMES[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_name(arguments[0])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type_name(a) for a in arguments))
    if origin is tuple:
        return f"list of {_type_name(arguments[0])}"
    if origin in (dict, Mapping):
        return f"mapping of {_type_name(arguments[0])} to {_type_name(arguments[1])}"
    if isinstance(annotation, type) and issubclass(annotation, (BaseModel, Struct)):
        return "section"
    if isinstance(annotation, type) and issubclass(annotation, str):
        return "text"
    if isinstance(annotation, type) and issubclass(annotation, tuple):
        return "text or list of text"
    return "any"


def _nested_metadata(annotation: Any) -> list[Any]:
    """Return the bounds that stand in an Annotated type inside."""
    if get_origin(annotation) is Annotated:
        inner = get_args(annotation)
        return [*_flat(inner[1:]), *_nested_metadata(inner[0])]
    return [
        bound
        for argument in get_args(annotation)
        if get_origin(annotation) is not Literal
        for bound in _nested_metadata(argument)
    ]


def _flat(metadata: tuple[Any, ...]) -> list[Any]:
    return [
        m for item in metadata for m in (item.metadata if isinstance(item, FieldInfo) else [item])
    ]


_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
"""Attributes that bounds of both libraries have."""


def _bounds(metadata: list[Any]) -> str:
    words = []
    for item in metadata:
        for attribute, word in _BOUNDS.items():
            if (bound := getattr(item, attribute, None)) is not None:
                words.append(f"{word} {bound:,}")
        if getattr(item, "min_length", None) == 1:
            words.append("not empty")
    return ", ".join(dict.fromkeys(words))


def _unit(field: _Field) -> str:
    if get_origin(field.annotation) is Literal or field.annotation in (bool, str):
        return ""
    if field.name == "steps":
        return "environment steps"
    endings = [ending for ending in UNITS if field.name.endswith(ending)]
    return UNITS[max(endings, key=len)] if endings else ""


def _default(field: _Field) -> str:
    return "required" if field.required else _written(field.default)


def _written(value: object) -> str:
    if isinstance(value, (BaseModel, Struct)):
        return "as below"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return f"`[{', '.join(map(str, value))}]`"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, int):
        return f"{value:_}" if abs(value) >= 10_000 else str(value)
    if isinstance(value, dict):
        return "`{}`" if not value else f"`{value}`"
    return f"`{value}`" if value != "" else "empty"


def _number(value: float) -> str:
    text = f"{value:.10g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{int(exponent)}"
    return text if "." in text else f"{text}.0"


def table(keys: Iterable[Key]) -> str:
    """Return a Markdown table of keys."""
    lines = ["| key | type and range | unit | default | meaning |", "|---|---|---|---|---|"]
    lines += [
        f"| `{k.name}` | {_cell(k.type)} | {k.unit} | {_cell(k.default)} | {_cell(k.text)} |"
        for k in keys
    ]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", text)
