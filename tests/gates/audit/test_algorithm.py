"""An algorithm that nothing is known of is never GO, however healthy its run looks."""

from __future__ import annotations

import pytest
from msgspec import structs

from gates.audit.algorithm import algorithm_known
from gates.facts.run_facts import RunFacts
from gates.findings import Outcome
from gates.runs.run_info import RunInfo
from tests.gates.synthetic_runs import Recipe, make


def facts(name: str) -> RunFacts:
    run = make(Recipe(own=True))
    info = run.run_info()
    assert info is not None
    return RunFacts(
        log=run.log(), run=structs.replace(info, algorithm=name), stage="5k", planned_steps=5000
    )


def test_a_name_that_nobody_knows_is_warned_about() -> None:
    finding = algorithm_known(facts("crossq"))
    assert finding is not None
    assert (finding.outcome, finding.required) == (Outcome.WARN, True)
    assert finding.statement == "CROSSQ is not a known algorithm, so its updates are hardly judged"


@pytest.mark.parametrize("name", ["td3", "DDPG", "sac", "ppo", "dqn", "td3_bc", ""])
def test_known_names_and_none_are_not(name: str) -> None:
    assert algorithm_known(facts(name)) is None


def test_a_log_without_a_configuration_counts_as_td3() -> None:
    log = make(Recipe()).log()
    assert algorithm_known(RunFacts(log=log, run=None, stage="5k", planned_steps=5000)) is None
    given = RunInfo(source="given", algorithm="mine")
    assert algorithm_known(RunFacts(log=log, run=given, stage="5k", planned_steps=5000)) is not None
