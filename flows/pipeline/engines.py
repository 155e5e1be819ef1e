"""Where seeds train: threads of this process that watch trainers, or workers of a Dask cluster."""

from __future__ import annotations

from typing import Any

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.errors import UsageError
from flows.pipeline.request import RunRequest
from flows.settings.plan import PipelinePlan
from flows.training.health.needs import available_cores


def default_jobs(plan: PipelinePlan, seeds: int) -> int:
    """Return how many trainings fit on this machine at the same time, at least one.

    On the CPU as many as there are cores for the trainers' threads. One on a GPU or with a simulator
    that a training keeps to itself: these are shared only if the user asks for it.
    """
    every = [stage.needs for stage in plan.stages]
    if any(needs.device == "cuda" or needs.exclusive_simulator for needs in every):
        return 1
    return max(1, min(seeds, *(available_cores() // needs.threads for needs in every)))


def task_runner(request: RunRequest, jobs: int) -> TaskRunner[Any]:
    """Return Prefect's task runner for an engine.

    Raises:
        UsageError: Dask is asked for and not installed.
    """
    if request.engine == "local":
        return ThreadPoolTaskRunner(max_workers=jobs)
    try:
        from prefect_dask.task_runners import DaskTaskRunner
    except ImportError:
        raise UsageError(
            "--engine dask needs the package prefect-dask: pip install 'gonogo[dask]'."
        ) from None
    if request.dask_address:
        return DaskTaskRunner(address=request.dask_address)
    cluster = {
        "n_workers": jobs,
        # A seed is one process with a memory of its own: no two share a worker.
        "threads_per_worker": 1,
        "processes": True,
        "host": "127.0.0.1",
        "dashboard_address": None,
        # Replay lives in the trainer, not in the worker; Dask's own limits would only get in the way.
        "memory_limit": 0,
        "preload": ["gonogo", "flows.pipeline.dask_worker"],
    }
    return DaskTaskRunner(cluster_kwargs=cluster)
