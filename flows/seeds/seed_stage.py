"""One seed's part of a stage, wherever it runs: in a thread of ours, or on a worker of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows.errors import UsageError
from flows.pipeline.flow import current_reporter, reporting_to, run_stage
from flows.pipeline.request import PipelineRequest
from flows.pipeline.stage import StageOutcome
from flows.progress import Reporter, SilentReporter, Tick
from flows.records.recipe import recipe_hash
from flows.records.run_dir import PipelineDirectory
from flows.settings.plan import PipelinePlan, StagePlan
from flows.training.interrupted import interrupted_run
from flows.training.process.stopping import stoppable_by_file
from flows.training.warm_start import warm_started


@task(
    name="seed",
    task_run_name="seed {plan.seed} {stage}",
    persist_result=False,
    cache_policy=NO_CACHE,
)
def seed_task(
    request: PipelineRequest, plan: PipelinePlan, stage: str, stop_file: Path, since: str
) -> StageOutcome:
    """Keep, resume or train one stage of one seed and judge it.

    What stands in the seed's pipeline directory decides, so that this task may be started again
    anywhere after its worker was lost.

    Args:
        request: Of this seed.
        plan: Of this seed.
        stage: Name of the stage.
        stop_file: Its existence asks every seed to stop.
        since: When the group began; a training that was interrupted after that is gone on with.
    """
    with (
        stoppable_by_file(stop_file) as switch,
        reporting_to(_SeedReporter(plan.seed, current_reporter())),
        request.model_copy(update={"retried": True}).open(plan) as directory,
    ):
        switch.sleep(0)
        own = next(planned for planned in plan.stages if planned.name == stage)
        goes_on = _goes_on(own, directory, request, since)
        # `resume` refuses a stage without anything to resume; other seeds may well have something.
        update = {"retried": goes_on, "resume": False}
        return run_stage(own, directory, request.model_copy(update=update))


def _goes_on(
    stage: StagePlan, directory: PipelineDirectory, request: PipelineRequest, since: str
) -> bool:
    """Tell whether an interrupted training is to be gone on with.

    Raises:
        UsageError: It was asked for, but the training began with another configuration.
    """
    stage = warm_started(stage, directory, going_on=True)
    try:
        run = interrupted_run(stage, directory)
    except UsageError:
        if request.resume:
            raise
        return False
    if run is None or request.resume:
        return run is not None
    again = request.retrain and run.started_at < since
    return run.recipe == recipe_hash(stage) and not again


class _SeedReporter:
    """Names the seed in every line; who waits for all seeds shows how far each is."""

    def __init__(self, seed: int, inner: Reporter) -> None:
        self._seed = seed
        self._inner = inner

    def say(self, text: str) -> None:
        """Show one line."""
        self._inner.say(f"seed {self._seed}, {text}")

    @contextmanager
    def training(self, stage: str, steps: int) -> Iterator[Tick]:
        """Show nothing: several bars at once are not ours to draw."""
        with SilentReporter().training(stage, steps) as tick:
            yield tick
