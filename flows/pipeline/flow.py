"""The Prefect flow: train and judge stage after stage until one of them is no GO.

What stands on disk decides what is trained again, never Prefect's results: no task is cached or
persisted, so that no retry can bring an old verdict back. A stage that ended GO is kept when flow
or retry meet exactly the same recipe again (`flows.pipeline.stage.kept_outcome`). The verdict travels in
data; states bear its name only for people.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas import State
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows.decisions.judged import Judged
from flows.decisions.waiting import settle
from flows.errors import UsageError
from flows.pages.artifacts import publish_checks, publish_report
from flows.pages.events import DECISION, VERDICT, WAITS, emit_gate_event
from flows.pages.page_reporter import PageReporter, log
from flows.pages.run_page import RunPage, current_flow_run
from flows.pipeline import stage as stages
from flows.pipeline.request import PipelineRequest
from flows.pipeline.stage import StageOutcome
from flows.progress import Reporter, SilentReporter
from flows.records.json_file import read_json
from flows.records.pipeline_record import RunRecord
from flows.records.run_dir import PipelineDirectory
from flows.records.stored_result import read_result
from flows.report_context.pipeline import save_pipeline_report
from flows.settings.plan import PipelinePlan, StagePlan
from flows.training.interrupted import interrupted_run, nothing_to_resume, unjudged_run
from flows.training.warm_start import warm_started
from gates.findings import Verdict
from reports.text.escaping import escape_markdown

_SILENT = SilentReporter()
_reporter: ContextVar[Reporter] = ContextVar("reporter", default=_SILENT)


@dataclass(frozen=True, kw_only=True)
class PipelineOutcome:
    """How a pipeline ended."""

    verdict: Verdict
    """That of the last stage that was judged: earlier ones were GO, or a person let them pass."""
    stages: tuple[StageOutcome, ...]
    """In the order in which they were decided."""
    report: Path


@contextmanager
def reporting_to(reporter: Reporter) -> Iterator[None]:
    """Let the flow tell `reporter` what happens while the block is open."""
    token = _reporter.set(reporter)
    try:
        yield
    finally:
        _reporter.reset(token)


def current_reporter() -> Reporter:
    """Return whom the flow tells what happens."""
    return _reporter.get()


@flow(name="staged-validation", persist_result=False, retries=0)
def staged_validation(request: PipelineRequest) -> State[PipelineOutcome]:
    """Train and judge the stages one after the other.

    Args:
        request: Preset, stages, seed, overrides and folder.

    Returns:
        A state that holds the `PipelineOutcome`: completed and named GO, or failed and named NO_GO
        or CONDITIONAL. A failed state of any other name is a crash.
    """
    return run_pipeline(request)


def run_pipeline(request: PipelineRequest) -> State[PipelineOutcome]:
    """Do the work of `staged_validation` inside any flow."""
    plan = request.plan()
    page = RunPage(f"{plan.preset} seed {plan.seed}")
    page.tag(preset=plan.preset)
    try:
        with request.open(plan) as directory:
            outcomes = _run_stages(plan, directory, request, page)
            report = save_pipeline_report(directory)
            key = f"{plan.preset}-seed{plan.seed}-pipeline"
            try_to_publish(publish_report, report, key=key, description=outcomes[-1].deciding)
    finally:
        page.close()
    last = outcomes[-1]
    outcome = PipelineOutcome(verdict=last.verdict, stages=outcomes, report=report)
    state = Completed if last.verdict is Verdict.GO else Failed
    message = " ".join(f"{o.stage}: {o.verdict_text}." for o in outcomes if o.decision is not None)
    message = f"{message} {last.stage}: {last.deciding}".strip()
    return state(name=last.verdict.value, message=message, data=outcome)


def _run_stages(
    plan: PipelinePlan, directory: PipelineDirectory, request: PipelineRequest, page: RunPage
) -> tuple[StageOutcome, ...]:
    if request.override_no_go is not None:
        stages.override_no_go(plan, directory, request.override_no_go)
    outcomes: list[StageOutcome] = []
    for stage in plan.stages:
        page.stage(stage.name, "running")
        try:
            outcome = run_stage(stage, directory, request)
        except BaseException as error:
            page.stage(stage.name, "broken" if isinstance(error, Exception) else "stopped")
            raise
        page.stage(stage.name, outcome.verdict.value)
        if stage is not plan.stages[-1]:
            outcome = _decided(stage, outcome, directory, request, page)
        outcomes.append(outcome)
        page.tag(verdict=outcome.verdict.value, **_revision(outcome.run))
        text = f"{stage.name}: {outcome.verdict_text}. {outcome.deciding}"
        if not outcome.may_go_on or stage is plan.stages[-1]:
            # Whoever started the flow shows how it ended.
            get_run_logger().info("%s", text)
            break
        say(text)
    return tuple(outcomes)


def _decided(
    stage: StagePlan,
    outcome: StageOutcome,
    directory: PipelineDirectory,
    request: PipelineRequest,
    page: RunPage,
) -> StageOutcome:
    """Let a person decide, where a verdict asks for it, and show the decision."""
    before = outcome.decision
    if outcome.undecided and request.on_conditional == "wait":
        page.stage(stage.name, "CONDITIONAL, waits for a decision")
        _announce(WAITS, stage, outcome, directory)
    judged = Judged(directory, stage.name, outcome.run.name)
    after = replace(outcome, decision=settle(judged, request.terms, say))
    if after.decision is not None:
        page.stage(stage.name, f"{after.verdict.value}, {after.decision.kind}")
    if after.decision != before:
        _publish_report(stage, after, directory)
        _announce(DECISION, stage, after, directory)
    return after


def run_stage(
    stage: StagePlan, directory: PipelineDirectory, request: PipelineRequest
) -> StageOutcome:
    """Keep, resume or train one stage and judge it, in tasks of the run that is going on."""
    stage = warm_started(
        stage, directory, request.warm_start, going_on=request.resume or request.retried
    )
    # Who asks for a stage anew gets past a run that cannot be judged.
    unjudged = unjudged_run(stage, directory, also_tried=not request.retrain)
    if unjudged is not None:
        folder = train_task(stage, directory, request, unjudged)
        return _judged(gate_task(stage, folder, directory, return_state=True))
    if request.resume or request.retried:
        interrupted = interrupted_run(stage, directory)
        if interrupted is not None:
            folder = train_task(stage, directory, request, interrupted)
            return _judged(gate_task(stage, folder, directory, return_state=True))
        if request.retrain and not request.retried:
            raise UsageError(nothing_to_resume(stage, directory))
    if not request.retrain:
        me = current_flow_run()
        reason = stages.reason_to_train(stage, directory, waited_by=str(me) if me else "")
        if reason is None:
            return _judged(keep_task(stage, directory, return_state=True))
        if directory.record.last(stage.name):
            say(f"{stage.name}: trained again, because {reason}")
    run = train_task(stage, directory, request, None)
    return _judged(gate_task(stage, run, directory, return_state=True))


@task(name="keep", task_run_name="keep {stage.name}", persist_result=False, cache_policy=NO_CACHE)
def keep_task(stage: StagePlan, directory: PipelineDirectory) -> State[StageOutcome]:
    """Keep the stage's newest run, which `reason_to_train` found good enough."""
    kept = stages.kept_outcome(stage, directory)
    say(f"{stage.name}: {kept.run.name} of the same recipe is kept, not trained again")
    return _named(kept)


