from __future__ import annotations

import google_crc32c
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gates.events import framing as event_records
from gates.events.checksums import ROW_BYTES, crc32c_of_short
from gates.events.framing import HEADER_BYTES, frame, intact

contents = st.lists(st.binary(max_size=ROW_BYTES), min_size=1, max_size=40)


@settings(max_examples=300, deadline=None)
@given(contents=contents, before=st.binary(min_size=ROW_BYTES, max_size=ROW_BYTES + 9))
def test_looked_up_checksums_are_those_of_the_c_function(
    contents: list[bytes], before: bytes
) -> None:
    buffer = before + b"".join(contents)
    lengths = np.array([len(data) for data in contents])
    found = crc32c_of_short(buffer, len(before) + np.cumsum(lengths), lengths)
    assert found.tolist() == [google_crc32c.value(data) for data in contents]


def test_every_length_and_every_byte_at_every_place() -> None:
    for length in range(ROW_BYTES + 1):
        data = [bytes(length)]
        data += [
            bytes([b if k == place else 0 for k in range(length)])
            for place in range(length)
            for b in (1, 0x80, 0xFF)
        ]
        ends = ROW_BYTES + length * np.arange(1, len(data) + 1)
        found = crc32c_of_short(bytes(ROW_BYTES) + b"".join(data), ends, np.full(len(data), length))
        assert found.tolist() == [google_crc32c.value(item) for item in data]


def test_each_flipped_bit_among_many_short_and_long_records_is_found() -> None:
    rng = np.random.default_rng(0)
    sizes = rng.integers(0, ROW_BYTES + 20, 4 * event_records._MANY)
    records = [frame(rng.bytes(size)) for size in sizes.tolist()]
    positions = np.concatenate([[0], np.cumsum(sizes + event_records.FRAME_BYTES)])[:-1]
    buffer = bytearray(b"".join(records))
    assert intact(bytes(buffer), positions, sizes).all()
    damaged = np.flatnonzero(rng.random(len(sizes)) < 0.1)
    for index in damaged.tolist():
        place = positions[index] + HEADER_BYTES + int(rng.integers(sizes[index] + 4))
        buffer[place] ^= 1 << int(rng.integers(8))
    np.testing.assert_array_equal(np.flatnonzero(~intact(bytes(buffer), positions, sizes)), damaged)
