"""The small values that facts are made of: a number with its origin, and why there is none."""

from __future__ import annotations

from msgspec import Struct


class Fact(Struct, frozen=True, kw_only=True):
    """A number of the run with its origin."""

    value: float
    source: str


class Missing(Struct, frozen=True, kw_only=True):
    """Why something cannot be computed."""

    reason: str
    tags: tuple[str, ...] = ()
    """Tags that would make it possible."""
    not_applicable: bool = False
    """The question makes no sense for this run, which is different from an answer that is missing."""
    brief: str = ""
    """The reason in fewer words, where it is long."""
