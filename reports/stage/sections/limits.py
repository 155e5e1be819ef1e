"""What a stage cannot decide: the gate's own list and what one run can never show."""

from __future__ import annotations

import math

from gates.findings import GateResult
from gates.progress import EvaluationPoint
from gates.text import format_count, format_number, format_plural
from reports.context import NextStage

_SEEDS = "Agarwal et al. 2021, arXiv:2108.13264"


def stage_limits(
    result: GateResult,
    evaluations: tuple[EvaluationPoint, ...],
    next_stage: NextStage | None,
) -> tuple[str, ...]:
    """Return sentences, each with a number of this run or a source."""
    sentences = list(result.not_decided)
    if not any("seed" in sentence for sentence in sentences):
        seed = "" if result.seed is None else f" (seed {result.seed})"
        sentences.append(
            f"How far results spread across seeds: 1 run{seed} gives no interval; comparing "
            f"recipes takes several ({_SEEDS})."
        )
    if not evaluations:
        sentences.append("How the policy acts without noise: no evaluation was logged.")
    else:
        sentences += _spread(evaluations[-1])
    if next_stage is not None and result.last_step:
        factor = next_stage.steps / result.last_step
        sentences.append(
            f"Faults that start after step {format_count(result.last_step)}: {next_stage.name} is "
            f"{format_number(factor, digits=3)} times as long."
        )
    return tuple(sentences)


def not_applicable(result: GateResult) -> tuple[str, ...]:
    """Return the checks that had nothing to judge in this run, one sentence for each reason."""
    titles: dict[str, list[str]] = {}
    for check in result.not_applicable:
        titles.setdefault(check.reason, []).append(check.title)
    return tuple(f"{', '.join(names)}: {reason}." for reason, names in titles.items())


def _spread(last: EvaluationPoint) -> list[str]:
    if last.episodes is None:
        return []
    episodes = format_plural(last.episodes, "episode")
    std = last.std_return
    if std is None or not math.isfinite(std) or last.episodes < 1:
        return []
    error = format_number(std / math.sqrt(last.episodes), digits=3)
    return [
        f"Differences of the mean return below about {error}: that is one standard error of the "
        f"last evaluation ({episodes}, standard deviation {format_number(std)})."
    ]
