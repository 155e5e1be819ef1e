"""LaTeX tables of a stage for the methods and results sections of a paper."""

from __future__ import annotations

from pathlib import Path

from gates.files import write_atomically
from gates.judge import Judgement
from reports.context import StageContext
from reports.stage.view import build_stage_view
from reports.text.escaping import Safe, file_name
from reports.text.templates import latex_environment, tidy_lines

LATEX_NAME = "report.tex"


def render_latex(judgement: Judgement, context: StageContext) -> str:
    """Render the tables: hyperparameters, checks, evaluation, episodes, reward components."""
    template = latex_environment().get_template("stage.tex.j2")
    view = build_stage_view(judgement, context, plots=())
    label = Safe(f"gonogo-{file_name(judgement.result.stage)}")
    return tidy_lines(template.render(v=view, label=label))


def write_latex_report(judgement: Judgement, context: StageContext, out_dir: Path) -> Path:
    """Write `report.tex` into `out_dir`, whole or not at all.

    Raises:
        OSError: The folder cannot be written or the disk is full.
    """
    path = out_dir / LATEX_NAME
    write_atomically(path, render_latex(judgement, context))
    return path
