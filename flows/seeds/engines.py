"""Where seeds train: threads of this process that watch trainers, or workers of a Dask cluster."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from flows.errors import UsageError
from flows.seeds.request import SeedsRequest
from flows.settings.plan import PipelinePlan

_ONE_AT_A_TIME = ("carla",)
"""Environments that need a simulator each, of which there is one unless the user says otherwise."""


def default_jobs(plan: PipelinePlan, seeds: int) -> int:
    """Return how many trainings fit on this machine at the same time, at least one.

    On the CPU as many as there are cores for the trainers' threads. One on a GPU and with CARLA:
    memory of a GPU and ports of simulators are not shared without being asked.
    """
    jobs = seeds
    for stage in plan.stages:
        train, env = _mapping(stage.resolved, "train"), _mapping(stage.resolved, "env")
        if train.get("device") == "cuda" or str(env.get("id", "")).startswith(_ONE_AT_A_TIME):
            return 1
        threads = train.get("threads")
        jobs = min(jobs, available_cores() // (threads if isinstance(threads, int) else 1))
    return max(1, jobs)


def available_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def task_runner(request: SeedsRequest, jobs: int) -> TaskRunner[Any]:
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
        "preload": ["gonogo", "flows.seeds.dask_worker"],
    }
    return DaskTaskRunner(cluster_kwargs=cluster)


def _mapping(values: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = values.get(key)
    return found if isinstance(found, Mapping) else {}
