"""Publishes reports and tables of checks as artifacts on Prefect's pages, plots included."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from gates.findings import GateResult

TENSORBOARD_URL = "GONOGO_TENSORBOARD_URL"
"""Environment variable: a TensorBoard that shows the runs, for links."""


def try_to_publish(
    publish: Callable[..., None],
    what: object,
    *,
    key: str,
    say: Callable[[str], None],
    **options: object,
) -> None:
    """Publish something; results are on disk already, so a failure here is said and ends nothing."""
    try:
        publish(what, key=key, **options)
    except Exception as error:
        say(f"{key} could not be sent to Prefect: {error}")


def publish_report(report: Path, *, key: str, description: str, run: Path | None = None) -> None:
    """Publish a report; the same key again makes a new version of the artifact.

    Args:
        report: report.md with its plots beside it.
        key: Lower-case letters, digits and dashes.
        description: One sentence for lists.
        run: Run directory that the report is about; places to look at are added then.
    """
    from prefect.artifacts import create_markdown_artifact

    from reports.stage.embed import embed_plots

    markdown = report.read_text(encoding="utf-8")
    if run is not None:
        markdown = with_places(markdown, run, key)
    create_markdown_artifact(
        key=key, markdown=embed_plots(markdown, report.parent), description=description
    )


def publish_checks(result: GateResult, *, key: str) -> None:
    """Publish the checks of a judgement as a table, gravest first."""
    from prefect.artifacts import create_table_artifact

    create_table_artifact(
        key=key,
        table=check_table(result),
        description=f"{result.verdict.value} at {result.stage}, {len(result.findings)} checks",
    )


def check_table(result: GateResult) -> list[dict[str, str]]:
    """Return one row for each check; every cell is escaped, the pages render Markdown in them."""
    from reports.stage.sections.checks import check_rows
    from reports.text.escaping import escape_markdown

    return [
        {
            "Outcome": row.outcome if row.kind == "required" else f"{row.outcome}, {row.kind}",
            "Check": escape_markdown(row.title),
            "Value": escape_markdown(row.value),
            "Limit": escape_markdown(row.limit),
            "Taken as": escape_markdown(row.statistic),
        }
        for row in check_rows(result, ())
    ]


def with_places(markdown: str, run: Path, key: str) -> str:
    """Add the earlier reports, TensorBoard and the run's folder above the first section."""
    from reports.text.escaping import fence_markdown

    links = [f"[All reports of this stage](/v2/artifacts/key/{key})"]
    url = os.environ.get(TENSORBOARD_URL, "").rstrip("/")
    if url:
        links.append(f"[TensorBoard]({url}/?runFilter={quote(run.name)}#timeseries)")
    folder = shlex.quote(str(run))
    commands = fence_markdown((f"cd {folder}", f"tensorboard --logdir {folder}"), "sh")
    head, heading, rest = markdown.partition("\n## ")
    return f"{head}\n{' · '.join(links)}\n\n{commands}\n{heading}{rest}"
