"""Numbers the tags of one run, within limits that a hostile or runaway writer cannot exceed."""

from __future__ import annotations

from msgspec import Struct, field

TAG_LIMIT = 20_000
"""Tags that are read; a trainer that logs more has a step or an episode number inside its tag
names."""
TAG_NAME_LIMIT_BYTES = 1024
SKIPPED_NAMED_LIMIT = 1_000
"""Skipped tags that are listed by name; the rest is only counted."""

OTHER_TAGS = "(other tags)"
"""Stands in `skipped_tags` for those that are not named."""

SKIPPED = 0xFFFF
"""The number of every tag that is not read; numbers fit 16 bits."""


class TagTable(Struct, eq=False):
    """Tag name -> number, in the order of first appearance."""

    names: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    """Name -> reason, for tags with points that are not read."""
    _more_skipped: bool = False
    _numbers: dict[bytes, int] = field(default_factory=dict)
    _by_name: dict[str, int] = field(default_factory=dict)

    def number(self, raw: bytes) -> int:
        """Return the tag's number, or `SKIPPED` (and note why) when a limit forbids to read it."""
        known = self._numbers.get(raw)
        if known is not None:
            return known
        if len(raw) > TAG_NAME_LIMIT_BYTES:
            self.skip(raw, f"its name is longer than {TAG_NAME_LIMIT_BYTES:,} bytes")
            return SKIPPED
        name = _readable(raw)
        number = self._by_name.get(name)
        if number is None:
            if len(self.names) >= TAG_LIMIT:
                self.skip(raw, f"the run has more than {TAG_LIMIT:,} tags")
                return SKIPPED
            number = len(self.names)
            self.names.append(name)
            self._by_name[name] = number
        self._numbers[raw] = number
        return number

    def skip(self, raw: bytes, reason: str) -> None:
        """Note that a point of this tag was not read; the first reason stays."""
        name = _readable(raw[:TAG_NAME_LIMIT_BYTES])
        if name in self.skipped:
            return
        if len(self.skipped) < SKIPPED_NAMED_LIMIT:
            self.skipped[name] = reason
        else:
            self._more_skipped = True

    def skipped_tags(self) -> dict[str, str]:
        """Return the skipped tags with their reasons; one entry stands for those without a name."""
        if not self._more_skipped:
            return dict(self.skipped)
        note = f"more than {SKIPPED_NAMED_LIMIT:,} tags were left out; the rest is not named"
        return {**self.skipped, OTHER_TAGS: note}


def shortened(tag: str) -> str:
    """Return a tag as `skipped_tags` names it: a name beyond the limit is cut."""
    return _readable(tag.encode("utf-8", errors="surrogateescape")[:TAG_NAME_LIMIT_BYTES])


def _readable(raw: bytes) -> str:
    """Decode a tag name; bytes that are not UTF-8 become U+FFFD."""
    return raw.decode("utf-8", errors="replace")
