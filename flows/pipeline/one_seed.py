"""A pipeline with one seed: each stage is kept, or trained and judged, in tasks of the flow run.

What is on disk decides what is trained again, never Prefect's results: no task is cached or
persisted, so that no retry can bring an old verdict back.
"""

from __future__ import annotations

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas import State

from flows.errors import UsageError
from flows.pages.events import VERDICT
from flows.pages.page_reporter import PageReporter
from flows.pages.run_page import current_flow_run
from flows.pipeline import stage as stages
from flows.pipeline.kept import kept_outcome
from flows.pipeline.outcome import StageOutcome, outcome_of, verdict_state
from flows.pipeline.publishing import Publisher
from flows.pipeline.request import RunRequest
from flows.pipeline.work import Work
from flows.records.pipeline_record import RunRecord
from flows.records.run_dir import PipelineDirectory
from flows.settings.plan import StagePlan
from flows.settings.run_options import Existing
from flows.training.interrupted import (
    fell_short,
    interrupted_run,
    nothing_to_resume,
    unjudged_run,
)
from flows.training.warm_start import warm_started


class OneSeed(Work):
    """The stages of a single seed."""

    directory: PipelineDirectory

    def _open(self) -> PipelineDirectory:
        resuming = self.retried or self.request.existing == "resume"
        return self.request.open(self.plan, resuming=resuming)

    def run(self, stage: StagePlan) -> StageOutcome:
        """Keep, resume or train a stage and judge it."""
        existing = treatment(
            stage, self.directory, self.request, since=self.since, retried=self.retried
        )
        must_resume = self.request.existing == "resume" and not self.retried
        # Who asks to resume does not ask for hours of training anew.
        alone = self.request.single_stage or fell_short(self.directory.record.last(stage.name))
        return run_stage(
            stage,
            self.directory,
            self.request,
            self.reporter,
            existing=existing,
            must_resume=must_resume and alone,
        )


def treatment(
    stage: StagePlan,
    directory: PipelineDirectory,
    request: RunRequest,
    *,
    since: str,
    retried: bool = False,
) -> Existing:
    """Say what to do with earlier runs of a stage; what this flow run began itself is resumed."""
    if request.existing != "retrain":
        return "resume" if retried else request.existing
    newest = directory.record.last(stage.name)
    return "resume" if newest is not None and newest.started_at >= since else "retrain"


def run_stage(
    stage: StagePlan,
    directory: PipelineDirectory,
    request: RunRequest,
    reporter: PageReporter,
    *,
    existing: Existing,
    must_resume: bool = False,
) -> StageOutcome:
    """Keep, resume or train one stage of one seed, as `existing` says of earlier runs, and judge it.

    Raises:
        UsageError: An interrupted training cannot be resumed, or there is none.
    """
    resumes, retrains = existing == "resume", existing == "retrain"
    stage = warm_started(stage, directory, request.warm_start_option, going_on=resumes)
    # Retraining skips a run whose gate already failed to judge it.
    begun = unjudged_run(stage, directory, also_tried=not retrains)
    if begun is None and resumes:
        begun = interrupted_run(stage, directory)
    if begun is None and must_resume:
        raise UsageError(nothing_to_resume(stage, directory))
    publisher = Publisher.of_pipeline(directory, reporter.say)
    if begun is None and not retrains:
        me = current_flow_run()
        reason = stages.reason_to_train(stage, directory, waited_by=str(me) if me else "")
        if reason is None:
            return outcome_of(keep_task(stage, directory, reporter, return_state=True))
        if directory.record.last(stage.name):
            reporter.say(f"{stage.name}: trained again, because {reason}")
    progress = reporter.for_artifact(f"{publisher.key(stage.name)}-progress")
    folder = train_task(stage, directory, request, begun, progress)
    return outcome_of(gate_task(stage, folder, directory, publisher, return_state=True))


@task(name="keep", task_run_name="keep {stage.name}", persist_result=False, cache_policy=NO_CACHE)
def keep_task(
    stage: StagePlan, directory: PipelineDirectory, reporter: PageReporter
) -> State[StageOutcome]:
    """Keep the stage's newest run, which `reason_to_train` found good enough."""
    kept = kept_outcome(directory, stage.name)
    reporter.say(f"{stage.name}: {kept.run.name} of the same recipe is kept, not trained again")
    return verdict_state(kept)


@task(name="train", task_run_name="train {stage.name}", persist_result=False, cache_policy=NO_CACHE)
def train_task(
    stage: StagePlan,
    directory: PipelineDirectory,
    request: RunRequest,
    begun: RunRecord | None,
    reporter: PageReporter,
) -> Path:
    """Train a stage in a new run folder, or resume a training that was begun."""
    if begun is not None:
        return stages.resume(stage, begun, directory, reporter)
    return stages.train(stage, directory, reporter, note=request.note, expectation=request.expect)


@task(name="gate", task_run_name="gate {stage.name}", persist_result=False, cache_policy=NO_CACHE)
def gate_task(
    stage: StagePlan, run: Path, directory: PipelineDirectory, publisher: Publisher
) -> State[StageOutcome]:
    """Judge a trained stage and publish its report."""
    outcome = stages.judge(stage, run, directory)
    publisher.report(outcome)
    publisher.checks(outcome)
    publisher.event(VERDICT, outcome)
    return verdict_state(outcome)
