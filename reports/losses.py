"""Keeps a verdict from being lost to what decorates it: a part that breaks becomes one sentence in the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from gates.text import error_in_words

T = TypeVar("T")
U = TypeVar("U")


class Losses:
    """Parts of a report that could not be made, one sentence each."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def guard(self, part: str, make: Callable[[], T], instead: U) -> T | U:
        """Return what `make` returns; when it raises, note the loss of `part` and return `instead`."""
        try:
            return make()
        except Exception as error:  # whatever breaks in a decoration, the verdict stands
            self.sentences.append(f"{part} could not be made ({error_in_words(error)}).")
            return instead
