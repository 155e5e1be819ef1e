"""What to do after a joint judgement, as commands that can be copied."""

from __future__ import annotations

from flows.records.group_dir import GroupDirectory
from flows.records.group_record import JointRecord
from flows.report_context.stage import next_stage
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
    following = next_stage(stage, group.record)
    passes = record.may_go_on
    if passes and following is not None:
        commands.append(
            Command(
                text=f"gonogo run --out {out}", purpose=f"go on with {following.name} of all seeds"
            )
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
