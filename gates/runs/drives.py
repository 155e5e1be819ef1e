"""Reads what the trainer recorded of the evaluation at the end of a run: `evaluations/final.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from gates.runs.record_file import RecordModel, read_record_file
from gates.tags import Ending

FINAL = Path("evaluations") / "final.json"

Share = Annotated[float, Field(ge=0, le=1)]
Percent = Annotated[float, Field(ge=0, le=100)]


class Episode(RecordModel):
    """One driven route; docs/driving.md explains the measures."""

    total: float = Field(alias="return")
    """Undiscounted return."""
    ending: Ending
    success: bool
    route_completion: Share
    mean_speed_mps: float
    comfortable_share: Share
    driving_score_2_0: Percent
    driving_score_2_1: Percent


class Drives(RecordModel):
    """Episodes of one driver on one set of routes."""

    driver: Literal["policy", "untrained", "rule_based", "random"]
    routes: Literal["training", "held_out"]
    conditions: dict[str, str | int | float | list[str]]
    """Settings of the environment that say what was driven in, by name."""
    missing: str
    """Why these routes were not driven; empty otherwise."""
    episodes: tuple[Episode, ...]


class FinalEvaluation(RecordModel):
    """The content of the file."""

    format: Literal[1]
    step: int = Field(ge=0)
    drives: tuple[Drives, ...]


def read_final_evaluation(run: Path) -> FinalEvaluation | None:
    """Read the evaluation at the end of a run; None where none was made.

    Raises:
        InputError: The file is there but cannot be understood.
    """
    return read_record_file(run / FINAL, FinalEvaluation)
