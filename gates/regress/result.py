"""Values of a comparison of two revisions: the content of regress.json."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from gates.findings import Verdict

Answer = Literal["same", "rounding", "no_difference", "worse", "changed", "undecided"]


class NewFault(Struct, frozen=True, kw_only=True):
    """What speaks against runs after the change and against none before it."""

    text: str
    seeds: tuple[int, ...]


class Moved(Struct, frozen=True, kw_only=True):
    """A measure that the change moved."""

    name: str
    """`train/critic_loss, last third`, `check target_q_bound`."""
    base: float
    """Mean over the seeds before the change."""
    head: float
    p: float
    """Corrected for the number of measures."""


class Regression(Struct, frozen=True, kw_only=True):
    """What the seeds so far say about a change."""

    answer: Answer
    deciding: str
    """The one sentence that decided."""
    seeds: tuple[int, ...]
    """Trained with both revisions, in this order."""
    most: int
    """Seeds that would have been trained at most."""
    error: float
    """Probability that the test calls a change one that changes nothing."""
    p: float | None = None
    """Of the test over all measures; None where it was not needed."""
    measures: int = 0
    faults: tuple[NewFault, ...] = ()
    moved: tuple[Moved, ...] = ()
    """The clearest first."""
    no_longer_logged: tuple[str, ...] = ()
    newly_logged: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """GO when nothing changed, NO_GO when the change made something worse, else a person has to look."""
        if self.answer in ("same", "rounding", "no_difference"):
            return Verdict.GO
        return Verdict.NO_GO if self.answer == "worse" else Verdict.CONDITIONAL
