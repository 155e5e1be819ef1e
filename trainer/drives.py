"""Evaluations of driving as records: who drove which routes under which conditions, and how each one ended.

The files are `evaluations/*.json` of the run directory (docs/run-directory.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from trainer.driving.episode import DrivenEpisode
from trainer.evaluate import EvaluatedEpisode
from trainer.run.files import write_atomically, write_json

Driver = Literal["policy", "untrained", "rule_based", "random"]
RouteKind = Literal["training", "held_out"]
FOLDER = "evaluations"
FINAL = "final.json"
LINES = 12
"""Routes of which the final record holds the driven lines."""
LINES_OF: tuple[Driver, ...] = ("policy", "rule_based")
PICTURES = "pictures.npz"
_STEP_IN_NAME = re.compile(r"^step-(\d+)\.json$")


@dataclass(frozen=True, kw_only=True)
class Drives:
    """Episodes of one driver on one set of routes."""

    driver: Driver
    routes: RouteKind
    conditions: Mapping[str, object]
    """Settings that say what was driven in: town, weather, other vehicles."""
    first_seed: int
    episodes: Sequence[EvaluatedEpisode] = ()
    missing: str = ""
    """Why these routes were not driven, one sentence."""

    def as_record(self, *, lines: int = 0) -> dict[str, Any]:
        """Return what the file holds, with the driven lines of the first `lines` episodes."""
        return {
            "driver": self.driver,
            "routes": self.routes,
            "conditions": dict(self.conditions),
            "missing": self.missing,
            "episodes": [
                {
                    "seed": self.first_seed + number,
                    "return": episode.total,
                    **_measures(episode.driven, line=number < lines),
                }
                for number, episode in enumerate(self.episodes)
                if episode.driven is not None
            ],
        }


def _measures(driven: DrivenEpisode, *, line: bool) -> dict[str, Any]:
    measures = vars(driven)
    return {name: value for name, value in measures.items() if line or name != "line_m"}


def write_drives(run: Path, step: int, drives: Sequence[Drives], *, final: bool = False) -> None:
    """Write the records of an evaluation; those of the same step are replaced.

    Raises:
        OSError: The folder cannot be written or the disk is full.
    """
    folder = run / FOLDER
    folder.mkdir(exist_ok=True)
    records = [
        each.as_record(lines=LINES if final and each.driver in LINES_OF else 0) for each in drives
    ]
    name = FINAL if final else f"step-{step:09d}.json"
    write_json(folder / name, {"format": 1, "step": step, "drives": records})


def write_pictures(run: Path, drives: Sequence[Drives]) -> None:
    """Write what the camera saw in the policy's best and worst episode by return; held-out routes go first.

    Raises:
        OSError: The folder cannot be written or the disk is full.
    """
    own = sorted((d for d in drives if d.driver == "policy"), key=lambda d: d.routes)
    seen = next((s for d in own if (s := [e for e in d.episodes if e.pictures])), [])
    if not seen:
        return
    best, worst = (pick(seen, key=lambda e: e.total) for pick in (max, min))
    arrays: dict[str, Any] = {"best": np.stack(best.pictures), "worst": np.stack(worst.pictures)}
    write_atomically(run / FOLDER / PICTURES, lambda file: np.savez_compressed(file, **arrays))


def discard_after(run: Path, step: int) -> None:
    """Remove the records of evaluations after a step: a resumed run makes them again."""
    for path in (run / FOLDER).glob("*"):
        found = _STEP_IN_NAME.match(path.name)
        if found is None or int(found.group(1)) > step:
            path.unlink()
