"""Judges a run directory: reads, cross-checks, checks, audits, diagnoses; writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gates.findings import GateResult
from gates.run_info import RunInfo
from gates.series import EventLog
from gates.spec import GateSpec


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """A result with the series behind it, for the plots of a report."""

    result: GateResult
    log: EventLog
    """Canonical tags; series that checks derived are there too, with `derived_from` set."""
    run_info: RunInfo | None


def judge(
    directory: Path,
    *,
    gate: GateSpec,
    stage: str,
    planned_steps: int | None = None,
    config: Path | None = None,
    dialect: Path | None = None,
    cross_check: bool = True,
    baseline: GateResult | None = None,
) -> Judgement:
    """Judge the event files of one run against a gate.

    Raises:
        InputError: The directory holds nothing that can be judged.
        GateConfigError: `config` or `dialect` has mistakes.
    """
    raise NotImplementedError
