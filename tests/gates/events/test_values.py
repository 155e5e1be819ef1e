from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary

from gates.events.kinds import ValueTable
from gates.events.proto import parse_event
from gates.events.wire import MalformedEventError

TAIL = 9 + 2
"""Bytes of wall time and of a step below 128."""
TAGS = ["a", "bb", "loss/critic", "x" * 200]

pairs = st.lists(
    st.tuples(st.sampled_from(TAGS), st.floats(width=32, allow_nan=False)), min_size=1, max_size=6
)


def record(values: list[tuple[str, float]]) -> bytes:
    summary = Summary(value=[Summary.Value(tag=t, simple_value=v) for t, v in values])
    return Event(wall_time=2.0, step=5, summary=summary).SerializeToString()


def learned(tags: list[str]) -> ValueTable:
    table = ValueTable()
    for tag in tags:
        data = record([(tag, 0.5)])
        table.add(data, TAIL, parse_event(data).values, [TAGS.index(tag)])
    return table


@given(values=pairs)
def test_known_values_are_read_and_long_ones_left_to_the_parser(
    values: list[tuple[str, float]],
) -> None:
    found = learned(TAGS).read(record(values), TAIL)
    if any(len(tag) > 100 for tag, _ in values):
        assert found is None
    else:
        assert found == ([TAGS.index(tag) for tag, _ in values], [value for _, value in values])


def test_one_unknown_value_leaves_the_event_to_the_parser() -> None:
    assert learned(["a"]).read(record([("a", 1.0), ("bb", 2.0)]), TAIL) is None
    assert (
        learned(["a"]).read(
            Event(wall_time=2.0, step=5, summary=Summary()).SerializeToString(), TAIL
        )
        is None
    )


def test_a_length_of_more_bytes_than_writers_need_is_left_to_the_parser() -> None:
    whole = record([("a", 1.0)])
    values = whole[TAIL + 2 :]
    stretched = whole[: TAIL + 1] + bytes([0x80 | len(values), 0x80, 0x80, 0x00]) + values
    assert parse_event(stretched).values
    assert learned(["a"]).read(stretched, TAIL) is None


@settings(max_examples=250, deadline=None)
@given(values=pairs, data=st.data())
def test_changed_bytes_are_read_as_the_parser_reads_them_or_left_to_it(
    values: list[tuple[str, float]], data: st.DataObject
) -> None:
    raw = bytearray(record(values))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(TAIL + 1, len(raw) - 1))] = data.draw(st.integers(0, 255))
    changed = bytes(raw)
    found = learned(TAGS).read(changed, TAIL)
    if found is None:
        return
    try:
        parsed = parse_event(changed)
    except MalformedEventError:
        raise AssertionError("the parser refuses what was read") from None
    assert [TAGS[tag].encode() for tag in found[0]] == [value.tag for value in parsed.values]
    numbers = [value.value for value in parsed.values]
    assert list(map(repr, found[1])) == list(map(repr, numbers))
