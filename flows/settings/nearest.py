"""Suggests the name that a typo was meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like `name`, or None when none is."""
    names = {known_name.lower(): known_name for known_name in known}
    near = difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    return names[near[0]] if near else None


def did_you_mean(name: str, known: Iterable[str], *, rest: Sequence[str] = ()) -> str:
    """Return `; did you mean X?` or nothing; `rest` are the dotted parts that follow the name."""
    near = nearest(name, known)
    return f"; did you mean {'.'.join([near, *rest])}?" if near else ""
