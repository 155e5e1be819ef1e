"""One stage of one seed of a group, wherever it runs: in a thread of ours, or on a Dask worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from flows.pages.page_reporter import PageReporter
from flows.pipeline.begin import treatment
from flows.pipeline.one_seed import run_stage
from flows.pipeline.outcome import StageOutcome
from flows.pipeline.request import RunRequest
from flows.settings.plan import PipelinePlan
from flows.training.process.stopping import stoppable_by_file
from flows.training.progress import Reporter, SilentReporter, Tick


@task(
    name="seed",
    task_run_name="seed {plan.seed} {stage}",
    persist_result=False,
    cache_policy=NO_CACHE,
)
def seed_task(
    request: RunRequest,
    plan: PipelinePlan,
    stage: str,
    stop_file: Path,
    since: str,
    reporter: Reporter,
) -> StageOutcome:
    """Keep, resume or train one stage of one seed and judge it.

    The seed's pipeline directory decides, so this task may start again on any machine after its
    worker was lost.

    Args:
        request: Of this seed.
        plan: Of this seed.
        stage: Name of the stage.
        stop_file: Every seed stops when it exists.
        since: When the group began; retraining resumes a training that was interrupted after that.
        reporter: Hears what happens.
    """
    with (
        stoppable_by_file(stop_file) as switch,
        request.open(plan, resuming=True) as directory,
    ):
        switch.sleep(0)
        own = next(planned for planned in plan.stages if planned.name == stage)
        return run_stage(
            own,
            directory,
            request,
            PageReporter(_SeedReporter(plan.seed, reporter)),
            existing=treatment(own, directory, request, since=since),
        )


class _SeedReporter:
    """Names the seed in every line; the progress of all seeds is shown elsewhere."""

    def __init__(self, seed: int, inner: Reporter) -> None:
        self._seed = seed
        self._inner = inner

    def say(self, text: str) -> None:
        """Show one line."""
        self._inner.say(f"seed {self._seed}, {text}")

    @contextmanager
    def training(self, stage: str, steps: int) -> Iterator[Tick]:
        """Show nothing: one display has a bar for each seed."""
        with SilentReporter().training(stage, steps) as tick:
            yield tick
