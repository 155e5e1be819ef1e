from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gates.findings import Finding, Outcome, Verdict
from gates.verdict import decide

GRAVITY = {Verdict.GO: 0, Verdict.CONDITIONAL: 1, Verdict.NO_GO: 2}


def a_finding(
    outcome: Outcome, *, required: bool = True, dry_run: bool = False, check: str = "check"
) -> Finding:
    return Finding(
        check=check,
        title="Title",
        outcome=outcome,
        required=required,
        dry_run=dry_run,
        reason="value is 3, above the limit 2 at step 10.",
    )


findings = st.lists(
    st.builds(
        a_finding,
        st.sampled_from(Outcome),
        required=st.booleans(),
        dry_run=st.booleans(),
        check=st.sampled_from(["a", "b", "c"]),
    ),
    max_size=8,
)
counting = st.builds(a_finding, st.sampled_from(Outcome), required=st.booleans())


@pytest.mark.parametrize(
    ("outcome", "required", "verdict"),
    [
        (Outcome.PASS, True, Verdict.GO),
        (Outcome.PASS, False, Verdict.GO),
        (Outcome.WARN, True, Verdict.CONDITIONAL),
        (Outcome.WARN, False, Verdict.GO),
        (Outcome.INCONCLUSIVE, True, Verdict.NO_GO),
        (Outcome.INCONCLUSIVE, False, Verdict.GO),
        (Outcome.FAIL, True, Verdict.NO_GO),
        (Outcome.FAIL, False, Verdict.CONDITIONAL),
    ],
)
def test_one_finding(outcome: Outcome, required: bool, verdict: Verdict) -> None:
    assert decide([a_finding(outcome, required=required)]).verdict is verdict


def test_the_gravest_finding_decides_and_is_told_by_its_fact() -> None:
    worst = replace(a_finding(Outcome.FAIL), check="q", fact="actor Q is 9")
    decision = decide([a_finding(Outcome.WARN), worst, a_finding(Outcome.PASS)])
    assert decision.finding is worst
    assert (decision.check, decision.deciding) == ("q", "actor Q is 9.")


def test_a_finding_without_a_fact_is_told_by_its_outcome() -> None:
    assert decide([a_finding(Outcome.INCONCLUSIVE)]).deciding == "Title: INCONCLUSIVE."


def test_a_go_names_what_was_only_advisory() -> None:
    advisory = [a_finding(o, required=False) for o in (Outcome.WARN, Outcome.INCONCLUSIVE)]
    decision = decide([a_finding(Outcome.PASS), *advisory])
    assert (decision.finding, decision.check) == (None, "")
    assert decision.deciding == (
        "all 1 required checks passed, 1 advisory warning, 1 advisory not decided."
    )


@pytest.mark.parametrize("found", [[], [a_finding(Outcome.PASS, dry_run=True)]])
def test_nothing_to_decide_on_is_an_error(found: list[Finding]) -> None:
    with pytest.raises(ValueError, match="at least one check"):
        decide(found)


@given(findings, counting, st.sampled_from(Outcome))
def test_a_worse_outcome_never_improves_the_verdict(
    others: list[Finding], one: Finding, outcome: Outcome
) -> None:
    worse = max(one.outcome, outcome, key=lambda o: o.severity)
    before = decide([*others, one]).verdict
    after = decide([*others, replace(one, outcome=worse)]).verdict
    # An advisory INCONCLUSIVE is graver than a WARN but decides no more than that.
    assert GRAVITY[after] >= GRAVITY[before]


@given(findings, counting, st.randoms())
def test_order_does_not_matter(others: list[Finding], one: Finding, random: object) -> None:
    found = [*others, one]
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert decide(found) == decide(shuffled)


@given(findings, counting, st.booleans())
def test_a_passing_check_changes_nothing(
    others: list[Finding], one: Finding, required: bool
) -> None:
    found = [*others, one]
    assert (
        decide([*found, a_finding(Outcome.PASS, required=required)]).verdict
        is decide(found).verdict
    )


@given(findings, counting, st.sampled_from(Outcome), st.booleans())
def test_a_dry_run_never_counts(
    others: list[Finding], one: Finding, outcome: Outcome, required: bool
) -> None:
    found = [*others, one]
    dry = a_finding(outcome, required=required, dry_run=True)
    assert decide([dry, *found]).verdict is decide(found).verdict


@given(findings, counting)
def test_required_is_never_milder_than_advisory(others: list[Finding], one: Finding) -> None:
    advisory = decide([*others, replace(one, required=False)]).verdict
    required = decide([*others, replace(one, required=True)]).verdict
    assert GRAVITY[required] >= GRAVITY[advisory]
