"""`gonogo run` and `gonogo stage`: from options to a pipeline that ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from flows.errors import UsageError
from flows.pipeline_record import read_record
from flows.prefect_environment import home_for, prepare_environment
from flows.prefect_server import prefect_server
from flows.process import raise_on_stop_signals
from flows.request import PipelineRequest
from flows.run_dir import default_directory
from flows.settings import DEFAULT_PRESET, DEFAULT_STAGES, SEED_LIMIT, is_path
from flows.stage_context import read_result, shown
from flows.terminal import EXIT_CODES, reporter, result_lines, say
from gates.findings import Verdict


def build_request(
    *,
    preset: str | None,
    stages: Sequence[str] | None,
    seed: int | None,
    out: Path | None,
    overrides: Sequence[str],
    note: str,
    accept_conditional: bool,
    retrain: bool,
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
    if out is None:
        name = Path(preset).stem if is_path(preset) else preset
        out = _unused(default_directory(name, seed, time.strftime("%Y%m%d-%H%M%S")))
    return PipelineRequest(
        preset=preset,
        stages=tuple(stages or (record.stages_asked if record else ()) or DEFAULT_STAGES),
        seed=seed,
        overrides=merge_overrides(record.overrides if record else (), overrides),
        out=out.absolute(),
        note=note,
        accept_conditional=accept_conditional,
        retrain=retrain,
    )


def merge_overrides(old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    """Return the old overrides with the new ones; for the same key the new one counts."""
    keys = {text.partition("=")[0].strip() for text in new}
    return (*(text for text in old if text.partition("=")[0].strip() not in keys), *new)


def run_pipeline(request: PipelineRequest, *, debug: bool) -> int:
    """Check everything, then train and judge; return the exit code.

    Raises:
        FlowsError: The pipeline could not be started or broke.
    """
    plan = request.plan()
    names = ", ".join(f"{stage.name} ({stage.steps:,} steps)" for stage in plan.stages)
    # Opened once now: what is wrong with the folder should show before a server is started.
    request.open(plan).close()
    say(f"Preset {plan.preset}, seed {plan.seed}. Stages: {names}.")
    for text in plan.overrides:
        say(f"  --set {text}")
    say(f"Pipeline directory: {shown(request.out)}")
    raise_on_stop_signals()
    prepare_environment(home_for(request.out), quiet=not debug)
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


def _unused(path: Path) -> Path:
    """Return `path`, or with a number behind it when somebody started in the same second."""
    number = 1
    candidate = path
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate
