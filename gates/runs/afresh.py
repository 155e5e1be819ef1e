"""Reads how the policies of a stage did on the episodes that compare stages: `evaluations/afresh.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta

from gates.runs.record_file import read_record_file
from gates.schema import Recorded
from gates.series import FloatArray

AFRESH = Path("evaluations") / "afresh.json"


class PolicyAfresh(Recorded, frozen=True, kw_only=True):
    """Episodes of one policy; the same numbers are the same episodes, whatever stage and policy."""

    policy: Literal["untrained", "last", "best"]
    step: Annotated[int, Meta(ge=0)]
    """Step of the training at which the policy was as it is."""
    returns: Annotated[tuple[float, ...], Meta(min_length=1)]

    @property
    def values(self) -> FloatArray:
        """The returns, `float[episodes]`."""
        return np.array(self.returns, dtype=np.float64)

    @property
    def mean(self) -> float:
        """Mean return."""
        return float(self.values.mean())

    @property
    def error(self) -> float | None:
        """Standard error of the mean; None for one episode."""
        count = len(self.returns)
        return float(self.values.std(ddof=1) / np.sqrt(count)) if count > 1 else None


class Afresh(Recorded, frozen=True, kw_only=True):
    """The content of the file."""

    format: Literal[1]
    first_seed: int
    policies: tuple[PolicyAfresh, ...]
    rounds: tuple[int, ...] = ()
    """Episodes of each round, of every policy; files of earlier versions hold one round and do not say so."""
    seconds: float | None = None
    """Time that all of them took; None in files of earlier versions."""

    @property
    def rounds_made(self) -> int:
        """How often episodes were added, the first time included."""
        return max(1, len(self.rounds))

    @property
    def trained(self) -> tuple[PolicyAfresh, ...]:
        """The policies that the stage made."""
        return tuple(p for p in self.policies if p.policy != "untrained")

    @property
    def untrained(self) -> PolicyAfresh | None:
        """The policy that the stage began with; None where it was not run."""
        return next((p for p in self.policies if p.policy == "untrained"), None)


def read_afresh(run: Path) -> Afresh | None:
    """Read the file of a run; None where there is none.

    Raises:
        InputError: The file is there but cannot be understood.
    """
    return read_record_file(run / AFRESH, Afresh)
