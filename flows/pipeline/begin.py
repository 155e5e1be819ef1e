"""How a stage begins: what is kept, resumed or trained, and the first training before Prefect is there.

A trainer needs nothing of Prefect, whose server takes longer to start than a short stage takes to train. So the
command line begins the first training at once, and the flow follows it. Nothing here imports Prefect.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flows.errors import UsageError
from flows.pipeline import stage as stages
from flows.pipeline.request import RunRequest
from flows.records.json_file import utc_now
from flows.records.pipeline_record import RunRecord
from flows.records.recipe import recipe_hash
from flows.records.run_dir import PipelineDirectory
from flows.settings.plan import PipelinePlan, StagePlan
from flows.settings.run_options import Existing
from flows.settings.shell_path import shell_path
from flows.training.begun import BegunTraining
from flows.training.interrupted import (
    fell_short,
    interrupted_run,
    nothing_to_resume,
    unjudged_run,
)
from flows.training.progress import Reporter
from flows.training.warm_start import warm_started

_SET_UP_S = 5.0
"""Time that a trainer has to set itself up before Prefect's server starts beside it."""


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """What is to be done with a stage."""

    stage: StagePlan
    """With the checkpoint that it starts from."""
    kept: bool = False
    """Its newest run is good enough."""
    begun: RunRecord | None = None
    """The run to go on with; None: a new one."""
    why: str = ""
    """Why an earlier run is not kept, half a sentence."""

    def train(self, directory: PipelineDirectory, request: RunRequest, reporter: Reporter) -> Path:
        """Train and return the run folder; see `flows.pipeline.stage`."""
        if self.why:
            reporter.say(f"{self.stage.name}: trained again, because {self.why}")
        if self.begun is not None:
            return stages.resume(self.stage, self.begun, directory, reporter)
        note, expectation = request.note, request.expect
        return stages.train(self.stage, directory, reporter, note=note, expectation=expectation)


def treatment(
    stage: StagePlan,
    directory: PipelineDirectory,
    request: RunRequest,
    *,
    since: str,
    retried: bool = False,
) -> Existing:
    """Say what to do with earlier runs of a stage; what this flow run began itself is resumed.

    With `keep` an interrupted training goes on as well, where its recipe is still the same.
    """
    if request.existing == "resume" or (retried and request.existing == "keep"):
        return "resume"
    if request.existing == "keep":
        return "resume" if _was_interrupted(stage, directory, request) else "keep"
    newest = directory.record.last(stage.name)
    return "resume" if newest is not None and newest.started_at >= since else "retrain"


def _was_interrupted(stage: StagePlan, directory: PipelineDirectory, request: RunRequest) -> bool:
    """Tell whether the newest run can go on as exactly what is asked for."""
    try:
        stage = warm_started(
            stage, directory, request.warm_start_option, going_on=True, check=False
        )
        run = interrupted_run(stage, directory)
    except UsageError:
        return False
    return run is not None and run.recipe == recipe_hash(stage)


def beginning(
    stage: StagePlan,
    directory: PipelineDirectory,
    request: RunRequest,
    *,
    existing: Existing,
    must_resume: bool = False,
    waited_by: str = "",
) -> Beginning:
    """Decide, from what is on disk, whether a stage is kept, resumed or trained.

    Args:
        stage: As planned.
        directory: The open pipeline directory.
        request: That asks for it.
        existing: What is to be done with earlier runs.
        must_resume: Nothing else than to resume was asked for.
        waited_by: The flow run that waited for a decision; it ends with a rejection.

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
    if begun is not None or retrains:
        return Beginning(stage=stage, begun=begun)
    reason = stages.reason_to_train(stage, directory, waited_by=waited_by)
    if reason is None:
        return Beginning(stage=stage, kept=True)
    return Beginning(stage=stage, why=reason if directory.record.last(stage.name) else "")


def must_resume(request: RunRequest, directory: PipelineDirectory, stage: StagePlan) -> bool:
    """Tell whether nothing else than to resume was asked for: who resumes does not ask for hours of training anew."""
    alone = request.single_stage or fell_short(directory.record.last(stage.name))
    return request.existing == "resume" and alone


@dataclass(frozen=True, kw_only=True)
class HeadStart:
    """A pipeline directory, opened for a flow to come, with a training that goes on already."""

    directory: PipelineDirectory
    beginning: Beginning
    training: BegunTraining


@contextmanager
def head_start(
    request: RunRequest, plans: Mapping[int, PipelinePlan], reporter: Reporter
) -> Iterator[HeadStart | None]:
    """Begin the first stage of a single seed; None where the flow has to decide something before.

    The flow follows the training and closes the directory. Whatever ends the block before, the training is stopped
    and saves itself.

    Raises:
        UsageError: As `beginning` and `RunRequest.open` do.
        OutputError: The directory cannot be written.
    """
    if request.is_group or request.override_signed is not None:
        yield None
        return
    plan = plans[request.seeds[0]]
    first = plan.stages[0]
    with request.open(plan, resuming=request.existing != "retrain") as directory:
        existing = treatment(first, directory, request, since=utc_now())
        begins = beginning(
            first,
            directory,
            request,
            existing=existing,
            must_resume=must_resume(request, directory, first),
        )
        if begins.kept:
            directory.close()
            yield None
            return
        training = BegunTraining(
            first.name,
            first.steps,
            lambda heard: begins.train(directory, request, heard),
            reporter,
        )
        try:
            # Two that start at the same time on two processors make each other wait.
            training.wait_until_set_up(_SET_UP_S)
            yield HeadStart(directory=directory, beginning=begins, training=training)
        finally:
            if not training.followed:
                how = "was stopped and saved itself" if training.stop() else "has ended"
                reporter.say(f"{first.name}: the training {how}; go on with: {_again(request)}")


def _again(request: RunRequest) -> str:
    """Return the command that goes on with what a request began."""
    stage = f"stage {shlex.quote(request.stages[0])}" if request.single_stage else "run"
    return f"gonogo {stage} --out {shell_path(request.out)} --resume"
