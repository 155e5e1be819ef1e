"""Runs the checks of a gate; each is a pure function of the run's facts."""

from __future__ import annotations

from msgspec import Struct

from gates.checks.check import Peers
from gates.checks.gate_file import GateSpec
from gates.facts.run_facts import RunFacts
from gates.findings import Finding, GateResult, NotApplicable
from gates.series import Series


class CheckResults(Struct, frozen=True, kw_only=True):
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
    # Those that read others come after them.
    for check in sorted(gate.checks, key=lambda check: bool(check.reads)):
        if live_only and not check.live:
            continue
        if not check.applies_to(facts):
            skipped.append(check.not_applicable(facts))
            continue
        ruling = check.judge(facts, Peers(findings=findings, baseline=baseline))
        if isinstance(ruling.finding, NotApplicable):
            skipped.append(ruling.finding)
        else:
            findings[check.id] = ruling.finding
        if ruling.series is not None:
            series[ruling.series.tag] = ruling.series
    ordered = tuple(findings[c.id] for c in gate.checks if c.id in findings)
    return CheckResults(
        findings=ordered, not_applicable=tuple(skipped), series=tuple(series.values())
    )
