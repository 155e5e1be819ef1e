from __future__ import annotations

import math
from dataclasses import replace

import pytest
from msgspec import structs

from gates.checks.gate_file import load_gate, parse_gate
from gates.checks.seeds_needed import SeedsNeeded, seeds_needed_of
from gates.errors import GateConfigError, InputError
from gates.findings import Diagnosis, Finding, Fix, GateResult, Outcome, Verdict
from gates.schema import plain
from gates.seeds.judge import judge_seeds
from gates.seeds.result import JointResult, SeedRun
from gates.seeds.result_file import from_json, to_json
from gates.seeds.scores import SeedScore

GO, MAYBE, NO, LOST, EARLIER = "GO", "CONDITIONAL", "NO_GO", "lost", "earlier"


def finding(check: str, value: float, *, group: str = "critic") -> Finding:
    return Finding(
        check=check,
        title=check.title(),
        outcome=Outcome.PASS,
        required=True,
        reason="it is so.",
        value=value,
        group=group,
    )


def result(seed: int, verdict: Verdict, *, cause: str = "", learning: bool = True) -> GateResult:
    fix = Fix(text="Lower the rate.")
    found = Diagnosis(
        cause=cause, title="Dead actor", evidence=("x",), refuted_by="nothing", fix=fix
    )
    outcome = {Verdict.GO: Outcome.PASS, Verdict.CONDITIONAL: Outcome.WARN}.get(
        verdict, Outcome.FAIL
    )
    decided = replace(finding("actor_q", 0.5 + seed / 7), title="Actor Q", outcome=outcome)
    more = [finding(f"check{i}", math.pi * i + seed / 3) for i in range(4)]
    if learning:
        more.append(finding("learning_return", 3.5 + seed / 9, group="learning"))
    return GateResult(
        verdict=verdict,
        stage="50k",
        run=f"seed-{seed}/50k/run-001",
        deciding="all passed." if verdict is Verdict.GO else "actor Q is 9.",
        findings=(decided, *more),
        diagnoses=(found,) if cause else (),
        gate_warnings=(),
        inputs=(),
        gate_sha256="g" * 64,
        versions={},
        planned_steps=50_000,
        last_step=50_000,
        dialect="gonogo",
        preset="drive",
        seed=seed,
        config_sha256="c" * 64,
    )


def score(value: float, *, error: float | None = 0.5, untrained: float | None = 0.0) -> SeedScore:
    return SeedScore(
        value=value,
        evaluations=3,
        first_step=40_000,
        last_step=50_000,
        standard_error=error,
        episodes=30,
        untrained=untrained,
    )


def run(seed: int, kind: str, *, value: float | None = None, cause: str = "") -> SeedRun:
    if kind == LOST:
        return SeedRun(seed=seed, missing="crashed: the simulator was lost.")
    if kind == EARLIER:
        return SeedRun(seed=seed, failed_before="NO_GO at 5k")
    return SeedRun(
        seed=seed,
        run=f"seed-{seed}/50k/run-001",
        result=result(seed, Verdict(kind), cause=cause),
        score=None if value is None else score(value),
    )


def runs(*kinds: str) -> list[SeedRun]:
    return [
        run(seed, kind, value=None if kind in (LOST, EARLIER) else 100.0 + seed)
        for seed, kind in enumerate(kinds)
    ]


def found(joint: JointResult, check: str) -> Finding:
    return next(f for f in joint.findings if f.check == check)


