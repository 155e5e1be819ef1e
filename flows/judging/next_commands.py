"""What a person does now, as commands to copy: for one run and for several seeds alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flows.records.decisions import Decision
from flows.records.group_dir import GroupDirectory
from flows.records.run_dir import PipelineDirectory
from flows.records.state_record import StateRecord
from flows.settings.run_options import DEFAULT_STAGES
from flows.settings.setting_files import stage_after
from flows.settings.shell_path import shell_path
from gates.findings import Verdict
from reports.context import Command, NextStage


def next_stage(name: str, record: StateRecord[Any, Any]) -> NextStage | None:
    """Return the stage that follows in the pipeline's order; None after the last one."""
    following = stage_after(name, record.stages_asked)
    return NextStage(name=following.name, steps=following.steps) if following else None


def next_commands(
    directory: PipelineDirectory | GroupDirectory,
    stage: str,
    name: str,
    *,
    verdict: Verdict,
    decision: Decision | None,
    missing: bool = False,
    resumable: bool = False,
    failed: Sequence[int] = (),
) -> tuple[Command, ...]:
    """Return what to do after a judgement, most useful first.

    Args:
        directory: Of the pipeline or the group.
        stage: Name of the stage.
        name: Folder of the judgement.
        verdict: What the gate says.
        decision: What a person said about it.
        missing: Some seeds have no verdict yet.
        resumable: The training ended before its plan and can go on.
        failed: Seeds that ended NO_GO here.
    """
    out, folder = shell_path(directory.path), shell_path(directory.path / stage / name)
    several = isinstance(directory, GroupDirectory)
    following = next_stage(stage, directory.record)
    goes_on, of_all = f"gonogo run --out {out}", " of all seeds" if several else ""
    if verdict is Verdict.GO or (decision is not None and decision.goes_on):
        if following is not None:
            kept = "keeping what was passed with the same recipe"
            return (Command(text=goes_on, purpose=f"go on with {following.name}{of_all}, {kept}"),)
        return () if several else _after_the_last(stage, out)
    found = []
    if missing:
        purpose = "go on with the seeds that have no verdict; every GO is kept"
        found.append(Command(text=goes_on, purpose=purpose))
    if resumable:
        text = f"gonogo stage {stage} --out {out} --resume"
        found.append(Command(text=text, purpose="go on from its newest checkpoint"))
    undecided = verdict is Verdict.CONDITIONAL and decision is None
    if undecided:
        start = f", so that {following.name} may start" if following is not None else ""
        found += [
            Command(
                text=f'gonogo approve {folder} --reason "..."',
                purpose=f"accept this result, on record{start}",
            ),
            Command(text=f'gonogo reject {folder} --reason "..."', purpose="or refuse it"),
        ]
    again = f"{'or ' if undecided else ''}train and judge this stage again"
    fixed = "after a fix; --set KEY=VALUE changes a setting"
    found.append(
        Command(
            text=f"gonogo stage {stage} --out {out}",
            purpose=f"{again}{' with all seeds,' if several else ''} {fixed}",
        )
    )
    if failed:
        alone = f"gonogo stage {stage} --seed {failed[0]} --out {out}"
        found.append(Command(text=alone, purpose="or one seed's stage alone"))
    return tuple(found)


def _after_the_last(stage: str, out: str) -> tuple[Command, ...]:
    """Offer the usual next stage when the pipeline was asked for fewer."""
    if stage not in DEFAULT_STAGES[:-1]:
        return ()
    following = DEFAULT_STAGES[DEFAULT_STAGES.index(stage) + 1]
    purpose = f"train and judge {following}, which this pipeline was not asked for"
    return (Command(text=f"gonogo stage {following} --out {out}", purpose=purpose),)
