"""The report of a pipeline, of one run or of several seeds: a table of stages and what to do next."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from gates.audit.stages_before import policy_to_take
from gates.findings import GateResult, Verdict
from gates.progress import EvaluationPoint, StageState
from gates.seeds.result import JointResult
from gates.text import ABSENT, format_count, format_duration, format_number
from reports.context import PipelineContext, PipelineStage
from reports.seeds.joint import body_values, draw_seeds, interval_text
from reports.stage.markdown import command_lines
from reports.stage.plots import FOLDER, PlotFile, write_plots
from reports.stage.sections.evaluations import best_evaluation
from reports.text.escaping import Safe, code_markdown, escape_markdown, file_name, link_target
from reports.text.templates import markdown_environment, tidy_lines

_STATE_NAMES = {StageState.NO_GO: "NO-GO"}


class StageRow(Struct, frozen=True, kw_only=True):
    """One stage in the table; texts are unescaped, `link` is safe."""

    name: str
    state: str
    passed: str
    """Seeds that passed, `4 of 5`; for one run not shown."""
    deciding: str
    returns: str
    """Mean return of several seeds; for one run not shown."""
    steps: str
    duration: str
    link: str


class Progress(Struct, frozen=True, kw_only=True):
    """How the policy without noise did at the end of a stage."""

    name: str
    point: EvaluationPoint


class PolicyRow(Struct, frozen=True, kw_only=True):
    """A policy that was evaluated afresh."""

    name: str
    step: int
    episodes: int
    mean: float
    error: float | None
    """Standard error of the mean."""
    taken: bool


def policies(context: PipelineContext) -> tuple[PolicyRow, ...]:
    """Return every policy that was evaluated afresh, the untrained one of the last stage first."""
    stages = [stage.afresh for stage in context.stages if stage.afresh is not None]
    taken = policy_to_take(stages)
    rows = [
        (f"{c.policy.policy} of {c.stage}", c.policy, c == taken)
        for stage in stages
        for c in stage.candidates
    ]
    untrained = stages[-1].afresh.untrained if stages else None
    if untrained is not None:
        rows.insert(0, ("untrained", untrained, False))
    return tuple(
        PolicyRow(
            name=name,
            step=policy.step,
            episodes=len(policy.returns),
            mean=policy.mean,
            error=policy.error,
            taken=is_taken,
        )
        for name, policy, is_taken in rows
    )


def policy_text(context: PipelineContext) -> str:
    """Say in one sentence which policy to take; empty where none was evaluated afresh."""
    taken = policy_to_take([s.afresh for s in context.stages if s.afresh is not None])
    if taken is None:
        return ""
    policy = taken.policy
    file = "best.ckpt" if policy.policy == "best" else f"step-{policy.step:09d}.ckpt"
    error = "" if policy.error is None else f" ± {format_number(policy.error)}"
    return (
        f"Policy to take: {escape_markdown(taken.words)}, "
        f"{code_markdown(f'{taken.stage}/{taken.run}/checkpoints/{file}')}. Return {format_number(policy.mean)}{error} "
        f"over {len(policy.returns):,} episodes that no policy was chosen by."
    )


def write_pipeline_plot(context: PipelineContext, out_dir: Path) -> PlotFile | None:
    """Draw the newest seeds and write the plot; None for one run, or when there is nothing to draw.

    Raises:
        OSError: The folder cannot be written or the disk is full.
    """
    plot = draw_seeds(context.newest) if context.newest is not None else None
    if plot is None or context.newest is None:
        return None
    plot = replace(plot, path=f"{FOLDER}/seeds-{file_name(context.newest.result.stage)}.png")
    write_plots((plot,), out_dir)
    return plot


def render_pipeline_markdown(context: PipelineContext, plot: PlotFile | None = None) -> str:
    """Render the report of a pipeline; `plot` is that of `write_pipeline_plot`."""
    template = markdown_environment().get_template("pipeline.md.j2")
    newest = context.newest
    text = template.render(
        c=context,
        headline=headline(context),
        stages=stage_rows(context),
        progress=progress(context),
        policy=Safe(policy_text(context)),
        policies=policies(context),
        causes=causes(context),
        command_lines=command_lines,
        **({"safe": Safe} if newest is None else body_values(newest, plot)),
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
        text = f"GO in all {gone} stages" if gone > 1 else f"GO at {last.name}"
        return text if context.newest is None else f"{text}: {_deciding(last)}"
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
    return stage.result.deciding.rstrip(".") if stage.result is not None else stage.message


def stage_rows(context: PipelineContext) -> tuple[StageRow, ...]:
    """Return the table of stages."""
    return tuple(
        StageRow(
            name=stage.name,
            state=_state(stage),
            passed=_passed(stage),
            deciding=_deciding(stage) or ABSENT,
            returns=_returns(stage),
            steps=_steps(stage),
            duration=format_duration(stage.duration_s),
            link=link_target(stage.report_path) if stage.report_path else "",
        )
        for stage in context.stages
    )


def _passed(stage: PipelineStage) -> str:
    if not isinstance(stage.result, JointResult):
        return ABSENT
    return f"{len(stage.result.with_verdict(Verdict.GO))} of {len(stage.result.seeds)}"


def _returns(stage: PipelineStage) -> str:
    if not isinstance(stage.result, JointResult):
        return ABSENT
    return interval_text(stage.result.returns, stage.result.mean_return)


def _steps(stage: PipelineStage) -> str:
    planned = format_count(stage.planned_steps)
    if isinstance(stage.result, JointResult):
        return f"{planned} each"
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
        if isinstance(stage.result, GateResult)
        and stage.state in (StageState.NO_GO, StageState.CONDITIONAL)
        and stage.result.diagnoses
    )
