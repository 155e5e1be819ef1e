"""Judges the seeds of one stage together; pure: values in, a verdict out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from gates.checks.seeds_needed import SeedsNeeded, seeds_needed_of
from gates.findings import Finding, GateResult, Outcome, Verdict
from gates.seeds.findings import enough_passed, every_seed_judged, verdicts_agree
from gates.seeds.recipe import really_different, same_recipe
from gates.seeds.result import JointResult, SeedRun, SeedVerdict
from gates.seeds.returns import returns_agree
from gates.seeds.statistics import bootstrap_interval, interquartile_mean
from gates.seeds.until_decided import enough_seeds, seeds_answer
from gates.sign_flips import Looks
from gates.text import format_number
from gates.verdict import decide


def judge_seeds(
    runs: Sequence[SeedRun], *, stage: str, needed: SeedsNeeded, looks: Looks | None = None
) -> JointResult:
    """Judge the seeds of a stage together.

    The verdict is the worst of its parts, as within one run: too few seeds that passed are a NO_GO,
    whatever their mean return is. A seed without a verdict never passes. Disagreement and the
    spread of returns are advisory: they say what to expect of the next seed.

    Args:
        runs: Every seed that was asked for, also those that crashed or were never started.
        stage: Name that the result bears.
        needed: `seeds_needed` of the stage's gate.
        looks: When seeds were added until it was decided: the plan of the rounds.

    Raises:
        ValueError: Fewer than two seeds, or one named twice; one run is judged by its gate alone.
    """
    if len({run.seed for run in runs}) != len(runs) or len(runs) < 2:
        raise ValueError("a joint judgement needs at least two different seeds")
    seeds = tuple(_seed(run) for run in sorted(runs, key=lambda run: run.seed))
    count = seeds_needed_of(needed, len(seeds))
    results = [run.result for run in runs if run.result is not None]
    scores = np.array([seed.score.value for seed in seeds if seed.score is not None])
    returns = bootstrap_interval([scores]) if len(scores) else None
    learning_judged = _judges_learning(results)
    answer = (
        None
        if looks is None
        else seeds_answer(seeds, needed, looks, learning_judged=learning_judged)
    )
    found: list[Finding | None] = [
        enough_passed(seeds, count),
        None if answer is None else enough_seeds(answer),
        every_seed_judged(seeds, count),
        same_recipe(runs),
        really_different(runs),
        verdicts_agree(seeds),
        returns_agree(seeds, returns, learning_judged=learning_judged),
    ]
    findings = tuple(finding for finding in found if finding is not None)
    decision = decide(findings)
    mean = interquartile_mean(scores)
    mean_return = mean if math.isfinite(mean) else None
    deciding = decision.deciding
    if decision.verdict is Verdict.GO:
        deciding = _why_go(seeds, count, mean_return, findings)
        if answer is not None:
            deciding = (
                f"{deciding.rstrip('.')}; decided after {answer.seeds} of at most {answer.most}."
            )
    planned = {result.planned_steps for result in results}
    return JointResult(
        verdict=decision.verdict,
        stage=stage,
        deciding=deciding,
        findings=findings,
        seeds=seeds,
        needed=count,
        rule=str(needed),
        returns=returns,
        mean_return=mean_return,
        gate_sha256=results[0].gate_sha256 if results else "",
        preset=results[0].preset if results else "",
        planned_steps=planned.pop() if len(planned) == 1 else None,
        answer=answer,
    )


def _seed(run: SeedRun) -> SeedVerdict:
    result = run.result
    if result is None:
        failed = bool(run.failed_before)
        why = run.failed_before or run.missing or "it has no verdict"
        return SeedVerdict(
            seed=run.seed, run=run.run, verdict=Verdict.NO_GO if failed else None, deciding=why
        )
    decided_by = result.deciding_finding
    first = result.diagnoses[0] if result.diagnoses else None
    return SeedVerdict(
        seed=run.seed,
        run=run.run,
        verdict=result.verdict,
        deciding=result.deciding,
        check=decided_by.title if decided_by is not None else "",
        cause=first.cause if first else "",
        cause_title=first.title if first else "",
        fix=first.fix.text if first else "",
        score=run.score,
    )


def _judges_learning(results: Sequence[GateResult]) -> bool:
    return any(
        finding.group == "learning" and finding.outcome is not Outcome.INCONCLUSIVE
        for result in results
        for finding in result.findings
    )


def _why_go(
    seeds: Sequence[SeedVerdict],
    needed: int,
    mean_return: float | None,
    findings: Sequence[Finding],
) -> str:
    passed = sum(seed.verdict is Verdict.GO for seed in seeds)
    text = f"{passed} of {len(seeds)} seeds passed, {needed} needed"
    if mean_return is not None:
        text += f", mean return {format_number(mean_return)}"
    doubts = [f.fact for f in findings if not f.required and f.fact]
    if doubts:
        text += f"; {', '.join(doubts)}"
    return f"{text}."
