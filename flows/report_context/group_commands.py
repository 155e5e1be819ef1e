"""What to do after a joint judgement, as commands that can be copied."""

from __future__ import annotations

from flows.records.group_dir import GroupDirectory
from flows.records.group_record import JointRecord
from flows.settings.setting_files import known_stages
from flows.settings.shell_path import shell_path
from gates.findings import Verdict
from gates.seeds.result import JointResult
from reports.context import Command


def joint_commands(
    group: GroupDirectory, result: JointResult, record: JointRecord
) -> tuple[Command, ...]:
    """Return what to do now, most useful first."""
    out, stage = shell_path(group.path), result.stage
    missing = result.with_verdict(None)
    commands = []
    following = stage_after(group, stage)
    passes = record.may_go_on
    if passes and following is not None:
        commands.append(
            Command(text=f"gonogo run --out {out}", purpose=f"go on with {following} of all seeds")
        )
    if missing and not passes:
        commands.append(
            Command(
                text=f"gonogo run --out {out}",
                purpose="go on with the seeds that have no verdict; every GO is kept",
            )
        )
    if result.verdict is Verdict.CONDITIONAL and record.decision is None:
        folder = shell_path(group.folder_of(stage, record))
        commands.append(
            Command(
                text=f'gonogo approve {folder} --reason "..."',
                purpose="accept this result, on record; gonogo run goes on then",
            )
        )
    if not passes:
        commands.append(
            Command(
                text=f"gonogo stage {stage} --out {out} --set KEY=VALUE",
                purpose="train and judge this stage again with all seeds, after a fix",
            )
        )
    failed = [seed.seed for seed in result.with_verdict(Verdict.NO_GO) if seed.run]
    if failed and not passes:
        commands.append(
            Command(
                text=f"gonogo stage {stage} --seed {failed[0]} --out {out}",
                purpose="or one seed's stage alone",
            )
        )
    return tuple(commands)


def stage_after(group: GroupDirectory, stage: str) -> str | None:
    """Return the stage that follows in the group's order; None after the last one."""
    names = [known.name for known in known_stages(group.record.stages_asked)]
    if stage not in names or names.index(stage) + 1 == len(names):
        return None
    return names[names.index(stage) + 1]
