from __future__ import annotations

import pytest
from msgspec import structs

from gates.findings import Outcome, Verdict
from gates.seeds.judge import judge_seeds
from gates.seeds.result import JointResult, SeedRun, SeedVerdict
from gates.seeds.result_file import from_json, to_json
from gates.seeds.scores import SeedScore
from gates.seeds.until_decided import enough_seeds, seeds_answer
from gates.sign_flips import Looks

LOOKS = Looks.in_rounds(3, 10)
VERDICTS = {"G": Verdict.GO, "C": Verdict.CONDITIONAL, "N": Verdict.NO_GO, "x": None}


def seeds(kinds: str, gains: dict[int, float] | None = None) -> list[SeedVerdict]:
    """Seeds by their verdicts, `x` for none; each gained 1 unless said otherwise."""
    return [
        SeedVerdict(
            seed=number,
            run="",
            verdict=VERDICTS[kind],
            deciding="",
            score=None if kind == "x" else score((gains or {}).get(number, 1.0)),
        )
        for number, kind in enumerate(kinds)
    ]


def score(gain: float) -> SeedScore:
    return SeedScore(
        value=gain - 5.0,
        evaluations=1,
        first_step=1,
        last_step=1,
        standard_error=None,
        episodes=None,
        untrained=-5.0,
    )


@pytest.mark.parametrize(
    ("kinds", "rule", "answer"),
    [
        ("GGG", "all", "open"),
        ("GGGGG", "all", "open"),
        ("GGGGGG", "all", "passes"),
        # Where every seed is needed, one that failed decides, whatever comes.
        ("GGN", "all", "fails"),
        ("GGx", "all", "fails"),
        ("GGC", "all", "open"),
        ("GGCGGGGGGG", "all", "undecided"),
        # Where a share is needed, it decides as soon as that is out of reach.
        ("NGG", 0.8, "open"),
        ("NNG", 0.8, "undecided"),
        ("NNN", 0.8, "fails"),
        ("NGGGGGGGG", 0.8, "passes"),
        ("xGGGGGGGG", 0.8, "passes"),
        ("NNGGGGGGGG", 0.8, "undecided"),
        ("NNNNGGG", 0.5, "undecided"),
        ("GGGGGG", 8, "open"),
        ("GGGGGGGG", 8, "passes"),
    ],
)
@pytest.mark.parametrize("learning", [True, False])
def test_the_question_is_answered_as_soon_as_it_can_be(kinds, rule, answer, learning):
    found = seeds_answer(seeds(kinds), rule, LOOKS, learning_judged=learning)
    assert found.answer == answer
    assert found.counted == ("gains" if learning and "G" in kinds else "verdicts")
    assert found.ended is (answer != "open")


def test_a_seed_that_failed_or_crashed_counts_against_as_much_as_the_best_counts_for_it():
    gains = {0: 100.0}
    for kind in "Nx":
        found = seeds_answer(seeds(f"GGGGG{kind}GGG", gains), 0.5, LOOKS, learning_judged=True)
        assert found.answer != "passes"
        assert found.p is not None
        assert found.p > 0.05


def test_seeds_that_passed_without_a_gain_are_no_evidence_of_learning():
    gains = dict.fromkeys(range(6), -1.0)
    assert (
        seeds_answer(seeds("GGGGGG", gains), "all", LOOKS, learning_judged=True).answer != "passes"
    )


def test_verdicts_count_where_a_return_is_missing():
    without = [
        structs.replace(seed, score=None) if seed.seed == 2 else seed for seed in seeds("GGGGGG")
    ]
    found = seeds_answer(without, "all", LOOKS, learning_judged=True)
    assert (found.answer, found.counted) == ("passes", "verdicts")


def test_how_sure_it_is_stands_in_the_finding_and_comes_back_from_the_file():
    answer = seeds_answer(seeds("GGGGGG"), "all", LOOKS, learning_judged=True)
    assert answer.failure_rate_most == pytest.approx(1 - 0.05 ** (1 / 6))
    finding = enough_seeds(answer)
    assert finding.outcome is Outcome.PASS
    assert "decided after 6 of at most 10 seeds" in finding.reason
    assert "1.56%" in finding.reason
    assert "39.3%" in finding.reason
    undecided = enough_seeds(seeds_answer(seeds("NNGGGGGGGG"), 0.8, LOOKS, learning_judged=False))
    assert (undecided.outcome, undecided.required) == (Outcome.WARN, True)
    joint = joint_of(3)
    assert joint.answer is not None
    assert from_json(to_json(joint)) == joint


def joint_of(count: int) -> JointResult:
    runs = [SeedRun(seed=seed, missing="crashed") for seed in range(count)]
    return judge_seeds(runs, stage="5k", needed="all", looks=LOOKS)


def test_seeds_without_any_verdict_never_pass():
    joint = joint_of(3)
    assert joint.verdict is Verdict.NO_GO
    assert joint.answer is not None
    assert joint.answer.answer == "fails"