@pytest.mark.parametrize(
    ("kinds", "needed", "verdict"),
    [
        # Every seed is needed unless the gate says otherwise.
        ([GO] * 5, "all", GO),
        ([GO, GO, GO, GO, NO], "all", NO),
        ([GO, GO, GO, GO, MAYBE], "all", MAYBE),
        ([GO, GO, GO, MAYBE, NO], "all", NO),
        ([MAYBE] * 5, "all", MAYBE),
        ([NO] * 5, "all", NO),
        # A gate may ask for fewer.
        ([GO, GO, GO, GO, NO], 4, GO),
        ([GO, GO, GO, GO, NO], 0.8, GO),
        ([GO, GO, GO, NO, NO], 0.8, NO),
        ([GO, GO, GO, MAYBE, NO], 4, MAYBE),
        ([GO, GO, GO, MAYBE, MAYBE], 4, MAYBE),
        ([GO, NO], 1, GO),
        ([GO, NO], 0.5, GO),
        ([GO, NO], 1.0, NO),
        # More than there are: that cannot be met.
        ([GO, GO, GO], 4, NO),
        # A seed that is missing never passes silently.
        ([GO, GO, GO, GO, LOST], "all", NO),
        ([GO, GO, GO, GO, LOST], 4, MAYBE),
        ([GO, GO, GO, LOST, LOST], 4, NO),
        ([GO, GO, GO, MAYBE, LOST], 4, NO),
        ([LOST, LOST], 1, NO),
        ([GO, LOST], 1, MAYBE),
        ([NO, LOST], "all", NO),
        # One that failed an earlier stage is a failed one, not a missing one.
        ([GO, GO, GO, GO, EARLIER], 4, GO),
        ([GO, GO, GO, GO, EARLIER], "all", NO),
        ([GO, GO, GO, NO, EARLIER], 4, NO),
        ([EARLIER, EARLIER], 1, NO),
    ],
)
def test_the_joint_verdict(kinds: list[str], needed: SeedsNeeded, verdict: str) -> None:
    joint = judge_seeds(runs(*kinds), stage="50k", needed=needed)
    assert joint.verdict.value == verdict
    assert joint.deciding.endswith(".")
    backwards = judge_seeds(runs(*kinds)[::-1], stage="50k", needed=needed)
    assert backwards == joint, "the order of the seeds does not matter"
    assert from_json(to_json(joint)) == joint


def test_no_mean_return_outvotes_a_failed_seed() -> None:
    good = [run(seed, GO, value=1e6) for seed in range(4)]
    joint = judge_seeds([*good, run(4, NO, value=1e9)], stage="50k", needed="all")
    assert joint.verdict is Verdict.NO_GO
    assert joint.deciding == ("4 of 5 seeds passed, 5 needed.")
    assert found(joint, "seeds_passed").reason == (
        "4 of 5 seeds passed, 5 needed: seed 4 NO_GO (actor Q is 9)."
    )


def test_missing_seeds_are_named_with_the_reason() -> None:
    joint = judge_seeds(runs(GO, GO, LOST), stage="50k", needed=2)
    assert joint.deciding == ("seed 2 without a verdict.")
    assert found(joint, "seeds_judged").parts == ("Seed 2: crashed: the simulator was lost.",)
    assert found(joint, "seeds_passed").outcome is Outcome.PASS
    open_ = judge_seeds(runs(GO, LOST, LOST), stage="50k", needed=2)
    assert found(open_, "seeds_passed").outcome is Outcome.INCONCLUSIVE


def test_disagreement_names_seeds_and_likely_cause() -> None:
    some = [
        run(0, GO),
        run(1, NO, cause="dead_actor"),
        run(2, NO, cause="dead_actor"),
        run(3, MAYBE),
    ]
    joint = judge_seeds(some, stage="50k", needed=1)
    assert joint.verdict is Verdict.GO, "disagreement itself is advisory"
    agree = found(joint, "seeds_agree")
    assert (agree.outcome, agree.required) == (Outcome.WARN, False)
    assert agree.reason == (
        "seed 0 GO, seed 3 CONDITIONAL, seeds 1 and 2 NO_GO. Likely cause, seeds 1 and 2: "
        "Dead actor (`dead_actor`); seed 3: no cause named, actor Q is 9. The same recipe avoids it "
        "with other seeds."
    )
    assert "verdicts differ" in joint.deciding
    alike = judge_seeds(runs(NO, NO), stage="50k", needed="all")
    assert found(alike, "seeds_agree").outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("values", "error", "outcome", "says"),
    [
        ([100, 101, 102, 103, 104], 0.5, Outcome.PASS, "interquartile mean 102 ["),
        ([0, 1, 100, 101, 102], 0.5, Outcome.WARN, "the outcome hangs on the seed"),
        ([2, 3, 9, 15, 16], 9.0, Outcome.WARN, "evaluate more episodes"),
        ([0, 1, 100, 101, 102], None, Outcome.WARN, "worst is seed 0 with 0"),
        ([100, 101], 0.5, Outcome.INCONCLUSIVE, "2 returns give no interval, 3 are needed"),
        ([100, 101, 102, None], 0.5, Outcome.WARN, "the mean is too favourable"),
    ],
)
def test_the_spread_of_returns_is_told_with_its_cause(
    values: list[float | None], error: float | None, outcome: Outcome, says: str
) -> None:
    some = [
        structs.replace(run(seed, GO), score=None if value is None else score(value, error=error))
        for seed, value in enumerate(values)
    ]
    joint = judge_seeds(some, stage="50k", needed="all")
    agree = found(joint, "returns_agree")
    assert (agree.outcome, agree.required) == (outcome, False)
    assert says in agree.reason
    assert joint.verdict is Verdict.GO


