"""Reads what the trainer recorded of the evaluation at the end of a run: `evaluations/final.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gates.errors import InputError
from gates.tags import Ending

FINAL = Path("evaluations") / "final.json"

Share = Annotated[float, Field(ge=0, le=1)]
Percent = Annotated[float, Field(ge=0, le=100)]


class _Record(BaseModel):
    # A later trainer may record more.
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Episode(_Record):
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


class Drives(_Record):
    """Episodes of one driver on one set of routes."""

    driver: Literal["policy", "untrained", "rule_based", "random"]
    routes: Literal["training", "held_out"]
    conditions: dict[str, str | int | float | list[str]]
    """Settings of the environment that say what was driven in, by name."""
    missing: str
    """Why these routes were not driven; empty otherwise."""
    episodes: tuple[Episode, ...]


class FinalEvaluation(_Record):
    """The content of the file."""

    format: Literal[1]
    step: int = Field(ge=0)
    drives: tuple[Drives, ...]


def read_final_evaluation(run: Path) -> FinalEvaluation | None:
    """Read the evaluation at the end of a run; None where none was made.

    Raises:
        InputError: The file is there but cannot be understood.
    """
    path = run / FINAL
    try:
        return FinalEvaluation.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "it"
        raise InputError(f"{path} cannot be understood: {place}: {first['msg']}") from error
