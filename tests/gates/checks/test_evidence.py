"""A check gates only with evidence: a fault tripped it, and it passed every sound run."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from gates.checks.check import Check
from gates.checks.evidence import Evidence, Sound, Tripped, load_evidence, why_it_may_not_gate
from gates.checks.gate_file import gate_names, load_gate
from tests.evidence import collect
from tests.evidence_without_training import synthetic

CHECKS = {(name, c.id): c for name in gate_names() for c in load_gate(name).checks}
EVIDENCE = load_evidence()
TRIPPED = Tripped(fault="a_fault", bench="fault bench", runs=1)


@pytest.mark.parametrize("check", CHECKS.values(), ids=["-".join(key) for key in CHECKS])
def test_a_required_check_has_evidence(check: Check) -> None:
    missing = why_it_may_not_gate(check, EVIDENCE)
    assert not missing, missing


def test_no_evidence_is_kept_for_checks_that_are_gone() -> None:
    assert set(EVIDENCE) <= {check.id for check in CHECKS.values()}


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (Evidence(), "no fault is known to trip it"),
        (Evidence(tripped=(TRIPPED,)), "it was never asked about a sound run"),
        (
            Evidence(
                tripped=(TRIPPED,), sound=(Sound(bench="recipe bench", runs=40, false_alarms=1),)
            ),
            "it did not pass 1 of 40 sound runs",
        ),
    ],
)
def test_a_required_check_without_evidence_is_refused_with_the_reason(
    found: Evidence, says: str
) -> None:
    check = CHECKS["5k", "actor_alive"]
    assert says in why_it_may_not_gate(check, {check.id: found})
    advisory = replace(check, required=False)
    assert why_it_may_not_gate(advisory, {check.id: found}) == ""


def test_the_evidence_of_synthetic_runs_is_what_they_show() -> None:
    kept = {
        check: (
            {t.fault for t in found.tripped if t.bench == "synthetic runs"},
            sum(s.false_alarms for s in found.sound if s.bench == "synthetic runs"),
        )
        for check, found in EVIDENCE.items()
    }
    fresh = collect("synthetic runs", synthetic(("5k",)))
    for check, found in fresh.items():
        faults, alarms = kept[check]
        assert {t.fault for t in found.tripped} <= faults, (
            f"{check}: run tests.evidence_without_training"
        )
        assert found.false_alarms <= alarms
