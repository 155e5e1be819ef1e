"""The report of one stage as a single HTML file: no scripts, no links to other files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gates.files import write_atomically
from gates.judge import Judgement
from reports.context import StageContext
from reports.stage.embed import png_uri
from reports.stage.markdown import plots_for
from reports.stage.plots import PlotFile
from reports.stage.view import build_stage_view
from reports.text.templates import html_environment

HTML_NAME = "report.html"


def render_html(judgement: Judgement, context: StageContext, plots: Sequence[PlotFile]) -> str:
    """Render the report with its plots inside; it says the same as the Markdown report."""
    template = html_environment().get_template("stage.html.j2")
    return template.render(v=build_stage_view(judgement, context, plots), png_uri=png_uri)


def write_html_report(judgement: Judgement, context: StageContext, out_dir: Path) -> Path:
    """Write `report.html` into `out_dir`, whole or not at all.

    Raises:
        OSError: The folder cannot be written or the disk is full.
    """
    plots = plots_for(judgement, context)
    path = out_dir / HTML_NAME
    write_atomically(path, render_html(judgement, context, plots))
    return path
