"""The Prefect flow: train and judge stage after stage until one of them is no GO.

What stands on disk decides what is trained again, never Prefect's results: no task is cached or
persisted, so that no retry can bring an old verdict back. A stage that ended GO is kept when flow
or retry meet exactly the same recipe again (`flows.stage.kept_outcome`). The verdict travels in
data; states bear its name only for people.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas import State
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows import stage as stages
from flows.artifacts import publish_report
from flows.errors import UsageError
from flows.judging.pipeline_report import save_pipeline_report
from flows.progress import Reporter, SilentReporter
from flows.records.pipeline_record import RunRecord
from flows.records.run_dir import PipelineDirectory
from flows.request import PipelineRequest
from flows.settings.plan import PipelinePlan, StagePlan
from flows.stage import StageOutcome
from flows.supervising.interrupted import interrupted_run, nothing_to_resume
from gates.findings import Verdict

_SILENT = SilentReporter()
_reporter: ContextVar[Reporter] = ContextVar("reporter", default=_SILENT)


@dataclass(frozen=True, kw_only=True)
class PipelineOutcome:
    """How a pipeline ended."""

    verdict: Verdict
    """That of the last stage that was judged: earlier ones were GO, or CONDITIONAL and accepted."""
    stages: tuple[StageOutcome, ...]
    """In the order in which they were decided."""
    report: Path


class NoGoError(Exception):
    """A stage ended NO_GO; raised inside the stage, caught in the flow, never seen outside."""

    def __init__(self, outcome: StageOutcome) -> None:
        super().__init__(f"{outcome.stage}: NO_GO. {outcome.deciding}")
        self.outcome = outcome


@contextmanager
def reporting_to(reporter: Reporter) -> Iterator[None]:
    """Let the flow tell `reporter` what happens while the block is open."""
    token = _reporter.set(reporter)
    try:
        yield
    finally:
        _reporter.reset(token)


@flow(name="staged-validation", persist_result=False, retries=0)
def staged_validation(request: PipelineRequest) -> State[PipelineOutcome]:
    """Train and judge the stages one after the other.

    Args:
        request: Preset, stages, seed, overrides and folder.

    Returns:
        A state that holds the `PipelineOutcome`: completed and named GO, or failed and named NO_GO
        or CONDITIONAL. A failed state of any other name is a crash.
    """
    plan = request.plan()
    with request.open(plan) as directory:
        outcomes = _run_stages(plan, directory, request)
        report = save_pipeline_report(directory)
        key = f"{plan.preset}-seed{plan.seed}-pipeline"
        _publish(report, key=key, description=outcomes[-1].deciding)
    last = outcomes[-1]
    outcome = PipelineOutcome(verdict=last.verdict, stages=outcomes, report=report)
    state = Completed if last.verdict is Verdict.GO else Failed
    message = f"{last.stage}: {last.deciding}"
    return state(name=last.verdict.value, message=message, data=outcome)


def _run_stages(
    plan: PipelinePlan, directory: PipelineDirectory, request: PipelineRequest
) -> tuple[StageOutcome, ...]:
    outcomes: list[StageOutcome] = []
    for stage in plan.stages:
        try:
            outcome = _run_stage(stage, directory, request)
        except NoGoError as no_go:
            outcome = no_go.outcome
        outcomes.append(outcome)
        text = f"{stage.name}: {outcome.verdict.value}. {outcome.deciding}"
        if not outcome.may_go_on or stage is plan.stages[-1]:
            # Whoever started the flow shows how it ended.
            get_run_logger().info(text)
            break
        _say(text)
    return tuple(outcomes)


def _run_stage(
    stage: StagePlan, directory: PipelineDirectory, request: PipelineRequest
) -> StageOutcome:
    accept = request.accept_conditional
    if request.resume:
        interrupted = interrupted_run(stage, directory)
        if interrupted is not None:
            folder = train_task(stage, directory, request.note, interrupted)
            return gate_task(stage, folder, directory, accept)
        if request.retrain:
            raise UsageError(nothing_to_resume(stage, directory))
    if not request.retrain:
        reason = stages.reason_to_train(stage, directory, accept_conditional=accept)
        if reason is None:
            kept = stages.kept_outcome(stage, directory)
            _say(f"{stage.name}: {kept.run.name} of the same recipe is kept, not trained again")
            return kept
        if directory.record.last_run(stage.name):
            _say(f"{stage.name}: trained again, because {reason}")
    run = train_task(stage, directory, request.note, None)
    return gate_task(stage, run, directory, accept)


@task(name="train", task_run_name="train {stage.name}", persist_result=False, cache_policy=NO_CACHE)
def train_task(
    stage: StagePlan, directory: PipelineDirectory, note: str, interrupted: RunRecord | None
) -> Path:
    """Train a stage in a new run folder, or go on with an interrupted training."""
    if interrupted is not None:
        return stages.resume(stage, interrupted, directory, _reporter.get())
    return stages.train(stage, directory, _reporter.get(), note=note)


@task(name="gate", task_run_name="gate {stage.name}", persist_result=False, cache_policy=NO_CACHE)
def gate_task(
    stage: StagePlan, run: Path, directory: PipelineDirectory, accept_conditional: bool
) -> StageOutcome:
    """Judge a trained stage and publish its report.

    Raises:
        NoGoError: The verdict is NO_GO. Raised, not returned as a state: Prefect keeps states.
    """
    outcome = stages.judge(stage, run, directory, accept_conditional=accept_conditional)
    record = directory.record
    key = f"{record.preset}-seed{record.seed}-{stage.name}"
    _publish(outcome.report, key=key, description=f"{outcome.verdict.value}: {outcome.deciding}")
    if outcome.verdict is Verdict.NO_GO:
        raise NoGoError(outcome)
    return outcome


def _publish(report: Path, *, key: str, description: str) -> None:
    """Publish a report; the verdict stands on disk already, so a failure here must not end us."""
    try:
        publish_report(report, key=key, description=description)
    except Exception as error:
        _say(f"The report {report} could not be sent to Prefect: {error}")


def _say(text: str) -> None:
    get_run_logger().info(text)
    _reporter.get().say(text)
