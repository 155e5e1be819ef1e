"""Decodes one TensorBoard event from its protobuf bytes, field by field and trusting nothing.

Field numbers are those of TensorFlow's event.proto, summary.proto, tensor.proto and types.proto.
Unknown fields are passed over; a known field of the wrong wire type makes the event malformed,
because a writer never does that.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from gates.events.tensor import ParsedValue, parse_tensor
from gates.events.wire import BYTES, FIXED32, FIXED64, VARINT, expect, fields, signed

_EVENT_WALL_TIME, _EVENT_STEP, _EVENT_SUMMARY, _EVENT_SESSION_LOG = 1, 2, 5, 7
_EVENT_ONEOF = (3, 4, 5, 6, 7, 8, 9)
"""file_version, graph_def, summary, log_message, session_log, tagged_run_metadata,
meta_graph_def."""
_VALUE_TAG, _VALUE_SIMPLE, _VALUE_NODE_NAME, _VALUE_TENSOR = 1, 2, 7, 8
_VALUE_OTHERS = {3: "a histogram", 4: "an image", 5: "a histogram", 6: "audio"}
_SESSION_START = 1


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
