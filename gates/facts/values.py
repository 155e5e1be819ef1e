"""The small values that facts are made of: a number with its origin, and why there is none."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A number of the run with its origin."""

    value: float
    source: str


@dataclass(frozen=True, kw_only=True)
class Missing:
    """Why something cannot be computed."""

    reason: str
    tags: tuple[str, ...] = ()
    """Tags that would make it possible."""
    not_applicable: bool = False
    """The question makes no sense for this run, which is different from an answer that is missing."""
    brief: str = ""
    """The reason in fewer words, where it is long."""
