"""`gonogo run` and `gonogo stage`: train and judge, then say how it ended."""

from __future__ import annotations

from collections.abc import Iterator

from flows.commands.terminal import EXIT_CODES, finding_line, reporter, result_lines, say
from flows.errors import UsageError
from flows.pipeline.begin import head_start
from flows.pipeline.request import RunRequest
from flows.prefect_environment import home_for, prepare_environment
from flows.prefect_server import prefect_server
from flows.records.run_dir import PipelineDirectory
from flows.records.stored_result import read_joint, read_result
from flows.settings.plan import PipelinePlan
from flows.settings.setting_files import known_stages
from flows.settings.shell_path import shell_path
from flows.surroundings import refuse_dead_server
from flows.training.process.stopping import raise_on_stop_signals
from flows.training.warm_start import warm_started
from gates.findings import Outcome, Verdict
from gates.seeds.result import JointResult


def run(request: RunRequest, *, show_prefect: bool) -> int:
    """Fill the gaps of a request, check everything, then train and judge; return the exit code.

    Raises:
        FlowsError: The run could not be started or broke.
    """
    _refuse_what_is_no_text(request)
    request = request.completed()
    plans = request.plans()
    plan = plans[request.seeds[0]]
    group = request.is_group
    # Opened once now: a problem with the folder should show before a server is started.
    note = _look_into_group(request, plan) if group else _look_into_pipeline(request, plan)
    names = ", ".join(f"{stage.name} ({stage.steps:,} steps)" for stage in plan.stages)
    seeds = f"seed{'s' if group else ''} {request.seeds_text}"
    say(f"Preset {plan.preset}, {seeds}. Stages: {names}.")
    for text in plan.overrides:
        say(f"  --set {text}")
    say(f"{'Group' if group else 'Pipeline'} directory: {shell_path(request.out)}")
    if note:
        say(note)
    raise_on_stop_signals()
    prepare_environment(home_for(request.out), quiet=not show_prefect)
    refuse_dead_server()
    terminal = reporter()
    with head_start(request, plans, terminal) as ahead, prefect_server():
        from flows.pipeline.flow import validation_flow
        from flows.pipeline.outcome import PipelineOutcome

        flow = validation_flow(terminal, plans, ahead)
        outcome = flow(request, return_state=True).result(raise_on_failure=False)
        if isinstance(outcome, BaseException):
            raise outcome
        assert isinstance(outcome, PipelineOutcome), f"unexpected result {outcome!r}"
    last = outcome.stages[-1]
    if group:
        joint = read_joint(last.run)
        lines = joint_lines(joint) if joint is not None else iter(())
    else:
        result = read_result(last.run)
        passed = result is None or outcome.verdict is Verdict.GO
        lines = iter(() if passed or result is None else result_lines(result))
    for line in lines:
        say(line)
    say(f"{'Joint report' if group else 'Report'} of {last.stage}: {shell_path(last.report)}")
    say(f"Report of {'all seeds' if group else 'the pipeline'}: {shell_path(outcome.report)}")
    say(f"{outcome.verdict.value}  {last.stage}: {last.deciding}")
    return EXIT_CODES[outcome.verdict]


def _refuse_what_is_no_text(request: RunRequest) -> None:
    """Refuse names of bytes that are no text: JSON, in which a training is recorded, cannot hold them."""
    for name, value in request:
        try:
            str(value).encode()
        except UnicodeEncodeError:
            said = repr(str(value)).encode("ascii", "backslashreplace").decode()
            text = f"--{name.replace('_', '-')}: {said} holds bytes that are no UTF-8; choose another name."
            raise UsageError(text) from None


def _look_into_group(request: RunRequest, plan: PipelinePlan) -> str:
    request.open_group(plan).close()
    return ""


def _look_into_pipeline(request: RunRequest, plan: PipelinePlan) -> str:
    """Check that the folder and the warm start can be used; return what the user should know."""
    with request.open(plan, resuming=request.existing != "retrain") as directory:
        unready = stages_without_go(directory, before=plan.stages[0].name)
        if request.warm_start_option is not None:
            warm_started(plan.stages[0], directory, request.warm_start_option)
    if not request.single_stage or not unready:
        return ""
    return f"Note: this pipeline has no GO yet for {', '.join(unready)}."


def stages_without_go(directory: PipelineDirectory, *, before: str) -> list[str]:
    """Name the earlier stages that have not been passed."""
    names = [stage.name for stage in known_stages(directory.record.stages_asked)]
    earlier = names[: names.index(before)] if before in names else []
    runs = {name: directory.record.last(name) for name in earlier}
    return [name for name, run in runs.items() if run is None or not run.may_go_on]


def joint_lines(result: JointResult) -> Iterator[str]:
    """Sum up a joint judgement: each seed, then what did not pass."""
    from gates.text import format_number
    from reports.seeds.joint import fixes, returns_sentence

    for seed in result.seeds:
        verdict = seed.verdict.value if seed.verdict else "no verdict"
        score = "" if seed.score is None else f"return {format_number(seed.score.value)}"
        why = "" if seed.verdict is Verdict.GO else seed.check or seed.deciding
        yield f"  seed {seed.seed:<4} {verdict:<12} {score:<16} {why}".rstrip()
    sentence = returns_sentence(result)
    if sentence:
        yield f"  {sentence}"
    for finding in result.findings:
        if finding.outcome is not Outcome.PASS:
            yield finding_line(finding)
    for text in fixes(result):
        yield f"  {text}"
