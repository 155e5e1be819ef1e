"""The record of a law."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from gates.algorithms import TD3_LIKE
from gates.facts.breach import Breach
from gates.facts.run_facts import RunFacts
from gates.facts.values import Missing
from gates.laws.quantity import Quantity


class Law(Struct, frozen=True, kw_only=True):
    """A quantity whose value is known for every correctly wired run."""

    name: str
    """Key in the gate file."""
    words: str
    """What it measures, for sentences and tables."""
    quantity: Callable[[RunFacts], Quantity | Missing]
    """Pure function; its docstring says how the quantity is computed."""
    fact: Callable[[Breach], str]
    """What a broken level means, in short."""
    assumes: tuple[str, ...]
    """When the law is right, and what makes it wrong; a sentence each."""
    algorithms: tuple[str, ...] = TD3_LIKE
    """Algorithms that it holds for; empty: all."""
    of_updates: bool = True
    """Each logged update gives it a point; otherwise it needs no update."""
    only_if_logged: bool = False
    """It does not apply where it cannot be computed: no trainer promises its tags, and few points are no fault."""
