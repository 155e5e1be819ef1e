"""ended-early.json: early stopping ended a training, by which rule and where."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from msgspec import Struct, structs

from gates.errors import InputError
from gates.text import format_duration, format_number

ENDED_EARLY_FILE = "ended-early.json"


class PlateauRule(Struct, frozen=True, kw_only=True):
    """When the evaluations of a run count as having stopped to improve."""

    steps: int
    """Environment steps without an improvement."""
    evaluations: int = 4
    """Evaluations that these steps must hold at least."""
    window: int = 3
    """Neighbouring evaluations whose mean counts as well: a better mean is an improvement, too."""
    min_delta: float = 0.0
    """Return by which an evaluation must exceed the best one to be an improvement."""
    not_before: int = 0
    """Environment step before which nothing ends."""


class EndedEarly(Struct, frozen=True, kw_only=True):
    """What early stopping said when it ended a training."""

    step: int
    planned_steps: int
    since_step: int
    """Step of the last improvement."""
    best: float
    """Mean return of the best evaluation."""
    rule: PlateauRule
    saved_s: float | None = None
    """Time that the rest of the stage would have taken; None when the speed is unknown."""

    @property
    def sentence(self) -> str:
        """Where it ended, why and what that saved, without capital letter and full stop."""
        saved = f", saved about {format_duration(self.saved_s)}" if self.saved_s is not None else ""
        return f"ended by rule at step {self.step:,} of {self.planned_steps:,}, {self._why}{saved}"

    @property
    def would_end(self) -> str:
        """The same of a training that goes on, since nobody allowed to end it."""
        saves = (
            f", ending here would save about {format_duration(self.saved_s)}"
            if self.saved_s is not None
            else ""
        )
        return f"{self._why} at step {self.step:,} of {self.planned_steps:,}{saves}"

    @property
    def _why(self) -> str:
        best = format_number(self.best)
        return f"no improvement since step {self.since_step:,} (best mean return {best})"

    def to_json(self) -> str:
        """Render the file."""
        content = {"format": 1, **structs.asdict(self), "rule": structs.asdict(self.rule)}
        return json.dumps(content, indent=2, allow_nan=False) + "\n"


def read_ended_early(run: Path) -> EndedEarly | None:
    """Read ended-early.json of a run directory; None when early stopping did not end the run.

    Raises:
        InputError: The file is there but cannot be understood.
    """
    path = run / ENDED_EARLY_FILE
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != 1:
            raise ValueError(f"format must be 1, got {data['format']!r}")
        return EndedEarly(
            step=_count(data["step"]),
            planned_steps=_count(data["planned_steps"]),
            since_step=_count(data["since_step"]),
            best=_number(data["best"]),
            rule=PlateauRule(
                steps=max(1, _count(data["rule"]["steps"])),
                evaluations=max(1, _count(data["rule"]["evaluations"])),
                window=max(1, _count(data["rule"]["window"])),
                min_delta=_number(data["rule"]["min_delta"]),
                not_before=_count(data["rule"]["not_before"]),
            ),
            saved_s=None if data.get("saved_s") is None else _number(data["saved_s"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else error
        raise InputError(f"{path} cannot be understood: {what}") from error


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{value!r} is no number of steps")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no finite number")
    return float(value)
