"""Publishes reports as Markdown artifacts on Prefect's pages, plots included."""

from __future__ import annotations

from pathlib import Path


def publish_report(report: Path, *, key: str, description: str) -> None:
    """Publish a report; the same key again makes a new version of the artifact.

    Args:
        report: report.md with its plots beside it.
        key: Lower-case letters, digits and dashes.
        description: One sentence for lists.
    """
    from prefect.artifacts import create_markdown_artifact

    from reports.embed import embed_plots

    markdown = embed_plots(report.read_text(encoding="utf-8"), report.parent)
    create_markdown_artifact(key=key, markdown=markdown, description=description)
