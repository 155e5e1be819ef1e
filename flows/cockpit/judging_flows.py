"""The work of `gate-only` and `backtest`: judging what is stored, with artifacts to read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas import State
from prefect.states import Completed, Failed

from flows.backtesting.backtest_text import run_line
from flows.backtesting.judge_again import Comparison
from flows.cockpit.choices import runs_folder, stages
from flows.commands.backtest import closing_lines, judge_all_again, something_is_wrong
from flows.commands.gate import judge_with
from flows.judging.judge_run import Judged
from flows.judging.rules import Asked
from flows.pages.artifacts import publish_checks, publish_report, try_to_publish
from flows.pages.page_reporter import log
from flows.pages.run_page import RunPage
from flows.settings.shell_path import shell_path
from gates.findings import Verdict
from reports.text.escaping import code_markdown, escape_markdown, fence_markdown


def judge_folder(
    directory: str,
    *,
    stage: str | None,
    planned_steps: int | None,
    rules: str,
    dialect: str,
    config: str,
    second_reader: bool,
) -> State[Any]:
    """Judge a folder of event files and publish its report.

    Raises:
        FlowsError: The folder or a file cannot be used.
        GatesError: It cannot be judged.
    """
    folder = _existing(directory)
    page = RunPage(f"gate {folder.name}")

    @task(name="gate", task_run_name=f"gate {folder.name}"[:200], cache_policy=NO_CACHE)
    def gate() -> State[Judged]:
        asked = Asked(
            stage=None if stage is None else stages()[stage],
            gate=rules.strip() or None,
            planned_steps=planned_steps,
            config=_file(config),
            dialect=_file(dialect),
            cross_check=second_reader,
        )
        return _verdict_state(judge_with(folder, asked))

    state: State[Any] = gate.with_options(persist_result=False)(return_state=True)
    judged = state.result(raise_on_failure=False)
    if isinstance(judged, BaseException):
        page.stage("judging", "broken")
        page.close()
        raise judged
    result = judged.judgement.result
    page.stage(result.stage, result.verdict.value)
    page.tag(verdict=result.verdict.value)
    key = f"gate-{slug(folder.name)}-{slug(result.stage)}"
    description = f"{result.verdict.value}: {result.deciding}"
    try_to_publish(
        publish_report, judged.report, key=key, say=log, description=description, run=folder
    )
    try_to_publish(publish_checks, result, key=f"{key}-checks", say=log)
    log(f"{result.verdict.value}: {result.deciding} Report: {judged.report}")
    page.close()
    return _verdict_state(judged)


def judge_again(
    directories: Sequence[Path],
    *,
    rules: str,
    against: str,
    stage: str | None,
    labels: str,
    jobs: int,
) -> State[Any]:
    """Judge stored runs again and publish what flips.

    Raises:
        FlowsError: A folder, the rules or the labels cannot be used.
        GatesError: The rules have mistakes.
    """
    folders = [_existing(str(folder)) for folder in directories] or [runs_folder()]
    page = RunPage(f"backtest {', '.join(folder.name for folder in folders)}")
    comparisons, selection = judge_all_again(
        folders,
        gate=rules.strip() or None,
        against=against.strip() or None,
        stage=None if stage is None else stages()[stage],
        labels=_file(labels),
        jobs=jobs,
        show=lambda comparison: log(" ".join(run_line(comparison).split())),
    )
    flips = sum(comparison.flipped for comparison in comparisons)
    verdicts = "1 verdict flips" if flips == 1 else f"{flips} verdicts flip"
    headline = f"{verdicts}, {len(comparisons)} runs"
    text = fence_markdown(tuple(closing_lines(comparisons, selection)))
    create_markdown_artifact(
        key="backtest", markdown=f"# {headline}\n\n{text}\n", description=headline
    )
    create_table_artifact(
        key="backtest-runs", table=[_row(c) for c in comparisons], description=headline
    )
    page.stage("rules", verdicts)
    page.close()
    if something_is_wrong(comparisons, selection):
        return Failed(name="FLIPPED" if flips else "NOT_AS_LABELLED", message=f"{headline}.")
    return Completed(name="UNCHANGED", message=f"{headline}.")


def slug(text: str) -> str:
    """Return a part of an artifact's key: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "unnamed"


def _verdict_state(judged: Judged) -> State[Any]:
    result = judged.judgement.result
    state = Completed if result.verdict is Verdict.GO else Failed
    return state(name=result.verdict.value, message=result.deciding, data=judged)


def _row(comparison: Comparison) -> dict[str, str]:
    before, after = comparison.before, comparison.after
    why = ", ".join(cause.check for cause in comparison.causes) or comparison.problem
    return {
        "Run": code_markdown(shell_path(comparison.case.run)),
        "Stage": escape_markdown(comparison.case.stage),
        "Before": before.verdict.value if before else "-",
        "Now": after.verdict.value if after else "-",
        "Flips": "yes" if comparison.flipped else "",
        "Because": escape_markdown(why),
    }


def _existing(name: str) -> Path:
    """Return a folder by its name below the runs folder, below where we were started, or its path."""
    below = runs_folder() / name.strip()
    return below if below.exists() else Path(name.strip()).absolute()


def _file(name: str) -> Path | None:
    return Path(name.strip()) if name.strip() else None
