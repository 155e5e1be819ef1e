from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gates.events import kinds as event_keys
from gates.events.checksums import ROW_BYTES, rows
from gates.events.kinds import KeyTable

key = st.binary(max_size=ROW_BYTES + 10).map(lambda rest: b"*" + rest)


@pytest.mark.parametrize("slot_bits", [1, 12])
@pytest.mark.parametrize("few", [0, 64])
@settings(max_examples=100, deadline=None)
@given(known=st.lists(key, max_size=20, unique=True), data=st.data())
def test_keys_are_found_exactly(
    slot_bits: int, few: int, known: list[bytes], data: st.DataObject
) -> None:
    """With two slots nearly every key shares its slot with another one."""
    asked = data.draw(st.lists(st.one_of(key, *map(st.just, known)), max_size=100))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_keys, "_SLOT_BITS", slot_bits)
        patch.setattr(event_keys, "_FEW", few)
        table = KeyTable()
        for number, name in enumerate(known):
            table.add(name, number)
        buffer = bytes(range(ROW_BYTES)) + b"".join(asked)
        lengths = np.array([len(name) for name in asked], dtype=np.int64)
        ends = ROW_BYTES + np.cumsum(lengths)
        found = table.find(buffer, ends - lengths, ends)
    numbers = {name: number for number, name in enumerate(known)}
    assert found.tolist() == [numbers.get(name, -1) for name in asked]


def test_a_key_that_ends_like_a_longer_one_is_another_key() -> None:
    table = KeyTable()
    table.add(b"*abc", 1)
    table.add(b"*x*abc", 2)
    buffer = bytes(ROW_BYTES) + b"*x*abc" * 100
    ends = ROW_BYTES + 6 * np.arange(1, 101)
    assert set(table.find(buffer, ends - 6, ends).tolist()) == {2}
    assert set(table.find(buffer, ends - 4, ends).tolist()) == {1}
    assert set(table.find(buffer, ends - 5, ends).tolist()) == {-1}


def test_rows_hold_stretches_with_zeros_before_them() -> None:
    buffer = bytes(range(1, 201))
    ends, lengths = np.array([64, 100, 200]), np.array([64, 0, 5])
    found = [row.tobytes() for row in rows(buffer, ends, lengths)]
    assert found == [buffer[:64], bytes(64), bytes(59) + buffer[195:200]]