def test_returns_are_not_judged_where_learning_is_not() -> None:
    some = [
        structs.replace(run(seed, GO, value=value), result=result(seed, Verdict.GO, learning=False))
        for seed, value in enumerate([0.0, 1.0, 90.0])
    ]
    joint = judge_seeds(some, stage="5k", needed="all")
    assert all(f.check != "returns_agree" for f in joint.findings)
    assert joint.returns is not None, "but they are shown"
    assert joint.worst is not None
    assert joint.worst.seed == 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"config_sha256": "d" * 64}, "The configuration differs: seeds 0 and 2 cccccccc, seed 1"),
        ({"gate_sha256": "h" * 64}, "The set of rules differs: "),
        ({"planned_steps": 49_000}, "The number of planned steps differs: "),
        ({"config_sha256": ""}, "The configuration is unknown of seed 1."),
    ],
)
def test_seeds_of_two_recipes_are_no_group(change: dict[str, object], says: str) -> None:
    some = runs(GO, GO, GO)
    own = some[1].result
    assert own is not None
    some[1] = structs.replace(some[1], result=replace(own, **change))  # type: ignore[arg-type]
    joint = judge_seeds(some, stage="50k", needed="all")
    assert joint.verdict is Verdict.NO_GO
    assert joint.deciding.startswith("not decided, the ")
    assert says in found(joint, "seeds_same_recipe").reason


def test_a_seed_of_an_older_trainer_is_no_part_of_the_group() -> None:
    some = runs(GO, GO, GO)
    joint = judge_seeds(
        [*some[:2], structs.replace(some[2], outdated=True)], stage="50k", needed="all"
    )
    assert joint.verdict is Verdict.NO_GO
    assert joint.deciding == "not decided, another recipe or version of the trainer was used."
    assert found(joint, "seeds_same_recipe").parts[0].endswith("used for seed 2.")


def test_the_same_training_twice_is_found() -> None:
    some = runs(GO, GO, GO)
    some[2] = structs.replace(some[2], result=some[0].result)
    joint = judge_seeds(some, stage="50k", needed=1)
    assert joint.verdict is Verdict.NO_GO
    assert joint.deciding == ("seeds 0 and 2 are the same training.")


def test_a_joint_judgement_needs_two_different_seeds() -> None:
    with pytest.raises(ValueError, match="two different seeds"):
        judge_seeds(runs(GO), stage="50k", needed="all")
    with pytest.raises(ValueError, match="two different seeds"):
        judge_seeds([run(1, GO), run(1, GO)], stage="50k", needed="all")


@pytest.mark.parametrize(
    ("rule", "seeds", "needed"),
    [("all", 5, 5), (4, 5, 4), (0.8, 5, 4), (0.5, 5, 3), (0.07, 100, 7), (0.01, 5, 1), (1.0, 5, 5),
     (9, 5, 9)],
)  # fmt: skip
def test_how_many_seeds_are_needed(rule: SeedsNeeded, seeds: int, needed: int) -> None:
    assert seeds_needed_of(rule, seeds) == needed


@pytest.mark.parametrize("value", [0, -1, 1.5, 0.0, "some", True, None, [4], float("nan")])
def test_a_gate_file_refuses_other_rules(value: object) -> None:
    gate = plain(load_gate("5k"))
    with pytest.raises(GateConfigError, match=r"seeds_needed: "):
        parse_gate({**gate, "seeds_needed": value}, "mine.yaml")


def test_the_rule_for_seeds_is_no_rule_for_a_run() -> None:
    """Else a change of it would make every stored GO old."""
    gate = load_gate("5k")
    changed = parse_gate({**plain(gate), "seeds_needed": 0.8}, "mine.yaml")
    assert changed.seeds_needed == 0.8
    assert changed.sha256 == gate.sha256


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 1}', '{"format": 2}', "nan"])
def test_a_broken_joint_json_is_an_input_error(text: str) -> None:
    with pytest.raises(InputError, match=r"joint\.json"):
        from_json(text)
