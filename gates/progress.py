"""How far a stage came and how its policy did on the way: what state files store and reports show."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class StageState(str, Enum):
    """How far a stage of a pipeline is; a crash is no verdict."""

    GO = "GO"
    CONDITIONAL = "CONDITIONAL"
    NO_GO = "NO_GO"
    NOT_STARTED = "not started"
    RUNNING = "running"
    CRASHED = "crashed"
    CANCELLED = "cancelled"

    @property
    def judged(self) -> bool:
        """True for a verdict."""
        return self in (StageState.GO, StageState.CONDITIONAL, StageState.NO_GO)


@dataclass(frozen=True, kw_only=True)
class EvaluationPoint:
    """One evaluation of the policy without noise."""

    step: int
    mean_return: float | None = None
    std_return: float | None = None
    """Standard deviation of the returns within this evaluation."""
    mean_episode_length: float | None = None
    time_limit_share: float | None = None
    episodes: int | None = None
