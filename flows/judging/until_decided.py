"""Judges a run again with more episodes of its policies, as long as they can decide what lies within its noise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flows.errors import TrainingBrokenError
from flows.judging.judge_run import Judged
from flows.settings.plan import StagePlan
from flows.training.more_episodes import run_more_episodes
from gates.errors import InputError
from gates.facts.afresh import MOST_LOOKS
from gates.findings import Finding, GateResult
from gates.runs.afresh import Afresh, read_afresh


def judge_until_decided(
    stage: StagePlan,
    folder: Path,
    judge: Callable[[], Judged],
    *,
    training_s: float | None,
    say: Callable[[str], None],
) -> Judged:
    """Judge, and run more episodes and judge again, until it is decided or the stage's budget is spent.

    Each round doubles the episodes, so that few looks are needed, of which each costs some certainty. What cannot be
    evaluated leaves the judgement as it is.
    """
    judged = judge()
    left = (training_s or 0.0) * stage.until_decided
    while stage.trainer is None and (open_yet := undecided(judged.judgement.result)) is not None:
        try:
            more = affordable_round(read_afresh(folder), left)
            if not more:
                break
            say(
                f"{stage.name}: {open_yet.title} is not decided, {more} more episodes of each policy"
            )
            left -= run_more_episodes(folder, more, grace_s=stage.supervision.grace_s)
        except (InputError, TrainingBrokenError) as error:
            say(f"{stage.name}: no more episodes, {error}")
            break
        judged = judge()
    return judged


def undecided(result: GateResult) -> Finding | None:
    """Return the required finding about learning that more episodes can decide."""
    return next(
        (
            finding
            for finding in result.findings
            if finding.required and finding.type == "improvement"
            if (sure := finding.certainty) is not None and not sure.decided and sure.more
        ),
        None,
    )


def affordable_round(record: Afresh | None, seconds: float) -> int:
    """Return the episodes of the next round, as many as were run; 0 where it takes too long or is one too many."""
    if record is None or record.rounds_made >= MOST_LOOKS or not record.seconds:
        return 0
    return len(record.policies[0].returns) if record.seconds <= seconds else 0
