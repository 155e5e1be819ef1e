"""Decides whether a run that ended early is resumed, and after which wait."""

from __future__ import annotations

from dataclasses import dataclass

from flows.settings.supervision import RestartSettings
from flows.training.process.attempt_ends import RESTARTED, End


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run came."""

    step: int
    """Largest step of its heartbeat."""
    checkpoint: int | None
    """Step of the newest checkpoint; None without one."""

    def further_of(self, other: Progress) -> Progress:
        """Return the larger step and the newer checkpoint of the two."""
        newest = max(self.checkpoint or 0, other.checkpoint or 0)
        return Progress(step=max(self.step, other.step), checkpoint=newest or None)

    def beyond(self, other: Progress) -> bool:
        """Tell whether more steps were made or a newer checkpoint stands."""
        return self.step > other.step or (self.checkpoint or 0) > (other.checkpoint or 0)


@dataclass(frozen=True, kw_only=True)
class Restart:
    """What to do after an attempt."""

    wait_s: float
    refused: str = ""
    """Why there is no further attempt; empty when there is one."""


class RestartPolicy:
    """Counts the attempts of one training.

    The first attempt that ends early is always given a second one; after that only progress earns
    another, so that a run that dies at the same place again and again comes to an end.
    """

    def __init__(self, settings: RestartSettings) -> None:
        self._settings = settings
        self._attempts = 0
        self._fruitless = 0
        """Restarts since the newest checkpoint."""
        self._best: Progress | None = None

    def after(self, end: End, progress: Progress, *, another_start: bool = False) -> Restart:
        """Say what follows an attempt that ended so.

        Args:
            end: How it ended.
            progress: How far the run came.
            another_start: The next attempt begins otherwise, so that the failure of this one says nothing about it.
        """
        self._attempts += 1
        best = self._best
        if best is not None and (progress.checkpoint or 0) > (best.checkpoint or 0):
            self._fruitless = 0
        self._best = progress if best is None else progress.further_of(best)
        if end not in RESTARTED and not another_start:
            return Restart(
                wait_s=0.0, refused=f"a run that ended so is not restarted ({end.value})"
            )
        if self._attempts >= self._settings.attempts:
            return Restart(wait_s=0.0, refused=f"all {self._attempts} attempts are used up")
        if best is not None and not progress.beyond(best) and not another_start:
            return Restart(
                wait_s=0.0,
                refused=f"attempt {self._attempts} came no further than the one before",
            )
        wait_s = min(
            self._settings.backoff_most_s,
            self._settings.backoff_s * 2.0 ** min(self._fruitless, 60),
        )
        self._fruitless += 1
        return Restart(wait_s=wait_s)
