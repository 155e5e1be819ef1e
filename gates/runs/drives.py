"""Reads what the trainer recorded of the evaluation at the end of a run: routes, and pictures of two of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from msgspec import Meta, Struct, field

from gates.errors import InputError
from gates.runs.record_file import read_record_file
from gates.schema import Recorded, Share
from gates.tags import Ending

FINAL = Path("evaluations") / "final.json"
PICTURES = Path("evaluations") / "pictures.npz"
_MOST_PIXELS = 50_000_000

Percent = Annotated[float, Meta(ge=0, le=100)]


class Episode(Recorded, frozen=True, kw_only=True):
    """One driven route; docs/driving.md explains the measures."""

    total: float = field(name="return")
    """Undiscounted return."""
    ending: Ending
    success: bool
    route_completion: Share
    mean_speed_mps: float
    comfortable_share: Share
    driving_score_2_0: Percent
    driving_score_2_1: Percent
    line_m: Annotated[tuple[tuple[float, float], ...], Meta(max_length=1_000)] = ()
    """The driven line as points (ahead, left) of where the episode began; empty where it was not kept."""


class Drives(Recorded, frozen=True, kw_only=True):
    """Episodes of one driver on one set of routes."""

    driver: Literal["policy", "untrained", "rule_based", "random"]
    routes: Literal["training", "held_out"]
    conditions: dict[str, str | int | float | list[str]]
    """Settings of the environment that say what was driven in, by name."""
    missing: str
    """Why these routes were not driven; empty otherwise."""
    episodes: tuple[Episode, ...]


class FinalEvaluation(Recorded, frozen=True, kw_only=True):
    """The content of the file."""

    format: Literal[1]
    step: Annotated[int, Meta(ge=0)]
    drives: tuple[Drives, ...]


class EpisodePictures(Struct, frozen=True, eq=False, kw_only=True):
    """What the camera saw in the policy's best and worst episode at the end, each `uint8[pictures, height, width]`."""

    best: npt.NDArray[np.uint8]
    worst: npt.NDArray[np.uint8]


def read_pictures(run: Path) -> EpisodePictures | None:
    """Read the pictures of the evaluation at the end of a run; None where none were kept.

    Raises:
        InputError: The file is there but cannot be understood.
    """
    path = run / PICTURES
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            best, worst = arrays["best"], arrays["worst"]
    except FileNotFoundError:
        return None
    except Exception as error:  # a damaged archive raises many kinds
        raise InputError(f"{path} cannot be understood: {error}") from error
    for array in (best, worst):
        if array.dtype != np.uint8 or array.ndim != 3 or not 0 < array.size <= _MOST_PIXELS:
            raise InputError(f"{path} holds no pictures of a camera")
    return EpisodePictures(best=best, worst=worst)


def read_final_evaluation(run: Path) -> FinalEvaluation | None:
    """Read the evaluation at the end of a run; None where none was made.

    Raises:
        InputError: The file is there but cannot be understood.
    """
    return read_record_file(run / FINAL, FinalEvaluation)
