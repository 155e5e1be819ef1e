"""`gonogo backtest`: judge stored runs again and list every verdict that flips."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from flows.backtesting.backtest_cases import Selection, select_cases
from flows.backtesting.backtest_json import as_json_text
from flows.backtesting.backtest_text import (
    flip_lines,
    label_answers,
    label_lines,
    labels_summary,
    run_line,
    summary_lines,
)
from flows.backtesting.judge_again import Comparison, backtest
from flows.backtesting.labels import load_labels
from flows.commands.terminal import say
from flows.errors import UsageError

EXIT_FLIPPED = 3


def backtest_directories(
    directories: Sequence[Path],
    *,
    gate: str | None,
    against: str | None,
    stage: str | None,
    labels: Path | None,
    jobs: int,
    as_json: bool,
) -> int:
    """Judge all runs below some folders again; 3 when a verdict flips or a label is not met.

    The other options are those of `judge_all_again`, which raises the same errors.
    """

    def show(comparison: Comparison) -> None:
        if not as_json:
            say(run_line(comparison))

    comparisons, selection = judge_all_again(
        directories,
        gate=gate,
        against=against,
        stage=stage,
        labels=labels,
        jobs=jobs,
        show=show,
    )
    if as_json:
        print(as_json_text(comparisons, selection))
    else:
        for line in closing_lines(comparisons, selection):
            say(line)
    return EXIT_FLIPPED if something_is_wrong(comparisons, selection) else 0


def judge_all_again(
    directories: Sequence[Path],
    *,
    gate: str | None,
    against: str | None,
    stage: str | None,
    labels: Path | None,
    jobs: int,
    show: Callable[[Comparison], None],
) -> tuple[list[Comparison], Selection]:
    """Judge all runs below some folders again; `show` gets each as it comes.

    Raises:
        UsageError: A folder does not exist, or nothing can be judged at all.
        ConfigError: The labels or the stage have mistakes.
        GateConfigError: A gate is missing or has mistakes.
    """
    selection = select_cases(
        directories,
        stage=stage,
        gate=gate,
        against=against,
        labels=load_labels(labels) if labels else None,
    )
    comparisons = list(selection.not_judged)
    for comparison in comparisons:
        show(comparison)
    for comparison in backtest(selection.cases, jobs=jobs):
        comparisons.append(comparison)
        show(comparison)
    if all(c.after is None for c in comparisons):
        raise UsageError(f"None of the runs can be judged. The first: {comparisons[0].problem}")
    return comparisons, selection


def closing_lines(comparisons: Sequence[Comparison], selection: Selection) -> list[str]:
    """Say what flipped and why, which labels are not met, and how many."""
    lines = [
        *flip_lines(comparisons),
        *label_lines(comparisons),
        *summary_lines(comparisons),
        *labels_summary(comparisons, selection.labels_without_run),
    ]
    if selection.other_stages:
        lines.append(f"Left out: {selection.other_stages:,} of other stages.")
    return lines


def something_is_wrong(comparisons: Sequence[Comparison], selection: Selection) -> bool:
    """Return whether a person must look: a flip, an unmet label, a verdict that cannot be reproduced."""
    return bool(selection.labels_without_run) or any(
        c.flipped or (c.after is None and c.before is not None) or False in label_answers(c)
        for c in comparisons
    )
