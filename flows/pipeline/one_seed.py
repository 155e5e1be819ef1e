"""A pipeline with one seed: each stage is kept, or trained and judged, in tasks of the flow run.

What is on disk decides what is trained again, never Prefect's results: no task is cached or
persisted, so that no retry can bring an old verdict back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas import State

from flows.pages.events import VERDICT
from flows.pages.page_reporter import PageReporter
from flows.pages.run_page import current_flow_run
from flows.pipeline import stage as stages
from flows.pipeline.begin import Beginning, HeadStart, beginning, must_resume, treatment
from flows.pipeline.kept import kept_outcome
from flows.pipeline.outcome import StageOutcome, outcome_of, verdict_state
from flows.pipeline.publishing import Publisher
from flows.pipeline.request import RunRequest
from flows.pipeline.work import Work
from flows.records.run_dir import PipelineDirectory
from flows.settings.plan import PipelinePlan, StagePlan
from flows.settings.run_options import Existing
from flows.training.progress import Reporter, SilentReporter


class OneSeed(Work):
    """The stages of a single seed."""

    directory: PipelineDirectory

    def __init__(
        self,
        request: RunRequest,
        plans: Mapping[int, PipelinePlan],
        reporter: PageReporter,
        head_start: HeadStart | None = None,
    ) -> None:
        """Open the directory, unless it was opened for a training that goes on already."""
        self._head_start = head_start
        super().__init__(request, plans, reporter)

    def _open(self) -> PipelineDirectory:
        if self._head_start is not None:
            return self._head_start.directory
        resuming = self.retried or self.request.existing != "retrain"
        return self.request.open(self.plan, resuming=resuming)

    def run(self, stage: StagePlan) -> StageOutcome:
        """Keep, resume or train a stage and judge it."""
        ahead, self._head_start = self._head_start, None
        if ahead is not None:
            # The terminal hears of this training already.
            shown = PageReporter(SilentReporter())
            begins, train = ahead.beginning, ahead.training.follow
            return _train_and_judge(begins, self.directory, self.reporter, shown, train)
        existing = treatment(
            stage, self.directory, self.request, since=self.since, retried=self.retried
        )
        return run_stage(
            stage,
            self.directory,
            self.request,
            self.reporter,
            existing=existing,
            must_resume=must_resume(self.request, self.directory, stage) and not self.retried,
        )


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
    me = current_flow_run()
    begins = beginning(
        stage,
        directory,
        request,
        existing=existing,
        must_resume=must_resume,
        waited_by=str(me) if me else "",
    )
    if begins.kept:
        return outcome_of(keep_task(begins.stage, directory, reporter, return_state=True))

    def train(shown: Reporter) -> Path:
        return begins.train(directory, request, shown)

    return _train_and_judge(begins, directory, reporter, reporter, train)


def _train_and_judge(
    begins: Beginning,
    directory: PipelineDirectory,
    reporter: PageReporter,
    shown: PageReporter,
    train: Callable[[Reporter], Path],
) -> StageOutcome:
    """Train a stage, which `shown` hears of, and judge it."""
    stage = begins.stage
    publisher = Publisher.of_pipeline(directory, reporter.say)
    progress = shown.for_artifact(f"{publisher.key(stage.name)}-progress")
    folder = train_task(stage, train, progress)
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
    stage: StagePlan,  # noqa: ARG001 - names the task run
    train: Callable[[Reporter], Path],
    reporter: PageReporter,
) -> Path:
    """Train a stage in a new run folder, or go on with a training that was begun."""
    return train(reporter)


@task(name="gate", task_run_name="gate {stage.name}", persist_result=False, cache_policy=NO_CACHE)
def gate_task(
    stage: StagePlan, run: Path, directory: PipelineDirectory, publisher: Publisher
) -> State[StageOutcome]:
    """Judge a trained stage and publish its report."""
    outcome = stages.judge(stage, run, directory, publisher.say)
    publisher.report(outcome)
    publisher.checks(outcome)
    publisher.event(VERDICT, outcome)
    return verdict_state(outcome)