@task(name="train", task_run_name="train {stage.name}", persist_result=False, cache_policy=NO_CACHE)
def train_task(
    stage: StagePlan,
    directory: PipelineDirectory,
    request: PipelineRequest,
    interrupted: RunRecord | None,
) -> Path:
    """Train a stage in a new run folder, or go on with an interrupted training."""
    reporter = PageReporter(_reporter.get(), key=f"{_key(stage, directory)}-progress")
    if interrupted is not None:
        return stages.resume(stage, interrupted, directory, reporter)
    return stages.train(
        stage, directory, reporter, note=request.note, expectation=request.expectation
    )


@task(name="gate", task_run_name="gate {stage.name}", persist_result=False, cache_policy=NO_CACHE)
def gate_task(stage: StagePlan, run: Path, directory: PipelineDirectory) -> State[StageOutcome]:
    """Judge a trained stage and publish its report.

    Returns:
        A state that bears the verdict's name and holds the outcome. A failed state may be returned
        here only because nothing of this task is ever stored.
    """
    outcome = stages.judge(stage, run, directory)
    _publish_report(stage, outcome, directory)
    result = read_result(run)
    if result is not None:
        try_to_publish(publish_checks, result, key=f"{_key(stage, directory)}-checks")
    _announce(VERDICT, stage, outcome, directory)
    return _named(outcome)


def _publish_report(stage: StagePlan, outcome: StageOutcome, directory: PipelineDirectory) -> None:
    try_to_publish(
        publish_report,
        outcome.report,
        key=_key(stage, directory),
        description=escape_markdown(f"{outcome.verdict_text}: {outcome.deciding}"),
        run=outcome.run,
    )


def _announce(
    event: str, stage: StagePlan, outcome: StageOutcome, directory: PipelineDirectory
) -> None:
    decision = outcome.decision
    try_to_publish(
        emit_gate_event,
        outcome.run,
        key=_key(stage, directory),
        event=event,
        labels={
            "verdict": outcome.verdict.value,
            "stage": stage.name,
            "preset": directory.record.preset,
            "seed": str(directory.record.seed),
            "decision": decision.kind if decision is not None else "",
        },
        deciding=outcome.deciding if decision is None else f"{decision.text}. {outcome.deciding}",
    )


def _named(outcome: StageOutcome) -> State[StageOutcome]:
    state = Failed if outcome.verdict is Verdict.NO_GO else Completed
    return state(name=outcome.verdict.value, message=outcome.deciding, data=outcome)


def _judged(state: State[Any]) -> StageOutcome:
    """Return the outcome that a task's state holds; raise what broke the task."""
    outcome = state.result(raise_on_failure=False)
    if isinstance(outcome, BaseException):
        raise outcome
    assert isinstance(outcome, StageOutcome), f"unexpected result {outcome!r}"
    return outcome


def _key(stage: StagePlan, directory: PipelineDirectory) -> str:
    return f"{directory.record.preset}-seed{directory.record.seed}-{stage.name}"


def _revision(run: Path) -> dict[str, str]:
    revision = (read_json(run / "run.json") or {}).get("git_revision")
    return {"revision": revision[:7]} if isinstance(revision, str) and revision else {}


def try_to_publish(publish: Callable[..., None], what: object, **options: object) -> None:
    """Publish something; the verdict stands on disk already, so a failure here must not end us."""
    try:
        publish(what, **options)
    except Exception as error:
        say(f"{options['key']} could not be sent to Prefect: {error}")


def say(text: str) -> None:
    """Tell Prefect's log and whoever started the flow."""
    log(text)
    _reporter.get().say(text)
