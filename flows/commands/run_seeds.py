"""`gonogo run --seeds` and `gonogo stage` on a group: from options to seeds judged together."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from flows.commands.run_request import check_wait, merge_overrides, no_go_override, unused_folder
from flows.commands.terminal import EXIT_CODES, reporter, say
from flows.errors import UsageError
from flows.pipeline.request import PipelineRequest
from flows.prefect_environment import home_for, prepare_environment
from flows.prefect_server import prefect_server
from flows.records.group_dir import default_group_directory, read_group
from flows.records.group_record import GroupRecord
from flows.seeds.request import Engine, SeedsRequest
from flows.settings.plan import DEFAULT_PRESET
from flows.settings.seeds import seeds_text
from flows.settings.setting_files import DEFAULT_STAGES, is_path
from flows.settings.shell_path import shell_path
from flows.settings.warm_start import Carry
from flows.training.process.stopping import raise_on_stop_signals
from gates.findings import Outcome, Verdict
from gates.seeds.result import JointResult


def build_seeds_request(
    *,
    seeds: tuple[int, ...],
    jobs: int | None,
    engine: Engine,
    dask_address: str | None,
    seed: int | None,
    preset: str | None,
    stages: Sequence[str] | None,
    out: Path | None,
    overrides: Sequence[str],
    retrain: bool,
    wait_h: float = 72.0,
    override_no_go: str | None = None,
    reason: str = "",
    name: str = "",
    warm_start: str | None = None,
    carry: Carry | None = None,
    **pipeline: object,
) -> SeedsRequest:
    """Fill in what was not given: from the group that `out` holds, else from the defaults.

    Raises:
        UsageError: The options do not fit the group.
    """
    group = read_group(out) if out else None
    check_wait(wait_h)
    if warm_start is not None or carry is not None:
        raise UsageError(
            "--warm-start names one run, and seeds must not share what they learned; write "
            "warm_start: weights into the stage file, and each seed begins with its own."
        )
    if dask_address is not None:
        _check_dask_address(dask_address, engine=engine, jobs=jobs)
    preset = preset or (group.preset_source if group else DEFAULT_PRESET)
    if out is None:
        recipe = Path(preset).stem if is_path(preset) else preset
        stamp = time.strftime("%Y%m%d-%H%M%S")
        out = unused_folder(default_group_directory(recipe, seeds, stamp))
    content = {
        "preset": preset,
        "stages": tuple(stages or (group.stages_asked if group else ()) or DEFAULT_STAGES),
        "overrides": merge_overrides(group.overrides if group else (), overrides),
        "out": out.absolute(),
        "retrain": retrain,
        "wait_h": wait_h,
        "override_no_go": no_go_override(override_no_go, name, reason),
        **pipeline,
    }
    return SeedsRequest(
        pipeline=PipelineRequest.model_validate(content),
        seeds=seeds,
        only=_only(seed, group, retrain=retrain, overrides=overrides),
        jobs=jobs,
        engine=engine,
        dask_address=dask_address,
    )


def _check_dask_address(address: str, *, engine: Engine, jobs: int | None) -> None:
    if engine != "dask":
        raise UsageError("--dask-address needs --engine dask.")
    if jobs is not None:
        raise UsageError("--jobs: the workers of the cluster at --dask-address decide that.")
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port is None:
        raise UsageError(
            f"--dask-address {address}: must be the address of a scheduler, such as tcp://10.0.0.1:8786."
        )
    if host not in ("localhost", "127.0.0.1", "::1") and "PREFECT_API_URL" not in os.environ:
        raise UsageError(
            f"--dask-address {address}: workers on other machines must reach Prefect's server too, and "
            "that of one command is for this machine alone. Start one that they reach, and set "
            "PREFECT_API_URL."
        )


def _only(
    seed: int | None, group: GroupRecord | None, *, retrain: bool, overrides: Sequence[str]
) -> tuple[int, ...]:
    if seed is None or group is None:
        return ()
    if seed not in group.seeds:
        raise UsageError(
            f"--seed {seed}: the group holds seeds {seeds_text(group.seeds)}; --seeds adds one."
        )
    if not retrain:
        raise UsageError(
            "--seed: a group's stages are passed by all seeds together; leave --seed out, or train one "
            "stage of one seed: gonogo stage NAME --seed N --out GROUP."
        )
    if overrides:
        raise UsageError(
            "--set with --seed would give one seed another recipe than the others, and then they say "
            "nothing together; leave --seed out."
        )
    return (seed,)


def run_seeds(request: SeedsRequest, *, show_prefect: bool) -> int:
    """Check everything, then train and judge all seeds; return the exit code.

    Raises:
        FlowsError: The group could not be started or broke.
    """
    plan = next(iter(request.plans().values()))
    out = request.pipeline.out
    # Opened once now: what is wrong with the folder should show before a server is started.
    request.open(plan).close()
    names = ", ".join(f"{stage.name} ({stage.steps:,} steps)" for stage in plan.stages)
    say(f"Preset {plan.preset}, seeds {seeds_text(request.seeds)}. Stages: {names}.")
    for text in plan.overrides:
        say(f"  --set {text}")
    say(f"Group directory: {shell_path(out)}")
    raise_on_stop_signals()
    prepare_environment(home_for(out), quiet=not show_prefect)
    if "PREFECT_API_URL" not in os.environ:
        say("Starting Prefect's server, which takes about ten seconds ...")
    with prefect_server():
        from flows.pipeline.flow import reporting_to
        from flows.seeds.group_pipeline import SeedsOutcome, joint_result, validate_seeds

        with reporting_to(reporter()):
            state = validate_seeds(request, return_state=True)
        outcome = state.result(raise_on_failure=False)
        if isinstance(outcome, BaseException):
            raise outcome
        assert isinstance(outcome, SeedsOutcome), f"unexpected result {outcome!r}"
    last = outcome.stages[-1]
    result = joint_result(last)
    for line in joint_lines(result) if result is not None else ():
        say(line)
    say(f"Joint report of {last.stage}: {shell_path(last.report)}")
    say(f"Report of all seeds: {shell_path(outcome.report)}")
    say(f"{outcome.verdict.value}  {last.stage}: {last.record.deciding}")
    return EXIT_CODES[outcome.verdict]


def joint_lines(result: JointResult) -> list[str]:
    """Sum a joint judgement up: each seed, then what is not passed."""
    from reports.seeds.joint import fixes, returns_sentence
    from reports.text.numbers import format_number

    lines = []
    for seed in result.seeds:
        verdict = seed.verdict.value if seed.verdict else "no verdict"
        score = "" if seed.score is None else f"return {format_number(seed.score.value)}"
        why = "" if seed.verdict is Verdict.GO else seed.check or seed.deciding
        lines.append(f"  seed {seed.seed:<4} {verdict:<12} {score:<16} {why}".rstrip())
    sentence = returns_sentence(result)
    if sentence:
        lines.append(f"  {sentence}")
    for finding in result.findings:
        if finding.outcome is not Outcome.PASS:
            kind = "" if finding.required else " (advisory)"
            lines.append(f"  {finding.outcome.value}{kind}  {finding.title}: {finding.reason}")
    return [*lines, *(f"  {text}" for text in fixes(result))]
