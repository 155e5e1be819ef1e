"""Keeps report.md of a group up to date with what group.json and the seeds say."""

from __future__ import annotations

from pathlib import Path

from flows.errors import OutputError
from flows.judging.joint_judgement import joint_context
from flows.records.group_dir import GroupDirectory
from flows.records.group_record import GroupRecord, StageJoints
from flows.records.json_file import read_json
from flows.records.run_dir import PipelineDirectory
from flows.records.state_record import utc_now
from flows.records.stored_result import read_joint
from flows.report_context.pipeline import gonogo_version
from flows.settings.seeds import seeds_text
from flows.settings.setting_files import known_stages
from flows.settings.shell_path import shell_path
from gates.progress import StageState
from reports.context import Command
from reports.seeds.context import GroupContext, GroupStage, JointContext
from reports.seeds.group import write_group_report
from reports.stage.markdown import REPORT_NAME


def save_group_report(group: GroupDirectory) -> Path:
    """Write report.md of the group.

    Raises:
        OutputError: The folder cannot be written or the disk is full.
    """
    try:
        return write_group_report(group_context(group), group.path)
    except OSError as error:
        raise OutputError.from_os_error("The group's report", group.path, error) from error


def group_context(group: GroupDirectory) -> GroupContext:
    """Collect what the group's report shows."""
    record = group.record
    stages = tuple(
        _stage(group, name, planned, record.stages.get(name))
        for name, planned in _order(record).items()
    )
    newest = _newest(group, stages)
    commands = newest.next_commands if newest is not None else ()
    if newest is None:
        go_on = Command(text=f"gonogo run --out {shell_path(group.path)}", purpose="go on")
        commands = (go_on,)
    return GroupContext(
        title=f"{record.preset}, seeds {seeds_text(record.seeds)}",
        generated_at=utc_now(),
        stages=stages,
        newest=newest,
        next_commands=commands,
        git_revision=_revision(newest, group.path),
        versions={"gonogo": gonogo_version()},
    )


def _order(record: GroupRecord) -> dict[str, int]:
    """Return planned steps by stage: those asked for, then those that were judged besides."""
    planned = {stage.name: stage.steps for stage in known_stages(record.stages_asked)}
    for name, joints in record.stages.items():
        planned[name] = joints.planned_steps
    return planned


def _stage(
    group: GroupDirectory, name: str, planned: int, joints: StageJoints | None
) -> GroupStage:
    last = joints.joints[-1] if joints and joints.joints else None
    if last is None:
        return GroupStage(name=name, planned_steps=planned, state=_unjudged(group, name))
    result = read_joint(group.folder_of(name, last))
    return GroupStage(
        name=name,
        planned_steps=planned,
        state=StageState(last.verdict.value),
        result=result,
        decision=last.decision.text if last.decision is not None else "",
        report_path=f"{name}/{last.joint}/{REPORT_NAME}" if result is not None else None,
        training_s=last.training_s,
        message=last.deciding,
    )


def _unjudged(group: GroupDirectory, name: str) -> StageState:
    for seed in group.record.seeds:
        directory = PipelineDirectory.view(group.seed_path(seed))
        if directory is not None and directory.record.last(name) is not None:
            return StageState.RUNNING
    return StageState.NOT_STARTED


def _newest(group: GroupDirectory, stages: tuple[GroupStage, ...]) -> JointContext | None:
    for stage in reversed(stages):
        joint = group.record.last(stage.name)
        if joint is not None and stage.result is not None:
            return joint_context(group, joint, stage.result, levels_up=".")
    return None


def _revision(newest: JointContext | None, group: Path) -> str | None:
    for seed in newest.result.seeds if newest is not None else ():
        run = read_json(group / seed.run / "run.json") if seed.run else None
        if run and isinstance(run.get("git_revision"), str):
            return str(run["git_revision"])
    return None
