"""The report of one stage as Markdown with plots beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from gates.files import write_atomically
from gates.findings import GateResult
from gates.judge import Judgement
from reports.context import Command, StageContext
from reports.losses import Losses
from reports.stage.plots import FOLDER, PlotFile, draw_stage_plots, write_plots
from reports.stage.sections.checks import kind_of, ordered
from reports.stage.view import (
    MISSING_PART,
    VERDICT_NAMES,
    ConfigLine,
    build_stage_view,
    resolved_config,
)
from reports.text.escaping import Safe, escape_markdown
from reports.text.templates import markdown_environment, tidy_lines

REPORT_NAME = "report.md"
_OWN_PLOT = re.compile(rf"\]\({FOLDER}/([a-z0-9-]+\.png)\)")


def write_stage_report(
    judgement: Judgement,
    context: StageContext,
    out_dir: Path,
    plots: Sequence[PlotFile] | None = None,
) -> Path:
    """Write `report.md` and its plots into `out_dir`, each file whole or not at all.

    An earlier report there is replaced and those of its plots that are no longer shown are removed;
    other files stay. `plots` are those of `plots_for` when they are drawn already.

    Raises:
        OSError: The folder cannot be written or the disk is full; an earlier report stays.
    """
    shown = plots_for(judgement, context) if plots is None else plots
    losses = Losses()
    markdown = losses.guard(
        "The full report", lambda: render_stage_markdown(judgement, context, shown), ""
    )
    if not markdown:
        shown, markdown = (), plain_report(judgement.result, (*context.lost, *losses.sentences))
    path = out_dir / REPORT_NAME
    earlier = _plots_of(path)
    drawn = write_plots(shown, out_dir)
    write_atomically(path, markdown)
    for relative in earlier - drawn:
        (out_dir / relative).unlink(missing_ok=True)
    return path


def plots_for(judgement: Judgement, context: StageContext) -> tuple[PlotFile, ...]:
    """Draw the plots of a report."""
    return draw_stage_plots(
        judgement.result,
        judgement.log,
        resolved_config(judgement, context),
        context.final_evaluation,
        context.final_pictures,
    )


def _plots_of(report: Path) -> set[str]:
    """Paths of the plots that an earlier report shows; nothing else in the folder is ours."""
    try:
        text = report.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return set()
    return {f"{FOLDER}/{name}" for name in _OWN_PLOT.findall(text)}


def render_stage_markdown(
    judgement: Judgement, context: StageContext, plots: Sequence[PlotFile]
) -> str:
    """Render the report; `plots` are those of `draw_stage_plots`, or none."""
    template = markdown_environment().get_template("stage.md.j2")
    text = template.render(
        v=build_stage_view(judgement, context, plots),
        command_lines=command_lines,
        diff_lines=diff_lines,
        safe_path=Safe,
    )
    return tidy_lines(text)


def plain_report(result: GateResult, lost: Sequence[str]) -> str:
    """Say the verdict, what is missing and the findings without a template, where the full report broke."""
    return tidy_lines(
        "\n".join(
            (
                f"# {VERDICT_NAMES[result.verdict]} at {escape_markdown(result.stage)}: "
                f"{escape_markdown(result.deciding)}",
                "",
                *(f"- {MISSING_PART}: {escape_markdown(sentence)}" for sentence in lost),
                "",
                *(
                    f"- {escape_markdown(finding.check)} {finding.outcome.value}, {kind_of(finding)}: "
                    f"{escape_markdown(finding.reason)}"
                    for finding in ordered(result)
                ),
            )
        )
    )


def command_lines(commands: Sequence[Command]) -> tuple[str, ...]:
    """Return commands for a code block, each under a comment with its purpose."""
    return tuple(line for c in commands for line in (f"# {c.purpose}", c.text))


def diff_lines(lines: Sequence[ConfigLine]) -> tuple[str, ...]:
    """Return a fix as the lines of a diff."""
    return tuple(
        text
        for line in lines
        for text in (
            *((f"- {line.key}: {line.before}",) if line.before else ()),
            f"+ {line.key}: {line.after}",
        )
    )
