"""The report on all stages of several seeds: one table of stages, then the newest seeds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from gates.files import write_atomically
from gates.findings import Verdict
from gates.progress import StageState
from reports.pipeline import state_name
from reports.seeds.context import GroupContext, GroupStage
from reports.seeds.joint import body_values, draw_seeds, interval_text
from reports.stage.markdown import REPORT_NAME, command_lines
from reports.stage.plots import FOLDER, PlotFile, write_plots
from reports.text.escaping import Safe, file_name, link_target
from reports.text.numbers import ABSENT, format_count, format_duration
from reports.text.templates import markdown_environment, tidy_lines


@dataclass(frozen=True, kw_only=True)
class GroupRow:
    """One stage in the table; texts are unescaped, `link` is safe."""

    name: str
    state: str
    passed: str
    deciding: str
    returns: str
    steps: str
    duration: str
    link: str


def write_group_report(context: GroupContext, out_dir: Path) -> Path:
    """Write `report.md` of the group and the newest plot into `out_dir`, each whole or not at all.

    Raises:
        OSError: The folder cannot be written or the disk is full; an earlier report stays.
    """
    plot = draw_seeds(context.newest) if context.newest is not None else None
    if plot is not None and context.newest is not None:
        name = file_name(context.newest.result.stage)
        plot = replace(plot, path=f"{FOLDER}/seeds-{name}.png")
        write_plots((plot,), out_dir)
    path = out_dir / REPORT_NAME
    write_atomically(path, render_group(context, plot))
    return path


def render_group(context: GroupContext, plot: PlotFile | None) -> str:
    """Render the report of a group."""
    template = markdown_environment().get_template("group.md.j2")
    body = body_values(context.newest, plot) if context.newest is not None else {"safe": Safe}
    text = template.render(
        c=context,
        headline=group_headline(context),
        stages=group_rows(context),
        command_lines=command_lines,
        **body,
    )
    return tidy_lines(text)


def group_headline(context: GroupContext) -> str:
    """Say in one line how far the seeds came and what decided."""
    started = [s for s in context.stages if s.state is not StageState.NOT_STARTED]
    if not started:
        return f"0 of {len(context.stages)} stages started"
    gone = sum(stage.state is StageState.GO for stage in context.stages)
    last = started[-1]
    if gone == len(context.stages) and gone > 1:
        return f"GO in all {gone} stages: {_deciding(last)}"
    reason = _deciding(last)
    text = f"{state_name(last.state)} at {last.name}"
    return f"{text}: {reason}" if reason else text


def group_rows(context: GroupContext) -> tuple[GroupRow, ...]:
    """Return the table of stages."""
    return tuple(
        GroupRow(
            name=stage.name,
            state=stage.decision.partition(": ")[0] or state_name(stage.state),
            passed=_passed(stage),
            deciding=_deciding(stage) or ABSENT,
            returns=ABSENT
            if stage.result is None
            else interval_text(stage.result.returns, stage.result.mean_return),
            steps=f"{format_count(stage.planned_steps)} each",
            duration=format_duration(stage.training_s),
            link=link_target(stage.report_path) if stage.report_path else "",
        )
        for stage in context.stages
    )


def _passed(stage: GroupStage) -> str:
    if stage.result is None:
        return ABSENT
    return f"{len(stage.result.with_verdict(Verdict.GO))} of {len(stage.result.seeds)}"


def _deciding(stage: GroupStage) -> str:
    return stage.result.deciding if stage.result is not None else stage.message
