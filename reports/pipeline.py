"""The report of a whole pipeline: one table of stages and what to do next."""

from __future__ import annotations

from dataclasses import dataclass

from gates.progress import EvaluationPoint, StageState
from reports.context import PipelineContext, PipelineStage
from reports.stage.evaluations import best_evaluation
from reports.stage.markdown import command_lines
from reports.text.escaping import Safe, link_target
from reports.text.numbers import ABSENT, format_count, format_duration
from reports.text.templates import markdown_environment, tidy_lines

_STATE_NAMES = {StageState.NO_GO: "NO-GO"}


@dataclass(frozen=True, kw_only=True)
class StageRow:
    """One stage in the table; texts are unescaped, `link` is safe."""

    name: str
    state: str
    deciding: str
    steps: str
    duration: str
    link: str


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How the policy without noise did at the end of a stage."""

    name: str
    point: EvaluationPoint


def render_pipeline_markdown(context: PipelineContext) -> str:
    """Render the report of a pipeline."""
    template = markdown_environment().get_template("pipeline.md.j2")
    text = template.render(
        c=context,
        headline=headline(context),
        rows=stage_rows(context),
        progress=progress(context),
        causes=causes(context),
        command_lines=command_lines,
        safe=Safe,
    )
    return tidy_lines(text)


def state_name(state: StageState) -> str:
    """Write a state for people: `NO-GO`."""
    return _STATE_NAMES.get(state, state.value)


def headline(context: PipelineContext) -> str:
    """Say in one line how far the pipeline came and what decided."""
    started = [s for s in context.stages if s.state is not StageState.NOT_STARTED]
    if not started:
        return f"0 of {len(context.stages)} stages started"
    gone = sum(stage.state is StageState.GO for stage in context.stages)
    last = started[-1]
    if gone == len(context.stages):
        return f"GO in all {gone} stages" if gone > 1 else f"GO at {last.name}"
    decided = "; ".join(
        f"{stage.name} {stage.decision.text.rstrip('.')}" for stage in started if stage.decision
    )
    if last.state is StageState.GO:
        return f"GO at {last.name}, after {decided}" if decided else f"GO at {last.name}"
    if last.decision is not None:
        return decided
    reason = _deciding(last)
    text = f"{state_name(last.state)} at {last.name}"
    return f"{text}: {reason}" if reason else text


def _state(stage: PipelineStage) -> str:
    """Write a state with what a person decided about it: an approval never makes it a GO."""
    if stage.decision is not None:
        return stage.decision.text.replace("NO_GO", "NO-GO", 1)
    name = state_name(stage.state)
    return f"{name}, waits for a decision until {stage.waits_until}" if stage.waits_until else name


def _deciding(stage: PipelineStage) -> str:
    return stage.result.deciding if stage.result is not None else stage.message


def stage_rows(context: PipelineContext) -> tuple[StageRow, ...]:
    """Return the table of stages."""
    return tuple(
        StageRow(
            name=stage.name,
            state=_state(stage),
            deciding=_deciding(stage) or ABSENT,
            steps=_steps(stage),
            duration=format_duration(stage.duration_s),
            link=link_target(stage.report_path) if stage.report_path else "",
        )
        for stage in context.stages
    )


def _steps(stage: PipelineStage) -> str:
    planned = format_count(stage.planned_steps)
    if stage.result is None or stage.result.last_step is None:
        return f"{planned} planned"
    return f"{format_count(stage.result.last_step)} of {planned}"


def progress(context: PipelineContext) -> tuple[Progress, ...]:
    """Return the first evaluation of all, the last of each stage and the best of all."""
    evaluated = [stage for stage in context.stages if stage.evaluations]
    if not evaluated:
        return ()
    first = evaluated[0].evaluations[0]
    rows = [Progress(name="untrained" if first.step == 0 else "first", point=first)]
    rows += [
        Progress(name=f"end of {stage.name}", point=stage.evaluations[-1])
        for stage in evaluated
        if stage.evaluations[-1] is not first
    ]
    every = tuple((stage, point) for stage in evaluated for point in stage.evaluations)
    best = best_evaluation(tuple(point for _, point in every))
    where = next((stage.name for stage, point in every if point is best), "")
    if best is not None and all(best is not row.point for row in rows):
        rows.append(Progress(name=f"best, in {where}", point=best))
    return tuple(rows)


def causes(context: PipelineContext) -> tuple[str, ...]:
    """Return the first-named cause of each stage that did not end GO."""
    return tuple(
        f"{stage.name}: {stage.result.diagnoses[0].title} (`{stage.result.diagnoses[0].cause}`). "
        f"Fix: {stage.result.diagnoses[0].fix.text}"
        for stage in context.stages
        if stage.result is not None
        and stage.state in (StageState.NO_GO, StageState.CONDITIONAL)
        and stage.result.diagnoses
    )
