"""Puts the event files of one run into the order in which they were written, also where the clock was set back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from msgspec import Struct

from gates.events.file import FileTail, Span

_FAR = 2
"""Intervals of a tag beyond which its next point does not go on where it stood."""


class _Part(Struct, frozen=True, kw_only=True):
    """A file with points, after those without any that were begun just before it, such as a purge mark."""

    files: tuple[FileTail, ...]
    spans: Mapping[int, Span]
    """Of the tags whose steps rise."""


def in_order(files: Sequence[FileTail]) -> list[FileTail]:
    """Return the files by the time at which they were begun, or by their steps where no run has that history.

    A run has not begun with a file that starts later than another one does, and has not gone on beyond all that
    it had reached: then the machine's clock was set back in between. Steps decide only where they leave one order.
    """
    by_time = sorted(files, key=FileTail.order)
    parts = _parts(by_time)
    if not all(part.spans for part in parts):
        return by_time
    by_steps = sorted(parts, key=lambda part: min(span.low for span in part.spans.values()))
    if by_steps == parts or not all(_follows(*pair) for pair in pairwise(by_steps)):
        return by_time
    if not _far_behind(by_steps[0], parts[0]) and not _jumps(parts):
        return by_time
    ordered = [file for part in by_steps for file in part.files]
    return [*ordered, *(file for file in by_time if file not in ordered)]


def _parts(by_time: list[FileTail]) -> list[_Part]:
    parts: list[_Part] = []
    waiting: list[FileTail] = []
    for file in by_time:
        waiting.append(file)
        if file.spans:
            spans = {tag: s for tag, s in file.spans.items() if s.rises and s.high > s.low}
            parts.append(_Part(files=tuple(waiting), spans=spans))
            waiting = []
    return parts


def _follows(before: _Part, after: _Part) -> bool:
    """Tell whether most tags end later in `after`, and begin no earlier."""
    common = before.spans.keys() & after.spans.keys()
    later = sum(
        before.spans[tag].low <= after.spans[tag].low
        and before.spans[tag].high < after.spans[tag].high
        for tag in common
    )
    return 2 * len(common) > min(len(before.spans), len(after.spans)) and 2 * later > len(common)


def _far_behind(one: _Part, other: _Part) -> bool:
    """Tell whether most tags that begin elsewhere begin far earlier in `one`."""
    pairs = [(one.spans[tag], other.spans[tag]) for tag in one.spans.keys() & other.spans.keys()]
    apart = [(a, b) for a, b in pairs if a.low != b.low]
    far = sum(a.low + _FAR * max(a.interval, b.interval) < b.low for a, b in apart)
    return 2 * far > len(apart)


def _jumps(parts: list[_Part]) -> bool:
    """Tell whether a part begins far beyond all that the ones before it had reached."""
    reached: dict[int, int] = {}
    for part in parts:
        common = part.spans.keys() & reached.keys()
        far = sum(
            part.spans[tag].low > reached[tag] + _FAR * part.spans[tag].interval for tag in common
        )
        if 2 * far > len(common) > 0:
            return True
        for tag, span in part.spans.items():
            reached[tag] = max(reached.get(tag, span.high), span.high)
    return False
