"""`--seeds 0-4`, `--seeds 0,1,7` and `--seeds auto`: from text to seeds and back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from flows.errors import UsageError

if TYPE_CHECKING:
    from gates.sign_flips import Looks

SEED_LIMIT = 2**31
MOST_SEEDS = 100
AUTO = "auto"
"""In place of seeds: as many as it takes."""
_PART = re.compile(r"(\d{1,10})(?:\s*-\s*(\d{1,10}))?")


def parse_seeds(text: str) -> tuple[int, ...]:
    """Return the seeds that a text names, rising.

    Raises:
        UsageError: It names none, one twice, too many, or is no list of numbers and ranges.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = _PART.fullmatch(part.strip())
        if match is None:
            raise UsageError(f"--seeds {text}: give numbers and ranges, for example 0-4 or 0,1,7.")
        first = int(match.group(1))
        last = first if match.group(2) is None else int(match.group(2))
        if last < first:
            raise UsageError(f"--seeds {text}: the range {part.strip()} goes backwards.")
        if last - first >= MOST_SEEDS:
            raise UsageError(f"--seeds {text}: more than {MOST_SEEDS} seeds.")
        seeds += range(first, last + 1)
    return checked_seeds(seeds, text)


def checked_seeds(seeds: Iterable[int], text: str = "") -> tuple[int, ...]:
    """Return seeds in rising order.

    Raises:
        UsageError: There are none or too many, one stands twice or is out of range.
    """
    rising = tuple(sorted(seeds))
    shown = text or ",".join(map(str, rising))
    if not rising:
        raise UsageError("--seeds: names no seed.")
    twice = sorted({seed for seed in rising if rising.count(seed) > 1})
    if twice:
        raise UsageError(f"--seeds {shown}: seed {twice[0]} is named twice.")
    if rising[0] < 0 or rising[-1] >= SEED_LIMIT:
        raise UsageError(f"--seeds {shown}: each must be at least 0 and below {SEED_LIMIT}.")
    if len(rising) > MOST_SEEDS:
        raise UsageError(f"--seeds {shown}: more than {MOST_SEEDS} seeds.")
    return rising


def seeds_text(seeds: Iterable[int]) -> str:
    """Write seeds as `--seeds` takes them, ranges of three and more shortened: `0-4,7`."""
    runs: list[list[int]] = []
    for seed in sorted(seeds):
        if runs and seed == runs[-1][-1] + 1:
            runs[-1].append(seed)
        else:
            runs.append([seed])
    return ",".join(
        f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs
    )


class AutoSeeds(BaseModel):
    """How many seeds `--seeds auto` may add, part of a stage file."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)

    round: Annotated[int, Field(ge=1, strict=True)] = 3
    """Seeds that are added at a time."""
    most: Annotated[int, Field(ge=2, le=MOST_SEEDS, strict=True)] = 10
    """Seeds after which it ends without an answer."""
    error: Annotated[float, Field(gt=0, le=0.5)] = 0.05
    """Probability, over all rounds together, that a recipe passes whose seeds pass and fail alike."""

    @model_validator(mode="after")
    def _can_decide(self) -> AutoSeeds:
        if 0.5**self.most > self.error:
            raise ValueError(
                f"most: {self.most} seeds can never decide at an error of {self.error:g}; allow more seeds"
            )
        return self

    @property
    def looks(self) -> Looks:
        """When the test looks at the seeds."""
        from gates.sign_flips import Looks

        return Looks.in_rounds(self.round, self.most, self.error)
