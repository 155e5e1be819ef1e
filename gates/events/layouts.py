"""Kinds of events that differ only in their numbers, and how to decode many of a kind at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gates.events.batch import OpenBatch
from gates.events.tag_table import SKIPPED
from gates.series import IntArray


@dataclass(frozen=True, eq=False)
class Layout:
    """The bytes after the step of one kind of event, and the places of its numbers in them."""

    window: int
    """Bytes that are compared, counted back from the end of the record; a multiple of 8."""
    template: NDArray[np.uint64]
    mask: NDArray[np.uint64]
    """Zero where a number stands and before the tail begins."""
    tags: NDArray[np.uint16]
    """Those that are read, one for each column of the values."""
    columns: tuple[tuple[str, NDArray[np.intp], NDArray[np.intp]], ...]
    """`(number form, columns of the values, their bytes in the window)` of each form."""


def make_layout(tail: bytes, places: list[tuple[int, str]], tags: list[int]) -> Layout:
    """Describe the kind of an event.

    Args:
        tail: Its bytes after the step.
        places: Byte of the tail and numpy form of each value.
        tags: Tag number of each value; some may be skipped.
    """
    window = -(-len(tail) // 8) * 8
    pad = window - len(tail)
    template = np.zeros(window, dtype=np.uint8)
    template[pad:] = np.frombuffer(tail, dtype=np.uint8)
    mask = np.zeros(window, dtype=np.uint8)
    mask[pad:] = 0xFF
    by_form: dict[str, tuple[list[int], list[int]]] = {}
    read: list[int] = []
    for (place, form), tag in zip(places, tags, strict=True):
        span = range(pad + place, pad + place + np.dtype(form).itemsize)
        mask[span.start : span.stop] = 0
        if tag != SKIPPED:
            columns, at = by_form.setdefault(form, ([], []))
            columns.append(len(read))
            at.extend(span)
            read.append(tag)
    return Layout(
        window,
        template.view(np.uint64),
        mask.view(np.uint64),
        np.array(read, dtype=np.uint16),
        tuple(
            (form, np.array(columns, dtype=np.intp), np.array(at, dtype=np.intp))
            for form, (columns, at) in by_form.items()
        ),
    )


def take_matching(batch: OpenBatch, layout: Layout, records: IntArray) -> IntArray:
    """Decode those of some open records that have the layout, and return the others.

    The tails of `records` must be as long as the layout's. A window that begins before the tail
    stays inside the record, because wall time and step are longer than the padding.
    """
    if not len(records):
        return records
    windows = np.lib.stride_tricks.sliding_window_view(batch.data, layout.window)
    rows = windows[batch.ends[records] - layout.window]
    differs = ((rows.view(np.uint64) ^ layout.template) & layout.mask).any(axis=1)
    if differs.any():
        rows = rows[~differs]
    hits = records[~differs]
    if len(hits):
        values = np.empty((len(hits), len(layout.tags)), dtype=np.float64)
        for form, columns, at in layout.columns:
            values[:, columns] = np.ascontiguousarray(rows[:, at]).view(form)
        batch.take_table(hits, layout.tags, values)
    return records[differs]
