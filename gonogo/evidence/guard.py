"""An error of the evidence ends the evidence, never the training."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeVar

_R = TypeVar("_R")


class Guard:
    """Calls what collects evidence; after the first error it calls nothing any more."""

    def __init__(
        self,
        on_error: Callable[[Exception], None],
        ends: str = "collects no more evidence of this run",
    ) -> None:
        """Take what to do once, after the first error, which may break too, and what the error ends."""
        self._on_error, self._ends = on_error, ends
        self.error: Exception | None = None

    def call(self, work: Callable[[], _R], otherwise: _R) -> _R:
        """Return what `work` returns; `otherwise` when it raised, or something did before."""
        if self.error is not None:
            return otherwise
        try:
            return work()
        except Exception as error:
            self._end(error)
            return otherwise

    def hook(self, work: Callable[..., object]) -> Callable[..., None]:
        """Return a hook for torch: it returns None, so that it changes nothing, and never raises."""

        def guarded(*args: object, **kwargs: object) -> None:
            if self.error is None:
                try:
                    work(*args, **kwargs)
                except Exception as error:
                    self._end(error)

        return guarded

    def _end(self, error: Exception) -> None:
        self.error = error
        after = ""
        try:
            self._on_error(error)
        except Exception as second:
            after = f"; the run directory does not say so ({type(second).__name__}: {second})"
        warnings.warn(
            f"gonogo {self._ends}, which trains on: {type(error).__name__}: {error}{after}",
            RuntimeWarning,
            stacklevel=2,
        )
