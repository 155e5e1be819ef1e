"""What one short training showed: how it ended, what its gate found, and its curves."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from msgspec import Struct, field

from gates.findings import Finding, GateResult, Outcome
from gates.judgement import Judgement
from gates.series import FloatArray, IntArray

_OF_THE_MACHINE = ("time/",)
"""Beginnings of tags that measure the machine and not the learning."""


class Curve(Struct, frozen=True, eq=False):
    """The points of one tag, in the order in which they were logged."""

    steps: IntArray
    """`int64[n]`, environment steps."""
    values: FloatArray
    """`float64[n]`, may hold NaN."""

    def per_step(self) -> Curve:
        """Return one point for each step, the mean of what was logged there."""
        steps, place = np.unique(self.steps, return_inverse=True)
        sums = np.bincount(place, weights=self.values, minlength=len(steps))
        return Curve(steps, sums / np.bincount(place, minlength=len(steps)))


class Fault(Struct, frozen=True, kw_only=True):
    """Something that speaks against a run by itself."""

    key: str
    """Stable: of a check, of a cause, or `training`."""
    text: str
    """For people, a short clause without a full stop."""


class RunEvidence(Struct, frozen=True, kw_only=True):
    """What one run of one seed showed."""

    seed: int
    broken: str = ""
    """Why there is nothing to judge; empty when there is."""
    faults: tuple[Fault, ...] = ()
    """Required checks that failed or could not be decided, and causes that were named."""
    checks: Mapping[str, float] = field(default_factory=dict)
    """Measured value of each check, where it has a finite one."""
    required: frozenset[str] = frozenset()
    """Required checks that were judged."""
    curves: Mapping[str, Curve] = field(default_factory=dict)
    """By tag, without those that measure the machine."""

    @property
    def fault_keys(self) -> frozenset[str]:
        """What speaks against the run."""
        return frozenset(fault.key for fault in self.faults)


def broken_run(seed: int, why: str) -> RunEvidence:
    """Return what a training shows that left nothing to judge."""
    return RunEvidence(seed=seed, broken=why, faults=(Fault(key="training", text=why),))


def evidence_of(seed: int, judgement: Judgement) -> RunEvidence:
    """Reduce a judged run to what is compared."""
    result = judgement.result
    return RunEvidence(
        seed=seed,
        faults=tuple(_faults(result)),
        checks={
            f.check: f.value
            for f in result.findings
            if f.value is not None and math.isfinite(f.value)
        },
        required=frozenset(f.check for f in result.findings if _counts(f)),
        curves={
            tag: Curve(series.steps, series.values)
            for tag, series in judgement.log.series.items()
            if len(series) and not tag.startswith(_OF_THE_MACHINE) and not series.derived_from
        },
    )


def _counts(finding: Finding) -> bool:
    return finding.required and not finding.dry_run


def _faults(result: GateResult) -> list[Fault]:
    found = [
        Fault(key=f"check {finding.check}", text=finding.statement)
        for finding in result.findings
        if _counts(finding) and finding.outcome in (Outcome.FAIL, Outcome.INCONCLUSIVE)
    ]
    return found + [
        Fault(key=f"cause {diagnosis.cause}", text=f"likely cause: {diagnosis.title}")
        for diagnosis in result.diagnoses
    ]
