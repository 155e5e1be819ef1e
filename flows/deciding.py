"""What people decide about verdicts: waited for, recorded, and shown as what it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from flows.errors import UsageError
from flows.judging.decision_shown import show_decision
from flows.judging.stage_context import shown
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
from flows.request import NoGoOverride, PipelineRequest
from flows.settings.plan import PipelinePlan
from flows.stage import StageOutcome, other_than
from reports.context import StageState

POLL_S = 1.0


def decided(
    outcome: StageOutcome,
    request: PipelineRequest,
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
    request: PipelineRequest,
    directory: PipelineDirectory,
    say: Callable[[str], None],
) -> StageOutcome:
    until = datetime.now(timezone.utc) + timedelta(hours=request.wait_h)
    run = directory.record.last_run(outcome.stage)
    assert run is not None, "a judged run is recorded"
    waits = WaitRecord(since=utc_now(), until=until.isoformat(timespec="seconds"))
    directory.save(
        directory.record.with_changed_run(outcome.stage, run.model_copy(update={"waits": waits}))
    )
    say(
        f"{outcome.stage}: CONDITIONAL. {outcome.deciding} Waiting until {waits.until} for: "
        f'gonogo approve {shown(outcome.run)} --reason "..."'
    )
    deadline = time.monotonic() + request.wait_h * 3600
    while newest_decision(outcome.run) is None:
        if time.monotonic() >= deadline:
            return _timed_out(outcome, request, directory)
        time.sleep(POLL_S)
    return note_decision(outcome, directory)


def _timed_out(
    outcome: StageOutcome, request: PipelineRequest, directory: PipelineDirectory
) -> StageOutcome:
    waited = f"nobody decided within {request.wait_h:g} h"
    if request.on_timeout == "continue":
        reason = f"{waited}, and the pipeline was asked to continue then"
        return _decide(outcome, directory, by="time-out", reason=reason, way="time-out")
    return note_decision(outcome, directory)


def _decide(
    outcome: StageOutcome,
    directory: PipelineDirectory,
    *,
    by: str,
    reason: str,
    way: Way,
    kind: Kind = "approved",
) -> StageOutcome:
    write_decision(
        outcome.run,
        Decision(
            kind=kind,
            by=by,
            reason=reason,
            decided_at=utc_now(),
            way=way,
            verdict="CONDITIONAL",
            gate_json_sha256=gate_json_sha256(outcome.run) or "",
        ),
    )
    return note_decision(outcome, directory)


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
        why_not = other_than(stage, run, folder)
        if why_not is None:
            newest = newest_decision(folder)
            if newest is None or (newest.by, newest.reason) != (order.name, order.reason):
                write_decision(
                    folder,
                    Decision(
                        kind="overridden",
                        by=order.name,
                        reason=order.reason,
                        decided_at=utc_now(),
                        way="setting",
                        verdict="NO_GO",
                        gate_json_sha256=gate_json_sha256(folder) or "",
                    ),
                )
            show_decision(directory, stage.name, folder)
            return
    else:
        why_not = f"{run.run} ended {run.state.value}" if run else "it was not run yet"
    raise UsageError(
        f"There is no NO_GO of {stage.name} to override: {why_not}. Only a verdict that stands can be "
        "overridden."
    )
