"""Whether the seeds so far answer the joint question, or another round of them is needed; pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from gates.checks.seeds_needed import SeedsNeeded, seeds_needed_of
from gates.findings import Finding, Outcome, Verdict
from gates.seeds.result import SeedsAnswer, SeedVerdict, seeds_finding
from gates.series import FloatArray
from gates.sign_flips import Looks, sign_flip_test
from gates.text import format_share


def seeds_answer(
    seeds: Sequence[SeedVerdict], rule: SeedsNeeded, looks: Looks, *, learning_judged: bool
) -> SeedsAnswer:
    """Ask whether the recipe passes, given the seeds so far in the order in which they were added.

    It fails as soon as too few can pass within the budget. It passes when enough passed and the sign-flip test shows
    that this is no luck. A seed that is no GO, crashed ones included, counts against it as much as the best one counts
    for it.
    """
    passed = sum(seed.verdict is Verdict.GO for seed in seeds)
    open_ = sum(seed.verdict is Verdict.CONDITIONAL for seed in seeds)
    most = looks.sizes[-1]
    left = max(0, most - len(seeds))
    values, counted = _values(seeds, learning_judged=learning_judged)
    test = sign_flip_test(values, looks)

    def answer(word: Literal["passes", "fails", "undecided", "open"], why: str) -> SeedsAnswer:
        return SeedsAnswer(
            answer=word,
            why=why,
            counted=counted,
            seeds=len(seeds),
            most=most,
            error=looks.error,
            p=test.p,
            failure_rate_most=1.0 - 0.05 ** (1.0 / passed) if passed == len(seeds) > 0 else None,
        )

    total = max(most, len(seeds))
    needed_in_all = seeds_needed_of(rule, total)
    failed = len(seeds) - passed - open_
    if passed + open_ + left < needed_in_all:
        return answer(
            "fails",
            f"{failed} of {len(seeds)} failed, so that {needed_in_all} of {total} are out of reach",
        )
    if test.found and passed >= seeds_needed_of(rule, len(seeds)):
        return answer("passes", f"{passed} of {len(seeds)} passed")
    if left == 0:
        return answer("undecided", f"all {most} seeds of the budget are trained")
    if not test.found and not test.can_find:
        return answer("undecided", f"the {left} seeds left cannot show that this is no luck")
    return answer("open", f"{passed} of {len(seeds)} passed")


def _values(
    seeds: Sequence[SeedVerdict], *, learning_judged: bool
) -> tuple[FloatArray, Literal["gains", "verdicts"]]:
    """Return one number per seed, above 0 where it speaks for the recipe."""
    gains = {
        seed.seed: seed.score.value - seed.score.untrained
        for seed in seeds
        if seed.verdict is Verdict.GO
        and seed.score is not None
        and seed.score.untrained is not None
    }
    passed = {seed.seed for seed in seeds if seed.verdict is Verdict.GO}
    if not learning_judged or not passed or passed - gains.keys():
        return np.array([1.0 if seed.seed in passed else -1.0 for seed in seeds]), "verdicts"
    worst = -max(abs(gain) for gain in gains.values())
    return np.array([gains.get(seed.seed, worst) for seed in seeds]), "gains"


def enough_seeds(answer: SeedsAnswer) -> Finding:
    """Say how many seeds it took, why no more were trained, and how sure the answer is."""
    took = f"{answer.seeds} of at most {answer.most} seeds"
    decided = answer.answer in ("passes", "fails")
    sure = ""
    if answer.answer == "passes":
        about = "returns over the untrained policy" if answer.counted == "gains" else "verdicts"
        sure = (
            f", which luck alone reaches in {format_share(answer.p)} of cases (sign-flip test on {about}; "
            f"{format_share(answer.error)} are allowed over all rounds)"
        )
        if answer.failure_rate_most is not None:
            most = format_share(answer.failure_rate_most)
            sure += f". With 95% confidence, at most {most} of this recipe's seeds fail"
    return seeds_finding(
        "seeds_decide",
        "Enough seeds to decide",
        outcome=Outcome.PASS if decided else Outcome.WARN,
        required=True,
        reason=f"{'' if decided else 'not '}decided after {took}: {answer.why}{sure}.",
        fact="" if decided else f"not decided after {answer.seeds} seeds",
        value=answer.p,
        limit=answer.error,
        direction="max",
        statistic="p-value of the sign-flip test over seeds",
        limit_source="auto_seeds of the stage",
        rationale="Seeds are added only until their number no longer matters.",
    )
