"""What a finding states in short is true and short, and no row contradicts its outcome; on every run we have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gates.checks.gate_file import load_gate, parse_gate
from gates.findings import Finding, GateResult, Outcome
from gates.judge import judge
from gates.judgement import judge_log
from gates.runs.run_info import RunInfo
from gates.schema import plain
from tests.gates.synthetic_runs import FAULTS, Recipe, make

SHARED = Path(__file__).resolve().parents[3] / "shared" / "runs"
LONGEST_HEADLINE = 100


def synthetic() -> Iterator[GateResult]:
    for stage in ("5k", "50k", "1m"):
        for faults in ((), *((fault,) for fault in FAULTS.values())):
            for own in (False, True):
                run = make(Recipe(own=own), *faults)
                yield judge_log(
                    run.log(),
                    run=run.run_info(),
                    directory=Path("run"),
                    gate=load_gate(stage),
                    stage=stage,
                ).result


def stored() -> Iterator[GateResult]:
    folders = sorted({path.parent for path in SHARED.rglob("*tfevents*")})
    for folder in folders:
        run = folder.parent if folder.name == "events" else folder
        yield judge(run, gate=load_gate("5k"), stage="5k", cross_check=False).result


def check_result(result: GateResult) -> None:
    name = {"GO": "GO", "NO_GO": "NO-GO"}.get(result.verdict.value, result.verdict.value)
    headline = f"{name} at {result.stage}: {result.deciding.rstrip('.')}"
    assert len(headline) <= LONGEST_HEADLINE, headline
    for finding in result.findings:
        check_fact(finding)
        check_row(finding)


def check_fact(finding: Finding) -> None:
    if finding.outcome is Outcome.PASS:
        assert not finding.fact
        return
    assert finding.fact, finding.check
    assert not finding.fact.startswith(finding.title), "a title is a wish, not a fact"
    assert not finding.fact.endswith(".")
    undecided = finding.outcome is Outcome.INCONCLUSIVE
    assert finding.fact.startswith("not decided, ") is undecided, finding.fact


def check_row(finding: Finding) -> None:
    """Hold what a row shows against what it says: value, limit and outcome agree."""
    value, limit = finding.value, finding.limit
    if value is None or limit is None or finding.outcome is Outcome.INCONCLUSIVE:
        return
    beyond = value > limit if finding.direction == "max" else value < limit
    broken = finding.outcome is not Outcome.PASS
    # An effect that is too small to count is a WARN of its own.
    if finding.type != "improvement":
        assert beyond is broken, f"{finding.check}: {finding.reason} {value} {limit}"
    origin = finding.limit_origin
    if origin is not None:
        assert limit == pytest.approx(origin.factor * origin.bound)


def test_synthetic_runs() -> None:
    for result in synthetic():
        check_result(result)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared runs are not here")
def test_stored_runs() -> None:
    for result in stored():
        check_result(result)


def renamed(gate: str) -> dict[str, object]:
    rules: dict[str, Any] = plain(load_gate(gate))
    checks = [{**check, "id": f"my_{check['id']}"} for check in rules["checks"]]
    for check in checks:
        if check["type"] == "relative":
            check["check"] = f"my_{check['check']}"
    return {**rules, "checks": checks}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_a_renamed_check_keeps_its_causes(fault: str) -> None:
    run = make(Recipe(), FAULTS[fault])
    found = [
        judge_log(run.log(), run=run.run_info(), directory=Path("run"), gate=gate, stage="5k")
        for gate in (load_gate("5k"), parse_gate(renamed("5k"), "mine.yaml"))
    ]
    shipped, own = ([d.cause for d in one.result.diagnoses] for one in found)
    assert own == shipped
    assert found[0].result.verdict is found[1].result.verdict
    decided = found[1].result.deciding_finding
    assert decided is None or decided.check == found[1].result.deciding_check


def test_a_statement_with_any_punctuation_stays_whole_in_the_evidence() -> None:
    """A limit that was not applied: its statement once held a semicolon, and evidence was cut there."""
    run = make(Recipe(own=True))
    run.set("gradients/actor_mlp_norm", 50.0)
    run.set("gradients/actor_mlp_clipped_share", 0.0)
    told = run.run_info()
    assert told is not None
    train = {**told.train, "actor_mlp_max_grad_norm": 10.0, "gamma": 0.5}
    info = RunInfo(
        source="a; b: c/run.json", train=train, complete=True, planned_steps=told.planned_steps
    )
    result = judge_log(
        run.log(), run=info, directory=Path("run"), gate=load_gate("5k"), stage="5k"
    ).result
    applied = next(f for f in result.findings if f.type == "config_applied")
    (cause,) = (d for d in result.diagnoses if d.cause == "config_not_applied")
    assert cause.evidence == applied.parts
    assert len(applied.parts) == applied.value
    assert any(
        part == "actor_mlp_max_grad_norm is 50 in the events (largest norm; clipped share 0), "
        "configured is 10."
        for part in applied.parts
    )


def test_patience_shows_the_value_that_was_compared() -> None:
    from tests.gates.checks.test_checks import facts_of, finding
    from tests.gates.synthetic_runs import series

    spikes = np.array([1.0, 9.0, 1.0, 8.0, 1.0, 1.0, 1.0, 1.0])
    found = finding(
        facts_of(series("a/b", range(8), spikes)),
        type="limit",
        tag="a/b",
        max={"fail": 5},
        patience={"breaches": 2, "of": 3},
    )
    assert (found.outcome, found.value) == (Outcome.FAIL, 8.0)
    check_row(found)
