"""The protobuf wire format: fields of a message, one after the other, trusting nothing."""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Wire types; the group types 3 and 4 are not used by any event."""


class MalformedEventError(ValueError):
    """The bytes of a record are not an event."""


def fields(data: bytes, position: int, stop: int) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield `(number, wire type, varint value, content start, content end)` of each field.

    Raises:
        MalformedEventError: A field ends behind `stop` or is none.
    """
    while position < stop:
        key, position = varint(data, position, stop)
        number, wire = key >> 3, key & 7
        if not 0 < number < 1 << 29:
            raise MalformedEventError("a field number is out of range")
        start, value = position, 0
        if wire == VARINT:
            value, position = varint(data, position, stop)
        elif wire == FIXED64:
            position += 8
        elif wire == FIXED32:
            position += 4
        elif wire == BYTES:
            length, start = varint(data, position, stop)
            position = start + length
        else:
            raise MalformedEventError("a field has an unknown wire type")
        if position > stop:
            raise MalformedEventError("a field runs past the end of its message")
        yield number, wire, value, start, position


def varint(data: bytes, position: int, stop: int) -> tuple[int, int]:
    """Return the unsigned number at `position` and the position behind it.

    Raises:
        MalformedEventError: It does not end before `stop`, or has more than 64 bits.
    """
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


def signed(value: int) -> int:
    """Read an unsigned 64-bit number as two's complement, as int32 and int64 fields are stored."""
    return value - (1 << 64) if value >= 1 << 63 else value


def expect(wire: int, expected: int) -> None:
    """Refuse a known field whose wire type is not the expected one.

    Raises:
        MalformedEventError: It is not.
    """
    if wire != expected:
        raise MalformedEventError("a known field has the wrong wire type")
