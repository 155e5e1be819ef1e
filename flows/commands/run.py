"""`gonogo run` and `gonogo stage`: from options to a pipeline that ended."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from flows.commands.run_request import (
    build_request,
)
from flows.commands.terminal import EXIT_CODES, reporter, result_lines, say
from flows.errors import UsageError
from flows.pipeline.request import (
    PipelineRequest,
)
from flows.prefect_environment import home_for, prepare_environment
from flows.prefect_server import prefect_server
from flows.records.group_dir import read_group
from flows.records.run_dir import PipelineDirectory
from flows.records.stored_result import read_result
from flows.seeds.request import Engine
from flows.settings.seeds import parse_seeds
from flows.settings.setting_files import known_stages
from flows.settings.shell_path import shell_path
from flows.training.process.stopping import raise_on_stop_signals
from flows.training.warm_start import warm_started
from gates.findings import Verdict
from gates.progress import StageState


def run(
    *,
    show_prefect: bool,
    seeds: str | None = None,
    jobs: int | None = None,
    engine: Engine = "local",
    dask_address: str | None = None,
    **options: Any,
) -> int:
    """Train and judge what the options ask for; return the exit code.

    Raises:
        FlowsError: The pipeline could not be started or broke.
    """
    asked = seeds_asked(seeds, options["seed"], options["out"])
    if asked is not None:
        from flows.commands.run_seeds import build_seeds_request, run_seeds

        request = build_seeds_request(
            seeds=asked, jobs=jobs, engine=engine, dask_address=dask_address, **options
        )
        return run_seeds(request, show_prefect=show_prefect)
    if jobs is not None or engine != "local" or dask_address is not None:
        raise UsageError("--jobs, --engine and --dask-address need several --seeds, such as 0-4.")
    if seeds is not None:
        options["seed"] = parse_seeds(seeds)[0]
    return run_pipeline(build_request(**options), show_prefect=show_prefect)


def seeds_asked(seeds: str | None, seed: int | None, out: Path | None) -> tuple[int, ...] | None:
    """Return the seeds of a group; None when a single seed is meant.

    Raises:
        UsageError: Seeds are named twice over, or the folder's group.json cannot be used.
    """
    if seeds is not None and seed is not None:
        raise UsageError("--seed names one seed, --seeds several; give only one of the two.")
    group = read_group(out) if out else None
    if seeds is None:
        return group.seeds if group is not None else None
    asked = parse_seeds(seeds)
    return asked if group is not None or len(asked) > 1 else None


def run_pipeline(request: PipelineRequest, *, show_prefect: bool) -> int:
    """Check everything, then train and judge; return the exit code.

    Raises:
        FlowsError: The pipeline could not be started or broke.
    """
    plan = request.plan()
    names = ", ".join(f"{stage.name} ({stage.steps:,} steps)" for stage in plan.stages)
    # Opened once now: what is wrong with the folder should show before a server is started.
    with request.open(plan) as directory:
        unready = stages_without_go(directory, before=plan.stages[0].name)
        if request.warm_start is not None:
            warm_started(plan.stages[0], directory, request.warm_start)
    say(f"Preset {plan.preset}, seed {plan.seed}. Stages: {names}.")
    for text in plan.overrides:
        say(f"  --set {text}")
    say(f"Pipeline directory: {shell_path(request.out)}")
    if request.retrain and unready:
        say(f"Note: this pipeline has no GO yet for {', '.join(unready)}.")
    raise_on_stop_signals()
    prepare_environment(home_for(request.out), quiet=not show_prefect)
    if "PREFECT_API_URL" not in os.environ:
        say("Starting Prefect's server, which takes about ten seconds ...")
    with prefect_server():
        from flows.pipeline.flow import PipelineOutcome, reporting_to, staged_validation

        with reporting_to(reporter()):
            state = staged_validation(request, return_state=True)
        outcome = state.result(raise_on_failure=False)
        if isinstance(outcome, BaseException):
            raise outcome
        assert isinstance(outcome, PipelineOutcome), f"unexpected result {outcome!r}"
    last = outcome.stages[-1]
    result = read_result(last.run)
    if result is not None and outcome.verdict is not Verdict.GO:
        for line in result_lines(result):
            say(line)
    say(f"Report of {last.stage}: {shell_path(last.report)}")
    say(f"Report of the pipeline: {shell_path(outcome.report)}")
    say(f"{outcome.verdict.value}  {last.stage}: {last.deciding}")
    return EXIT_CODES[outcome.verdict]


def stages_without_go(directory: PipelineDirectory, *, before: str) -> list[str]:
    """Name the stages that should have been passed before this one."""
    names = [stage.name for stage in known_stages(directory.record.stages_asked)]
    earlier = names[: names.index(before)] if before in names else []
    runs = {name: directory.record.last(name) for name in earlier}
    return [
        name
        for name, run in runs.items()
        if run is None
        or not (run.state is StageState.GO or (run.decision and run.decision.goes_on))
    ]
