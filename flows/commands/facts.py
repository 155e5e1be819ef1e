"""One line of `gonogo doctor`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One line of the table."""

    topic: str
    found: str
    problem: str = ""
    """What to do; empty when all is well."""
    needed: bool = True
    """False: the product works without it."""
