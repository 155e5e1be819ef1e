"""What a person decides about a joint verdict: waited for, recorded, and shown as what it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from flows.errors import UsageError
from flows.judging.group_context import save_group_report
from flows.judging.joint_judgement import read_joint, show_joint
from flows.pipeline.decide import (
    NOBODY,
    ask_in_the_form,
    question,
    record_decision,
    record_override,
    waited,
    waiting,
)
from flows.pipeline.request import NoGoOverride, RunRequest
from flows.records.decisions import newest_decision, user_name
from flows.records.group_dir import GroupDirectory
from flows.records.group_record import JointRecord
from flows.seeds.kept import same_runs
from flows.settings.plan import StagePlan
from flows.settings.shell_path import shell_path
from gates.findings import Verdict
from reports.stage.markdown import REPORT_NAME

POLL_S = 1.0


def decided_jointly(
    stage: StagePlan,
    record: JointRecord,
    group: GroupDirectory,
    request: RunRequest,
    say: Callable[[str], None],
) -> JointRecord:
    """Return the judgement with a decision, where it needs one and there is one to be had."""
    folder = group.joint_path(stage.name, record)
    if record.verdict is Verdict.CONDITIONAL and newest_decision(folder) is None:
        if request.on_conditional == "continue":
            reason = "the pipeline was asked to continue after a CONDITIONAL"
            record_decision(folder, by=user_name(), reason=reason, way="setting")
        elif request.on_conditional == "wait":
            _wait(stage, record, group, request, say)
    return note_joint_decision(stage, record, group)


def note_joint_decision(
    stage: StagePlan, record: JointRecord, group: GroupDirectory
) -> JointRecord:
    """Let group.json and the reports say what the decision files of a joint judgement say."""
    folder = group.joint_path(stage.name, record)
    decision = newest_decision(folder)
    if decision == record.decision:
        return record
    record = record.model_copy(update={"decision": decision, "waits": None})
    group.save_joint(stage, record)
    result = read_joint(folder)
    if result is not None:
        show_joint(group, record, result)
    save_group_report(group)
    return record


def override_joint_no_go(
    stages: Mapping[int, StagePlan], group: GroupDirectory, order: NoGoOverride
) -> None:
    """Record that a person overrides the joint NO_GO that a stage's seeds ended with.

    Raises:
        UsageError: There is no joint NO_GO of these runs, this recipe and these rules.
        OutputError: The decision cannot be written.
    """
    stage = next(iter(stages.values()))
    record = group.record.last_joint(stage.name)
    if (
        record is None
        or record.verdict is not Verdict.NO_GO
        or not same_runs(record, stages, group)
    ):
        how = "no joint verdict" if record is None else f"{record.joint} {record.verdict.value}"
        raise UsageError(
            f"There is no joint NO_GO of {stage.name} to override: there is {how}. Only a verdict that "
            "stands can be overridden."
        )
    folder = group.joint_path(stage.name, record)
    record_override(folder, order)
    note_joint_decision(stage, record, group)


def _wait(
    stage: StagePlan,
    record: JointRecord,
    group: GroupDirectory,
    request: RunRequest,
    say: Callable[[str], None],
) -> None:
    from flows.pages.decision_form import place

    folder = group.joint_path(stage.name, record)
    page = place()
    waits = waiting(request, page)
    group.save_joint(stage, record.model_copy(update={"waits": waits}))
    say(
        f"{stage.name}: CONDITIONAL. {record.deciding} Waiting until {waits.until} for: "
        f'gonogo approve {shell_path(folder)} --reason "..."'
    )
    if page is not None:
        asked = question(f"{stage.name} of all seeds", record.deciding, folder / REPORT_NAME)
        ask_in_the_form(folder, asked, key=f"{stage.name}-{record.joint}", request=request)
        return
    deadline = time.monotonic() + request.wait_h * 3600
    while newest_decision(folder) is None:
        if time.monotonic() >= deadline:
            if request.on_timeout == "continue":
                record_decision(folder, by=NOBODY, reason=waited(request), way="time-out")
            return
        time.sleep(POLL_S)
