"""`gonogo run` and `gonogo stage`: from options to a pipeline that ended."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flows.commands.terminal import EXIT_CODES, reporter, result_lines, say
from flows.errors import UsageError
from flows.judging.stage_context import read_result, shown
from flows.prefect_environment import home_for, prepare_environment
from flows.prefect_server import prefect_server
from flows.records.decisions import user_name
from flows.records.group_record import read_group
from flows.records.pipeline_record import read_record
from flows.records.run_dir import PipelineDirectory, default_directory
from flows.request import LONGEST_WAIT_H, NoGoOverride, OnConditional, OnTimeout, PipelineRequest
from flows.seeds.request import Engine
from flows.settings.plan import DEFAULT_PRESET, SEED_LIMIT
from flows.settings.seeds import parse_seeds
from flows.settings.setting_files import DEFAULT_STAGES, is_path, known_stages
from flows.settings.supervision import LiveMode
from flows.settings.warm_start import Carry, parse_warm_start
from flows.supervising.stopping import raise_on_stop_signals
from flows.supervising.warm_start import warm_started
from gates.findings import Verdict
from reports.context import StageState


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


def build_request(
    *,
    preset: str | None,
    stages: Sequence[str] | None,
    seed: int | None,
    out: Path | None,
    overrides: Sequence[str],
    note: str,
    expectation: str = "",
    retrain: bool,
    resume: bool = False,
    live: LiveMode | None = None,
    on_conditional: OnConditional = "stop",
    wait_h: float = 72.0,
    on_timeout: OnTimeout = "stop",
    override_no_go: str | None = None,
    reason: str = "",
    name: str = "",
    warm_start: str | None = None,
    carry: Carry | None = None,
) -> PipelineRequest:
    """Fill in what was not given: from the pipeline that `out` holds, else from the defaults.

    Raises:
        UsageError: The folder's pipeline.json or the seed cannot be used.
    """
    record = read_record(out) if out else None
    preset = preset or (record.preset_source if record else DEFAULT_PRESET)
    if seed is None:
        seed = record.seed if record else 0
    if not 0 <= seed < SEED_LIMIT:
        raise UsageError(f"--seed {seed}: must be at least 0 and below {SEED_LIMIT}.")
    check_wait(wait_h)
    if out is None:
        recipe = Path(preset).stem if is_path(preset) else preset
        out = unused_folder(default_directory(recipe, seed, time.strftime("%Y%m%d-%H%M%S")))
    return PipelineRequest(
        preset=preset,
        stages=tuple(stages or (record.stages_asked if record else ()) or DEFAULT_STAGES),
        seed=seed,
        overrides=merge_overrides(record.overrides if record else (), overrides),
        out=out.absolute(),
        note=note,
        expectation=expectation,
        retrain=retrain,
        resume=resume,
        live=live,
        on_conditional=on_conditional,
        wait_h=wait_h,
        on_timeout=on_timeout,
        override_no_go=no_go_override(override_no_go, name, reason),
        warm_start=parse_warm_start(warm_start, carry),
    )


def check_wait(wait_h: float) -> None:
    """Refuse a time to wait that is none.

    Raises:
        UsageError: With what is allowed.
    """
    if not 0 < wait_h <= LONGEST_WAIT_H:
        raise UsageError(f"--wait-h {wait_h:g}: must be above 0 and at most {LONGEST_WAIT_H:,}.")


def no_go_override(stage: str | None, name: str, reason: str) -> NoGoOverride | None:
    """Return the order to go on after a NO_GO, with who gave it and why.

    Raises:
        UsageError: The reason is missing or too long.
    """
    if stage is None:
        if reason or name:
            raise UsageError("--reason and --name belong to --override-no-go.")
        return None
    try:
        return NoGoOverride(stage=stage, name=name or user_name(), reason=reason)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"--override-no-go needs --reason: {first['msg']}.") from None


def merge_overrides(old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """Return the old overrides with the new ones; for the same key the new one counts."""
    keys = {text.partition("=")[0].strip() for text in new}
    return (*(text for text in old if text.partition("=")[0].strip() not in keys), *new)


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
    say(f"Pipeline directory: {shown(request.out)}")
    if request.retrain and unready:
        say(f"Note: this pipeline has no GO yet for {', '.join(unready)}.")
    raise_on_stop_signals()
    prepare_environment(home_for(request.out), quiet=not show_prefect)
    if "PREFECT_API_URL" not in os.environ:
        say("Starting Prefect's server, which takes about ten seconds ...")
    with prefect_server():
        from flows.pipeline import PipelineOutcome, reporting_to, staged_validation

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
    say(f"Report of {last.stage}: {shown(last.report)}")
    say(f"Report of the pipeline: {shown(outcome.report)}")
    say(f"{outcome.verdict.value}  {last.stage}: {last.deciding}")
    return EXIT_CODES[outcome.verdict]


def stages_without_go(directory: PipelineDirectory, *, before: str) -> list[str]:
    """Name the stages that should have been passed before this one."""
    names = [stage.name for stage in known_stages(directory.record.stages_asked)]
    earlier = names[: names.index(before)] if before in names else []
    runs = {name: directory.record.last_run(name) for name in earlier}
    return [
        name
        for name, run in runs.items()
        if run is None
        or not (run.state is StageState.GO or (run.decision and run.decision.goes_on))
    ]


def unused_folder(path: Path) -> Path:
    """Return `path`, or with a number behind it when somebody started in the same second."""
    number = 1
    candidate = path
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate
