"""Decodes a TensorProto that is one real number, as TensorFlow 2 logs scalars."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from gates.events.wire import (
    BYTES,
    FIXED32,
    FIXED64,
    VARINT,
    MalformedEventError,
    expect,
    fields,
    signed,
    varint,
)

_TENSOR_FORMS = {
    1: "<f4",
    2: "<f8",
    3: "<i4",
    4: "<u1",
    5: "<i2",
    6: "<i1",
    9: "<i8",
    10: "<u1",
    14: "bfloat16",
    17: "<u2",
    19: "<f2",
    22: "<u4",
    23: "<u8",
}
"""dtype number -> numpy form of one element, for the dtypes that are one real number."""
_TENSOR_FIELD_OF_FORM = {
    "<f4": 5,
    "<f8": 6,
    "<i8": 10,
    "<f2": 13,
    "bfloat16": 13,
    "<u4": 16,
    "<u8": 17,
}
"""Typed field of each form; all smaller integers are in `int_val` (7), booleans in `bool_val`
(11)."""


@dataclass(frozen=True)
class ParsedValue:
    """One value of a summary; `reason` says why it is not one real number, when it is None."""

    tag: bytes
    value: float | None
    reason: str = ""
    position: int = -1
    """Byte of the record where the number stands as `form`, or -1 when it has no fixed width."""
    form: str = ""


def parse_tensor(data: bytes, start: int, stop: int) -> ParsedValue:
    """Decode a tensor of rank 0; an element left out is 0, as in TensorFlow's own decoder."""
    dtype, shape = 0, (0, 0)
    content: tuple[int, int] | None = None
    typed: dict[int, tuple[int, int, int, int]] = {}
    for number, wire, value, inner, end in fields(data, start, stop):
        if number == 1:
            expect(wire, VARINT)
            dtype = value
        elif number == 2:
            expect(wire, BYTES)
            shape = (inner, end)
        elif number == 4:
            expect(wire, BYTES)
            content = (inner, end) if end > inner else None
        elif number >= 5 and number not in typed:
            typed[number] = (wire, value, inner, end)
    if dtype not in _TENSOR_FORMS:
        return ParsedValue(
            b"", None, "it is text" if dtype == 7 else f"it is a tensor of dtype {dtype}"
        )
    dimensions = _dimensions(data, *shape)
    if dimensions:
        return ParsedValue(
            b"", None, f"it is a tensor of shape [{', '.join(map(str, dimensions))}]"
        )
    form = _TENSOR_FORMS[dtype]
    if content is not None:
        if content[1] - content[0] != (2 if form == "bfloat16" else np.dtype(form).itemsize):
            return ParsedValue(b"", None, "it is a tensor with the wrong number of bytes")
        return _fixed(data, content[0], form)
    number = 11 if dtype == 10 else _TENSOR_FIELD_OF_FORM.get(form, 7)
    if number not in typed:
        return ParsedValue(b"", 0.0)
    return _typed_element(data, form, typed[number])


def _typed_element(data: bytes, form: str, element: tuple[int, int, int, int]) -> ParsedValue:
    """Decode the first element of a typed field, which may be packed (one run of bytes) or not."""
    wire, value, start, stop = element
    fixed_wire = {"<f4": FIXED32, "<f8": FIXED64}.get(form)
    if fixed_wire is not None:
        if wire not in (fixed_wire, BYTES):
            raise MalformedEventError("a tensor field has the wrong wire type")
        if stop - start < np.dtype(form).itemsize:
            return ParsedValue(b"", 0.0)
        return _fixed(data, start, form)
    if wire == BYTES:
        if stop == start:
            return ParsedValue(b"", 0.0)
        value, _ = varint(data, start, stop)
    elif wire != VARINT:
        raise MalformedEventError("a tensor field has the wrong wire type")
    if form in ("<f2", "bfloat16"):
        return ParsedValue(b"", _half(struct.pack("<H", value & 0xFFFF), form))
    return ParsedValue(b"", float(value if form == "<u8" else signed(value)))


def _fixed(data: bytes, position: int, form: str) -> ParsedValue:
    if form == "bfloat16":
        return ParsedValue(b"", _half(data[position : position + 2], form))
    (value,) = np.frombuffer(data, dtype=form, count=1, offset=position)
    return ParsedValue(b"", float(value), "", position, form)


def _half(raw: bytes, form: str) -> float:
    if form == "bfloat16":  # the upper half of a float32
        return float(struct.unpack("<f", b"\0\0" + raw)[0])
    return float(np.frombuffer(raw, dtype="<f2")[0])


def _dimensions(data: bytes, start: int, stop: int) -> list[int]:
    """Return the sizes of a TensorShapeProto; an unknown rank counts as rank 0."""
    sizes: list[int] = []
    for number, wire, _, inner, end in fields(data, start, stop):
        if number == 2:
            expect(wire, BYTES)
            size = 0
            for dim_number, _, value, _, _ in fields(data, inner, end):
                if dim_number == 1:
                    size = signed(value)
            sizes.append(size)
    return sizes
