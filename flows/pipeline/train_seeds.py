"""Trains one stage of several seeds at the same time and waits for all of them."""

from __future__ import annotations

import queue
import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from prefect.futures import PrefectFuture

from flows.errors import FlowsError
from flows.pages.page_reporter import PageReporter
from flows.pipeline.engines import task_runner
from flows.pipeline.outcome import StageOutcome
from flows.pipeline.request import RunRequest
from flows.pipeline.seed_task import seed_task
from flows.pipeline.seeds_display import heartbeats, newest_status, seeds_display
from flows.pipeline.work import Work
from flows.records.group_dir import GroupDirectory
from flows.records.json_file import utc_now
from flows.settings.plan import StagePlan
from flows.settings.run_options import Existing
from flows.training.process.stopping import StopSwitch, stopped_by
from flows.training.progress import SilentReporter
from gates.errors import GatesError

_LOOK_EVERY_S = 0.5
_MARGIN_S = 30.0
"""Beyond the trainers' grace time, for records and reports."""


def train_seeds(
    work: Work, group: GroupDirectory, stage: StagePlan, seeds: Mapping[int, Existing], jobs: int
) -> dict[int, str]:
    """Train a stage of some seeds, `jobs` at a time, each by what is to be done with it, and judge each by its gate.

    A seed that breaks does not end the others. Whatever ends this function, no trainer of this
    machine is left: signals reach the main thread alone, so it turns a switch for all threads.

    Returns:
        Seeds that ended without a verdict, each with the reason.

    Raises:
        BaseException: Whatever interrupted the waiting, after every seed saved itself.
    """
    if not seeds:
        return {}
    request, reporter = work.request, work.reporter
    switch = StopSwitch(group.stop_file)
    switch.reset()
    folders = {seed: group.seed_path(seed) / stage.name for seed in seeds}
    earlier = {seed: newest_status(folder) for seed, folder in folders.items()}
    finished: queue.SimpleQueue[int] = queue.SimpleQueue()
    futures: dict[int, PrefectFuture[Any]] = {}
    with (
        stopped_by(switch),
        task_runner(request, jobs) as runner,
        seeds_display(reporter.inner, stage.name, stage.steps, tuple(seeds)) as display,
    ):
        try:
            for seed, what in seeds.items():
                futures[seed] = runner.submit(
                    seed_task,
                    {
                        "request": _request(work, seed, what),
                        "plan": work.plans[seed],
                        "stage": stage.name,
                        "stop_file": group.stop_file,
                        # A seed that is trained again resumes what it begins from here on.
                        "since": work.since if what == request.existing else utc_now(),
                        # A terminal's reporter cannot travel to another process.
                        "reporter": reporter.inner
                        if request.engine == "local"
                        else SilentReporter(),
                    },
                )
                futures[seed].add_done_callback(partial(_tell, finished, seed))
            ended: frozenset[int] = frozenset()
            while len(ended) < len(seeds):
                done = _next(finished)
                if done is not None:
                    ended |= {done}
                display(heartbeats(folders, ended, earlier))
        except BaseException:
            _wind_down(switch, futures, finished, grace_s=stage.supervision.grace_s)
            raise
        return _broken(stage, futures, reporter)


def _request(work: Work, seed: int, existing: Existing) -> RunRequest:
    if work.retried and existing == "keep":
        existing = "resume"
    return work.request.of_seed(seed).model_copy(update={"existing": existing})


def _tell(finished: queue.SimpleQueue[int], seed: int, _: PrefectFuture[Any]) -> None:
    finished.put(seed)


def _next(finished: queue.SimpleQueue[int]) -> int | None:
    try:
        return finished.get(timeout=_LOOK_EVERY_S)
    except queue.Empty:
        return None


def _wind_down(
    switch: StopSwitch,
    futures: Mapping[int, PrefectFuture[Any]],
    finished: queue.SimpleQueue[int],
    *,
    grace_s: float,
) -> None:
    """Stop every seed and wait until each saved itself; a second Ctrl-C takes the time away."""
    switch.stop()
    running = {seed for seed, future in futures.items() if not _is_done(future)}
    deadline = time.monotonic() + grace_s + _MARGIN_S
    while running and time.monotonic() < deadline:
        try:
            done = _next(finished)
        except BaseException:
            if switch.hurried:
                raise
            switch.hurry()
            continue
        running.discard(-1 if done is None else done)


def _is_done(future: PrefectFuture[Any]) -> bool:
    return bool(getattr(future, "wrapped_future").done())  # noqa: B009


def _broken(
    stage: StagePlan, futures: Mapping[int, PrefectFuture[Any]], reporter: PageReporter
) -> dict[int, str]:
    """Return why seeds ended without a verdict; what is no error of ours is raised."""
    broken = {}
    for seed, future in sorted(futures.items()):
        outcome = future.result(raise_on_failure=False)
        if isinstance(outcome, StageOutcome):
            reporter.say(f"seed {seed}, {stage.name}: {outcome.verdict.value}, {outcome.deciding}")
        elif isinstance(outcome, (FlowsError, GatesError)):
            broken[seed] = str(outcome)
        elif isinstance(outcome, BaseException):
            broken[seed] = f"{type(outcome).__name__}: {outcome}"
        else:
            broken[seed] = "it ended without a word"
        if seed in broken:
            reporter.say(f"seed {seed}, {stage.name}: no verdict. {broken[seed]}")
    return broken
