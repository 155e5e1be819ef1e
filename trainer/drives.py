"""Evaluations of driving as records: who drove which routes under which conditions, and how each one ended.

The files are `evaluations/*.json` of the run directory (docs/run-directory.md).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from trainer.evaluate import EvaluatedEpisode
from trainer.run.files import write_json

Driver = Literal["policy", "untrained", "rule_based", "random"]
RouteKind = Literal["training", "held_out"]
FOLDER = "evaluations"
FINAL = "final.json"
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

    def as_record(self) -> dict[str, Any]:
        """Return what the file holds."""
        return {
            "driver": self.driver,
            "routes": self.routes,
            "conditions": dict(self.conditions),
            "missing": self.missing,
            "episodes": [
                {
                    "seed": self.first_seed + number,
                    "return": episode.total,
                    **dataclasses.asdict(episode.driven),
                }
                for number, episode in enumerate(self.episodes)
                if episode.driven is not None
            ],
        }


def write_drives(run: Path, step: int, drives: Sequence[Drives], *, final: bool = False) -> None:
    """Write the records of an evaluation; those of the same step are replaced.

    Raises:
        OSError: The folder cannot be written or the disk is full.
    """
    folder = run / FOLDER
    folder.mkdir(exist_ok=True)
    records = [each.as_record() for each in drives]
    name = FINAL if final else f"step-{step:09d}.json"
    write_json(folder / name, {"format": 1, "step": step, "drives": records})


def discard_after(run: Path, step: int) -> None:
    """Remove the records of evaluations after a step: a resumed run makes them again."""
    for path in (run / FOLDER).glob("*.json"):
        found = _STEP_IN_NAME.match(path.name)
        if found is None or int(found.group(1)) > step:
            path.unlink()
