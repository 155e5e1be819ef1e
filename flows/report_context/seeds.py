"""Collects what the reports show of several seeds: each seed's run, and what to do next."""

from __future__ import annotations

from flows.records.group_dir import GroupDirectory
from flows.records.group_record import JointRecord
from flows.records.run_dir import PipelineDirectory
from flows.report_context.run_log import read_log
from flows.report_context.stage import decision_note, next_stage
from flows.settings.seeds import seeds_text
from flows.settings.shell_path import shell_path
from gates.findings import Verdict
from gates.seeds.result import JointResult
from reports.context import Command, JointContext, SeedShown
from reports.stage.markdown import REPORT_NAME


def joint_context(
    group: GroupDirectory, record: JointRecord, result: JointResult, *, levels_up: str = "../.."
) -> JointContext:
    """Collect what the joint report shows; `levels_up` leads from the report to the group's folder."""
    seeds = {}
    for seed in result.seeds:
        folder = group.path / seed.run if seed.run else None
        directory = PipelineDirectory.view(group.seed_path(seed.seed))
        run = directory.record.last(result.stage) if directory is not None else None
        known = folder is not None and (folder / REPORT_NAME).is_file()
        seeds[seed.seed] = SeedShown(
            report_path=f"{levels_up}/{seed.run}/{REPORT_NAME}" if known else "",
            evaluations=run.evaluations if run is not None and seed.score is not None else (),
            log=read_log(folder)[0] if folder is not None else None,
        )
    text = seeds_text(seed.seed for seed in result.seeds)
    return JointContext(
        title=f"{group.record.preset}, seeds {text}, {result.stage}, {record.joint}",
        generated_at=record.judged_at,
        result=result,
        shown=seeds,
        next_commands=joint_commands(group, result, record),
        decision=None if record.decision is None else decision_note(record.decision),
    )


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
