"""Decodes one TensorBoard event from its protobuf bytes, field by field and trusting nothing.

Field numbers are those of TensorFlow's event.proto, summary.proto, tensor.proto and types.proto.
Unknown fields are passed over; a known field of the wrong wire type makes the event malformed,
because a writer never does that.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_EVENT_WALL_TIME, _EVENT_STEP, _EVENT_SUMMARY, _EVENT_SESSION_LOG = 1, 2, 5, 7
_EVENT_ONEOF = (3, 4, 5, 6, 7, 8, 9)
"""file_version, graph_def, summary, log_message, session_log, tagged_run_metadata,
meta_graph_def."""
_VALUE_TAG, _VALUE_SIMPLE, _VALUE_NODE_NAME, _VALUE_TENSOR = 1, 2, 7, 8
_VALUE_OTHERS = {3: "a histogram", 4: "an image", 5: "a histogram", 6: "audio"}
_SESSION_START = 1

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


class MalformedEventError(ValueError):
    """The bytes of a record are not an event."""


@dataclass(frozen=True)
class ParsedValue:
    """One value of a summary; `reason` says why it is not one real number, when it is None."""

    tag: bytes
    value: float | None
    reason: str = ""
    position: int = -1
    """Byte of the record where the number stands as `form`, or -1 when it has no fixed width."""
    form: str = ""


@dataclass
class ParsedEvent:
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
    for number, wire, value, start, stop in _fields(data, 0, len(data)):
        if number == _EVENT_WALL_TIME:
            _expect(wire, _FIXED64)
            event.wall_time = struct.unpack_from("<d", data, start)[0]
        elif number == _EVENT_STEP:
            _expect(wire, _VARINT)
            event.step = _signed(value)
        elif number in _EVENT_ONEOF:
            _expect(wire, _BYTES)
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
    for number, wire, _, inner, end in _fields(data, start, stop):
        if number == 1:
            _expect(wire, _BYTES)
            values.append(_parse_value(data, inner, end))


def _parse_value(data: bytes, start: int, stop: int) -> ParsedValue:
    tag, node_name = b"", b""
    result = ParsedValue(b"", None, "it has no value")
    for number, wire, _, inner, end in _fields(data, start, stop):
        if number == _VALUE_TAG:
            _expect(wire, _BYTES)
            tag = data[inner:end]
        elif number == _VALUE_NODE_NAME:
            _expect(wire, _BYTES)
            node_name = data[inner:end]
        elif number == _VALUE_SIMPLE:
            _expect(wire, _FIXED32)
            (number_read,) = struct.unpack_from("<f", data, inner)
            result = ParsedValue(b"", number_read, "", inner, "<f4")
        elif number == _VALUE_TENSOR:
            _expect(wire, _BYTES)
            result = _parse_tensor(data, inner, end)
            if not tag:
                tag = node_name
        elif number in _VALUE_OTHERS:
            _expect(wire, _BYTES)
            result = ParsedValue(b"", None, f"it is {_VALUE_OTHERS[number]}")
    return ParsedValue(tag, result.value, result.reason, result.position, result.form)


def _parse_tensor(data: bytes, start: int, stop: int) -> ParsedValue:
    """Decode a tensor of rank 0; an element left out is 0, as in TensorFlow's own decoder."""
    dtype, shape = 0, (0, 0)
    content: tuple[int, int] | None = None
    typed: dict[int, tuple[int, int, int, int]] = {}
    for number, wire, value, inner, end in _fields(data, start, stop):
        if number == 1:
            _expect(wire, _VARINT)
            dtype = value
        elif number == 2:
            _expect(wire, _BYTES)
            shape = (inner, end)
        elif number == 4:
            _expect(wire, _BYTES)
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
    fixed_wire = {"<f4": _FIXED32, "<f8": _FIXED64}.get(form)
    if fixed_wire is not None:
        if wire not in (fixed_wire, _BYTES):
            raise MalformedEventError("a tensor field has the wrong wire type")
        if stop - start < np.dtype(form).itemsize:
            return ParsedValue(b"", 0.0)
        return _fixed(data, start, form)
    if wire == _BYTES:
        if stop == start:
            return ParsedValue(b"", 0.0)
        value, _ = _varint(data, start, stop)
    elif wire != _VARINT:
        raise MalformedEventError("a tensor field has the wrong wire type")
    if form in ("<f2", "bfloat16"):
        return ParsedValue(b"", _half(struct.pack("<H", value & 0xFFFF), form))
    return ParsedValue(b"", float(value if form == "<u8" else _signed(value)))


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
    for number, wire, _, inner, end in _fields(data, start, stop):
        if number == 2:
            _expect(wire, _BYTES)
            size = 0
            for dim_number, _, value, _, _ in _fields(data, inner, end):
                if dim_number == 1:
                    size = _signed(value)
            sizes.append(size)
    return sizes


def _is_session_start(data: bytes, start: int, stop: int) -> bool:
    return any(
        number == 1 and wire == _VARINT and value == _SESSION_START
        for number, wire, value, _, _ in _fields(data, start, stop)
    )


def _fields(data: bytes, position: int, stop: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield `(number, wire type, varint value, content start, content end)` of each field."""
    while position < stop:
        key, position = _varint(data, position, stop)
        number, wire = key >> 3, key & 7
        if not 0 < number < 1 << 29:
            raise MalformedEventError("a field number is out of range")
        start, value = position, 0
        if wire == _VARINT:
            value, position = _varint(data, position, stop)
        elif wire == _FIXED64:
            position += 8
        elif wire == _FIXED32:
            position += 4
        elif wire == _BYTES:
            length, start = _varint(data, position, stop)
            position = start + length
        else:
            raise MalformedEventError("a field has an unknown wire type")
        if position > stop:
            raise MalformedEventError("a field runs past the end of its message")
        yield number, wire, value, start, position


def _varint(data: bytes, position: int, stop: int) -> tuple[int, int]:
    result = 0
    for shift in range(0, 70, 7):
        if position >= stop:
            break
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & 0xFFFFFFFFFFFFFFFF, position
    raise MalformedEventError("a number does not end")


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _expect(wire: int, expected: int) -> None:
    if wire != expected:
        raise MalformedEventError("a known field has the wrong wire type")
