"""Decodes one TensorBoard event from its protobuf bytes, field by field and trusting nothing.

Field numbers are those of TensorFlow's event.proto, summary.proto, tensor.proto and types.proto.
Unknown fields are passed over; a known field of the wrong wire type makes the event malformed,
because a writer never does that.
"""

from __future__ import annotations

import struct

import numpy as np
from msgspec import Struct, field

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


class ParsedValue(Struct, frozen=True):
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


_EVENT_WALL_TIME, _EVENT_STEP, _EVENT_SUMMARY, _EVENT_SESSION_LOG = 1, 2, 5, 7
_EVENT_ONEOF = (3, 4, 5, 6, 7, 8, 9)
"""file_version, graph_def, summary, log_message, session_log, tagged_run_metadata,
meta_graph_def."""
_VALUE_TAG, _VALUE_SIMPLE, _VALUE_NODE_NAME, _VALUE_TENSOR = 1, 2, 7, 8
_VALUE_OTHERS = {3: "a histogram", 4: "an image", 5: "a histogram", 6: "audio"}
_SESSION_START = 1


class ParsedEvent(Struct):
    """What a gate needs of one event."""

    wall_time: float = 0.0
    step: int = 0
    session_start: bool = False
    values: list[ParsedValue] = field(default_factory=list)
    summary_start: int = -1
    """Byte where the field of the only summary starts when it runs to the end of the record, else
    -1."""


def parse_event(data: bytes) -> ParsedEvent:
    """Decode a whole event.

    Raises:
        MalformedEventError: The bytes end inside a field, or a known field has the wrong wire type.
    """
    event = ParsedEvent()
    member, summaries, position = 0, 0, 0
    for number, wire, value, start, stop in fields(data, 0, len(data)):
        if number == _EVENT_WALL_TIME:
            expect(wire, FIXED64)
            event.wall_time = struct.unpack_from("<d", data, start)[0]
        elif number == _EVENT_STEP:
            expect(wire, VARINT)
            event.step = signed(value)
        elif number in _EVENT_ONEOF:
            expect(wire, BYTES)
            if number != member:  # members of a oneof exclude each other, the last one counts
                event.values.clear()
                event.session_start = False
                member = number
            if number == _EVENT_SUMMARY:
                _parse_summary(data, start, stop, event.values)
                summaries += 1
                event.summary_start = position if stop == len(data) and summaries == 1 else -1
            elif number == _EVENT_SESSION_LOG:
                event.session_start = _is_session_start(data, start, stop)
        position = stop
    return event


def _parse_summary(data: bytes, start: int, stop: int, values: list[ParsedValue]) -> None:
    for number, wire, _, inner, end in fields(data, start, stop):
        if number == 1:
            expect(wire, BYTES)
            values.append(_parse_value(data, inner, end))


def _parse_value(data: bytes, start: int, stop: int) -> ParsedValue:
    tag, node_name = b"", b""
    result = ParsedValue(b"", None, "it has no value")
    for number, wire, _, inner, end in fields(data, start, stop):
        if number == _VALUE_TAG:
            expect(wire, BYTES)
            tag = data[inner:end]
        elif number == _VALUE_NODE_NAME:
            expect(wire, BYTES)
            node_name = data[inner:end]
        elif number == _VALUE_SIMPLE:
            expect(wire, FIXED32)
            (number_read,) = struct.unpack_from("<f", data, inner)
            result = ParsedValue(b"", number_read, "", inner, "<f4")
        elif number == _VALUE_TENSOR:
            expect(wire, BYTES)
            result = parse_tensor(data, inner, end)
            if not tag:
                tag = node_name
        elif number in _VALUE_OTHERS:
            expect(wire, BYTES)
            result = ParsedValue(b"", None, f"it is {_VALUE_OTHERS[number]}")
    return ParsedValue(tag, result.value, result.reason, result.position, result.form)


def _is_session_start(data: bytes, start: int, stop: int) -> bool:
    return any(
        number == 1 and wire == VARINT and value == _SESSION_START
        for number, wire, value, _, _ in fields(data, start, stop)
    )
