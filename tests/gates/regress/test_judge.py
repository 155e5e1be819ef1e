from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from msgspec import structs

from gates.findings import Verdict
from gates.regress.evidence import Curve, Fault, RunEvidence, broken_run
from gates.regress.judge import LOOKS, judge_pairs
from gates.regress.measures import Pair, measures
from gates.regress.result import Regression

STEPS = np.arange(100, 1_100, 100)
DEAD = Fault(key="cause dead_actor", text="likely cause: the actor is dead")


def evidence(
    seed: int,
    *,
    stream: int = 0,
    loss: float = 0.0,
    returns: float = 0.0,
    faults: tuple[Fault, ...] = (),
) -> RunEvidence:
    """A run whose values follow from the seed and a stream of random numbers, moved by `loss` and `returns`."""
    rng = np.random.default_rng((seed, stream))
    return RunEvidence(
        seed=seed,
        faults=faults,
        checks={"critic_loss": float(rng.normal())},
        required=frozenset({"critic_loss"}),
        curves={
            "train/critic_loss": Curve(STEPS, rng.normal(5.0, 0.5, len(STEPS)) + loss),
            "train/episode_reward": Curve(STEPS, rng.normal(0.0, 1.0, len(STEPS)) + returns),
            "agent/total_updates": Curve(STEPS, STEPS.astype(float)),
        },
    )


def judged(
    head: Callable[[int], RunEvidence], base: Callable[[int], RunEvidence] = evidence
) -> Regression:
    """Add pairs until it is decided."""
    for size in (1, 2, 3, *LOOKS.sizes):
        pairs = [(base(seed), head(seed)) for seed in range(size)]
        found = judge_pairs(pairs, last=size == LOOKS.sizes[-1])
        if found is not None:
            return found
    raise AssertionError("the last one decides")


def rounded(seed: int) -> RunEvidence:
    run = evidence(seed)
    curves = {tag: Curve(c.steps, c.values * (1 + 1e-6)) for tag, c in run.curves.items()}
    return structs.replace(run, curves=curves)


def less_often(seed: int) -> RunEvidence:
    run = evidence(seed)
    curves = {tag: Curve(c.steps[::2], c.values[::2]) for tag, c in run.curves.items()}
    return structs.replace(run, curves=curves)


def one_tag_fewer(seed: int) -> RunEvidence:
    run = evidence(seed)
    return structs.replace(
        run, curves={t: c for t, c in run.curves.items() if t != "agent/total_updates"}
    )


@pytest.mark.parametrize(
    ("head", "answer", "seeds"),
    [
        (evidence, "same", 1),
        (one_tag_fewer, "same", 1),
        (rounded, "rounding", 2),
        (less_often, "no_difference", 16),
        (lambda seed: evidence(seed, stream=1), "no_difference", 16),
        (lambda seed: evidence(seed, stream=1, loss=2.0), "changed", 8),
        (lambda seed: evidence(seed, loss=0.02), "changed", 8),
        (lambda seed: evidence(seed, stream=1, returns=-3.0), "worse", 8),
        (lambda seed: evidence(seed, stream=1, returns=3.0), "changed", 8),
        (lambda seed: evidence(seed, faults=(DEAD,)), "worse", 3),
        (lambda seed: broken_run(seed, "exit code 1"), "worse", 3),
        (lambda seed: structs.replace(evidence(seed), required=frozenset()), "worse", 3),
    ],
)
def test_a_change_is_judged_with_as_few_seeds_as_it_takes(head, answer, seeds):
    found = judged(head)
    assert (found.answer, len(found.seeds)) == (answer, seeds)
    assert len(found.deciding) <= 200


def test_the_verdict_says_whether_a_person_is_needed():
    assert judged(evidence).verdict is Verdict.GO
    assert judged(lambda seed: evidence(seed, loss=2.0)).verdict is Verdict.CONDITIONAL
    assert judged(lambda seed: evidence(seed, faults=(DEAD,))).verdict is Verdict.NO_GO


def test_what_was_known_before_the_change_or_comes_now_and_then_is_not_blamed():
    def always(seed: int) -> RunEvidence:
        return evidence(seed, stream=1, faults=(DEAD,))

    def once(seed: int) -> RunEvidence:
        return evidence(seed, faults=(DEAD,) if seed == 1 else ())

    assert judged(always, always).answer == "same"
    assert judged(always, once).answer in ("changed", "no_difference")
    found = judged(lambda seed: structs.replace(once(seed), curves=evidence(seed, stream=1).curves))
    assert found.answer == "no_difference"
    assert found.faults[0].seeds == (1,)


def test_missing_runs_never_pass():
    def lost(seed: int) -> RunEvidence:
        return broken_run(seed, "exit code 1") if seed == 4 else evidence(seed, stream=1)

    found = judged(lost)
    assert found.verdict is Verdict.CONDITIONAL
    assert "Seed 4 can be trained only before the change" in found.deciding
    before = judge_pairs([(broken_run(0, "exit code 1"), evidence(0))], last=False)
    assert before is not None
    assert before.answer == "undecided"
    few = judge_pairs([(evidence(s), evidence(s, stream=1)) for s in range(5)], last=True)
    assert few is not None
    assert few.verdict is Verdict.CONDITIONAL
    nothing_common = structs.replace(evidence(0), curves={"x/y": Curve(STEPS, STEPS.astype(float))})
    assert judge_pairs([(evidence(0), nothing_common)], last=False) is None


def test_measures_are_taken_where_both_runs_logged():
    pair: Pair = (evidence(0), less_often(0))
    found = measures([pair])
    assert not found.differences.any()
    assert "train/critic_loss, last third" in found.names


def test_other_random_draws_are_rarely_blamed():
    blamed = sum(
        judged(lambda seed, n=n: evidence(seed, stream=n)).verdict is not Verdict.GO
        for n in range(1, 101)
    )
    assert blamed <= 6, "2 of 100 are expected"
