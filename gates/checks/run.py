"""Runs all checks of a gate: each one a pure function from its keys and the run's facts to a finding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gates.checks.base import NotApplicable, Outcomes
from gates.checks.derived_limit import DerivedLimitCheck, judge_derived_limit
from gates.checks.gate_file import GateSpec
from gates.checks.growth import GrowthCheck, judge_growth
from gates.checks.improvement import (
    ImprovementCheck,
    RetentionCheck,
    judge_improvement,
    judge_retention,
)
from gates.checks.limit import ConsistencyCheck, LimitCheck, judge_consistency, judge_limit
from gates.checks.phases import (
    CollapseCheck,
    PhaseComparisonCheck,
    judge_collapse,
    judge_phase_comparison,
)
from gates.checks.presence import (
    CompletenessCheck,
    FiniteCheck,
    PresenceCheck,
    judge_completeness,
    judge_finite,
    judge_presence,
)
from gates.checks.relative import RelativeCheck, judge_relative
from gates.facts.run_facts import RunFacts
from gates.findings import Finding, GateResult
from gates.series import Series

JUDGES: dict[type, Callable[[Any, RunFacts], Outcomes]] = {
    LimitCheck: judge_limit,
    DerivedLimitCheck: judge_derived_limit,
    ConsistencyCheck: judge_consistency,
    GrowthCheck: judge_growth,
    PhaseComparisonCheck: judge_phase_comparison,
    CollapseCheck: judge_collapse,
    ImprovementCheck: judge_improvement,
    RetentionCheck: judge_retention,
    FiniteCheck: judge_finite,
    PresenceCheck: judge_presence,
    CompletenessCheck: judge_completeness,
}


@dataclass(frozen=True, kw_only=True)
class CheckResults:
    """What the checks of a gate found."""

    findings: tuple[Finding, ...]
    not_applicable: tuple[NotApplicable, ...]
    series: tuple[Series, ...]
    """Series that checks derived, for plots."""


def run_checks(
    gate: GateSpec, facts: RunFacts, *, baseline: GateResult | None = None, live_only: bool = False
) -> CheckResults:
    """Run every check, or only those that can be judged while the run is training."""
    findings: dict[str, Finding] = {}
    skipped: list[NotApplicable] = []
    series: dict[str, Series] = {}
    relative = [c for c in gate.checks if isinstance(c, RelativeCheck)]
    absolute = [c for c in gate.checks if not isinstance(c, RelativeCheck)]
    for check in [*absolute, *relative]:
        if live_only and not check.live:
            continue
        if isinstance(check, RelativeCheck):
            outcome = judge_relative(check, facts, own=findings.get(check.check), baseline=baseline)
        else:
            outcome = JUDGES[type(check)](check, facts)
        if isinstance(outcome.finding, NotApplicable):
            skipped.append(outcome.finding)
        else:
            findings[check.id] = outcome.finding
        if outcome.series is not None:
            series[outcome.series.tag] = outcome.series
    ordered = tuple(findings[c.id] for c in gate.checks if c.id in findings)
    return CheckResults(
        findings=ordered, not_applicable=tuple(skipped), series=tuple(series.values())
    )
