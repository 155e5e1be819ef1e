"""Turns records into columns of points, most of them without looking at each one alone.

A trainer writes the same few kinds of event over and over: two events of a kind differ only in the
wall time, the step and the numbers. The first event of a kind is decoded field by field. A further
one whose other bytes are exactly the same is decoded by taking the numbers from the same places,
for all such events at once.
"""

from __future__ import annotations

import numpy as np

from gates.events.batch import OpenBatch, split
from gates.events.framing import RecordBatch, unaligned
from gates.events.kinds import (
    KEY_LIMIT_BYTES,
    KeyTable,
    Layout,
    ValueTable,
    make_layout,
    take_matching,
)
from gates.events.points import Decoded
from gates.events.proto import ParsedEvent, parse_event
from gates.events.tag_table import TagTable
from gates.events.wire import MalformedEventError

_FIRST_ALONE = 64
"""Events decoded one by one before the kinds that they teach, if any, are tried on the rest; doubles
each round."""
_LAYOUTS_PER_LENGTH = 16
_FLOAT_BYTES = 4
_LENGTH_LIMIT = KEY_LIMIT_BYTES + _FLOAT_BYTES


class EventDecoder:
    """Decodes the records of one run, learning the kinds of its events as they come."""

    def __init__(self, tags: TagTable) -> None:
        self._tags = tags
        self._keys = KeyTable()
        """Of events that end with their one number (a float32)."""
        self._layouts: dict[int, list[Layout]] = {}
        """Other kinds, by the length of their tail, up to a limit for each length."""
        self._values = ValueTable()
        """Of events with kinds beyond the limit."""
        self._learned = 0
        """Counts the kinds."""

    def decode(self, records: RecordBatch) -> Decoded:
        """Return the points of some records in the order in which they were written."""
        batch = split(records)
        alone = _FIRST_ALONE
        with np.errstate(invalid="ignore"):  # a signalling NaN is a value like any other
            while True:
                self._match_layouts(batch)
                self._match_keys(batch)
                unknown = np.flatnonzero(batch.open).tolist()
                if not unknown:
                    return batch.decoded()
                learned = self._learned
                for count, index in enumerate(unknown):
                    if count >= alone and self._learned > learned:
                        break
                    if batch.open[index]:
                        self._decode_alone(batch, index)
                alone *= 2

    def _match_layouts(self, batch: OpenBatch) -> None:
        lengths = batch.tail_lengths()
        for length, layouts in self._layouts.items():
            records = np.flatnonzero(lengths == length)
            for layout in layouts:
                records = take_matching(batch, layout, records)

    def _match_keys(self, batch: OpenBatch) -> None:
        lengths = batch.tail_lengths()
        records = np.flatnonzero((lengths > _FLOAT_BYTES) & (lengths <= _LENGTH_LIMIT))
        if not len(records):
            return
        buffer, ends = batch.batch.buffer, batch.ends[records] - _FLOAT_BYTES
        numbers = self._keys.find(buffer, batch.tails[records], ends)
        hit = numbers >= 0
        if hit.any():
            values = unaligned(buffer, "<f4")[ends[hit]].astype(np.float64)
            batch.take(records[hit], numbers[hit].astype(np.uint16), values)

    def _decode_alone(self, batch: OpenBatch, index: int) -> None:
        """Decode one event field by field, and learn its kind."""
        record, tail = batch.record(index), int(batch.tails[index] - batch.batch.starts[index])
        if (
            batch.regular[index]
            and len(self._layouts.get(len(record) - tail, ())) == _LAYOUTS_PER_LENGTH
        ):
            known = self._values.read(record, tail)
            if known is not None:
                batch.take_alone(index, *known)
                return
        try:
            event = parse_event(record)
        except MalformedEventError as error:
            batch.malformed.append((index, str(error)))
            batch.open[index] = False
            return
        if event.session_start:
            batch.session_starts.append((index, event.step))
        tags: list[int] = []
        values: list[float] = []
        for parsed in event.values:
            if parsed.value is None:
                self._tags.skip(parsed.tag, parsed.reason)
            else:
                tags.append(self._tags.number(parsed.tag))
                values.append(parsed.value)
        batch.wall_times[index], batch.steps[index] = event.wall_time, event.step
        self._learn(batch, index, event, tags)
        if batch.open[index]:
            batch.take_alone(index, tags, values)

    def _learn(self, batch: OpenBatch, index: int, event: ParsedEvent, tags: list[int]) -> None:
        """Remember the kind of an event whose numbers all stand at fixed places behind the step.

        Events of a new layout, this one among them, are taken at once.
        """
        tail = int(batch.tails[index] - batch.batch.starts[index])
        if not batch.regular[index] or event.summary_start != tail or not event.values:
            return
        if any(value.value is None or value.position < tail for value in event.values):
            return
        raw = batch.record(index)[tail:]
        places = [(value.position - tail, value.form) for value in event.values]
        if places == [(len(raw) - _FLOAT_BYTES, "<f4")]:
            self._keys.add(raw[:-_FLOAT_BYTES], tags[0])
            self._learned += 1
            return
        self._values.add(batch.record(index), tail, event.values, tags)
        layouts = self._layouts.setdefault(len(raw), [])
        if len(layouts) < _LAYOUTS_PER_LENGTH:
            layouts.append(make_layout(raw, places, tags))
            self._learned += 1
            take_matching(batch, layouts[-1], np.flatnonzero(batch.tail_lengths() == len(raw)))
