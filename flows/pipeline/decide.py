"""What people decide about verdicts: waited for, recorded, and shown as what it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from flows.errors import UsageError
from flows.judging.decision_shown import show_decision
from flows.pipeline.outcome import StageOutcome
from flows.pipeline.request import NoGoOverride, RunRequest
from flows.pipeline.stage import other_than
from flows.records.decisions import (
    Decision,
    Kind,
    Way,
    gate_json_sha256,
    newest_decision,
    user_name,
    write_decision,
)
from flows.records.pipeline_record import WaitRecord, utc_now
from flows.records.run_dir import PipelineDirectory
from flows.report_context.pipeline import save_pipeline_report
from flows.settings.plan import PipelinePlan
from flows.settings.shell_path import shell_path
from flows.training.warm_start import warm_started
from gates.progress import StageState
from reports.text.escaping import code_markdown, escape_markdown

if TYPE_CHECKING:
    from flows.pages.decision_form import Place

POLL_S = 1.0
NOBODY = "nobody"
"""Who approves when the time is over."""


def decided(
    outcome: StageOutcome,
    request: RunRequest,
    directory: PipelineDirectory,
    say: Callable[[str], None],
) -> StageOutcome:
    """Return the outcome with a decision, where it needs one and there is one to be had.

    Args:
        outcome: Of a stage after which another one comes.
        request: Says whether to stop, to wait or to go on.
        directory: The open pipeline directory.
        say: Tells a person that the pipeline waits, and for what.
    """
    if not outcome.undecided or request.on_conditional == "stop":
        return outcome
    if request.on_conditional == "continue":
        reason = "the pipeline was asked to continue after a CONDITIONAL"
        return _decide(outcome, directory, by=user_name(), reason=reason, way="setting")
    return _wait(outcome, request, directory, say)


def _wait(
    outcome: StageOutcome,
    request: RunRequest,
    directory: PipelineDirectory,
    say: Callable[[str], None],
) -> StageOutcome:
    from flows.pages.decision_form import place

    page = place()
    run = directory.record.last_run(outcome.stage)
    assert run is not None, "a judged run is recorded"
    waits = waiting(request, page)
    directory.save(
        directory.record.with_changed_run(outcome.stage, run.model_copy(update={"waits": waits}))
    )
    save_pipeline_report(directory)
    say(
        f"{outcome.stage}: CONDITIONAL. {outcome.deciding} Waiting until {waits.until} for: "
        f'gonogo approve {shell_path(outcome.run)} --reason "..."'
    )
    if page is not None:
        ask_in_the_form(
            outcome.run,
            question(outcome.stage, outcome.deciding, outcome.report),
            key=f"{outcome.stage}-{outcome.run.name}",
            request=request,
        )
        return note_decision(outcome, directory)
    deadline = time.monotonic() + request.wait_h * 3600
    while newest_decision(outcome.run) is None:
        if time.monotonic() >= deadline:
            return _timed_out(outcome, request, directory)
        time.sleep(POLL_S)
    return note_decision(outcome, directory)


def waiting(request: RunRequest, page: Place | None) -> WaitRecord:
    """Return what is recorded of a pipeline that begins to wait for a decision."""
    until = datetime.now(timezone.utc) + timedelta(hours=request.wait_h)
    return WaitRecord(
        since=utc_now(),
        until=until.isoformat(timespec="seconds"),
        flow_run=page.flow_run if page else "",
        api_url=page.api_url if page else "",
    )


def ask_in_the_form(folder: Path, question: str, *, key: str, request: RunRequest) -> None:
    """Suspend the flow run until a person has decided about a judged folder, then record the decision.

    Args:
        folder: Of one run or of a joint judgement.
        question: Markdown above the form.
        key: Names what is asked, so that a flow run that begins anew finds the answer.
        request: Says how long to wait, and what follows when nobody decides.
    """
    from flows.pages.decision_form import DecisionForm, ask

    by_time_out = False

    def time_out() -> DecisionForm:
        nonlocal by_time_out
        by_time_out = True
        return DecisionForm(name=NOBODY, reason=waited(request))

    answer = ask(
        question,
        key=key,
        timeout_s=request.wait_h * 3600,
        at_timeout=time_out if request.on_timeout == "continue" else None,
    )
    # Else it was decided on the command line, which then resumed us.
    if newest_decision(folder) is None:
        record_decision(
            folder,
            kind="approved" if answer.decision == "approve" else "rejected",
            by=answer.name,
            reason=answer.reason,
            way="time-out" if by_time_out else "Prefect",
        )


def question(stage: str, deciding: str, report: Path) -> str:
    """Write what a person is asked, as Markdown."""
    return "\n\n".join(
        (
            f"**{escape_markdown(stage)} ended CONDITIONAL.** {escape_markdown(deciding)}",
            f"Read its report first: {code_markdown(report)}, or the artifact of this run.",
            "May the next stage start?",
        )
    )


def _timed_out(
    outcome: StageOutcome, request: RunRequest, directory: PipelineDirectory
) -> StageOutcome:
    if request.on_timeout == "continue":
        return _decide(outcome, directory, by=NOBODY, reason=waited(request), way="time-out")
    return note_decision(outcome, directory)


def waited(request: RunRequest) -> str:
    """Return the reason of a decision that the time-out made."""
    return f"{request.wait_h:g} h went by, after which the pipeline was asked to continue"


def _decide(
    outcome: StageOutcome,
    directory: PipelineDirectory,
    *,
    by: str,
    reason: str,
    way: Way,
    kind: Kind = "approved",
) -> StageOutcome:
    record_decision(outcome.run, kind=kind, by=by, reason=reason, way=way)
    return note_decision(outcome, directory)


def record_decision(
    folder: Path, *, by: str, reason: str, way: Way, kind: Kind = "approved"
) -> None:
    """Write a decision about the verdict that stands in a judged folder, of one run or of several seeds.

    Raises:
        OutputError: It cannot be written.
    """
    write_decision(
        folder,
        Decision(
            kind=kind,
            by=by,
            reason=reason,
            decided_at=utc_now(),
            way=way,
            verdict="NO_GO" if kind == "overridden" else "CONDITIONAL",
            gate_json_sha256=gate_json_sha256(folder) or "",
        ),
    )


def record_override(folder: Path, order: NoGoOverride) -> None:
    """Write that a person overrides the NO_GO of a judged folder, once for the same person and reason.

    Raises:
        OutputError: It cannot be written.
    """
    newest = newest_decision(folder)
    if newest is None or (newest.by, newest.reason) != (order.name, order.reason):
        record_decision(
            folder, kind="overridden", by=order.name, reason=order.reason, way="setting"
        )


def note_decision(outcome: StageOutcome, directory: PipelineDirectory) -> StageOutcome:
    """Let pipeline.json and the reports say what the decision files of the run say."""
    show_decision(directory, outcome.stage, outcome.run)
    return replace(outcome, decision=newest_decision(outcome.run))


def override_no_go(plan: PipelinePlan, directory: PipelineDirectory, order: NoGoOverride) -> None:
    """Record that a person overrides the NO_GO that a stage's newest run ended with.

    Only a verdict that stands can be overridden: nobody overrides what was not read yet.

    Raises:
        UsageError: There is no NO_GO of this recipe and these rules.
        OutputError: The decision cannot be written.
    """
    stage = next((stage for stage in plan.stages if stage.name == order.stage), None)
    if stage is None:
        names = ", ".join(stage.name for stage in plan.stages)
        raise UsageError(f"There is no stage {order.stage} to override; there are {names}.")
    run = directory.record.last_run(stage.name)
    folder = directory.run_path(stage.name, run) if run else None
    if run is not None and folder is not None and run.state is StageState.NO_GO:
        why_not = other_than(warm_started(stage, directory), run, folder)
        if why_not is None:
            record_override(folder, order)
            show_decision(directory, stage.name, folder)
            return
    else:
        why_not = f"{run.run} ended {run.state.value}" if run else "it was not run yet"
    raise UsageError(
        f"There is no NO_GO of {stage.name} to override: {why_not}. Only a verdict that stands can be "
        "overridden."
    )
