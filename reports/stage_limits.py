"""What a stage cannot decide: the gate's own list and what one run can never show."""

from __future__ import annotations

import math

from gates.findings import GateResult
from reports.context import EvaluationPoint, NextStage
from reports.number_format import format_count, format_number, format_plural

_SEEDS = "Agarwal et al. 2021, arXiv:2108.13264"


def stage_limits(
    result: GateResult,
    evaluations: tuple[EvaluationPoint, ...],
    next_stage: NextStage | None,
) -> tuple[str, ...]:
    """Return sentences, each with a number of this run or a source."""
    sentences = list(result.not_decided)
    seed = "" if result.seed is None else f" (seed {result.seed})"
    sentences.append(
        f"1 run{seed} gives no confidence interval across seeds; comparing recipes takes several "
        f"({_SEEDS})."
    )
    if not evaluations:
        sentences.append("0 evaluations were logged: how the policy acts without noise is unknown.")
    else:
        sentences += _spread(evaluations[-1])
    if next_stage is not None and result.last_step:
        factor = next_stage.steps / result.last_step
        sentences.append(
            f"{next_stage.name} is {format_number(factor, digits=3)} times as long as the "
            f"{format_count(result.last_step)} steps judged here; a fault that starts later shows "
            f"there."
        )
    return tuple(sentences)


def _spread(last: EvaluationPoint) -> list[str]:
    if last.episodes is None:
        return []
    text = f"The last evaluation has {format_plural(last.episodes, 'episode')}"
    std = last.std_return
    if std is None or not math.isfinite(std) or last.episodes < 1:
        return [text + "; their spread was not logged."]
    error = format_number(std / math.sqrt(last.episodes), digits=3)
    return [
        f"{text} with a standard deviation of {format_number(std)}: "
        f"its mean return is known to about {error} (one standard error)."
    ]
