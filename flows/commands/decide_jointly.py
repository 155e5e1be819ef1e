"""`gonogo approve` and `gonogo reject` on a joint verdict of several seeds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flows.commands.terminal import say
from flows.commands.wake import wake
from flows.errors import UsageError
from flows.records.decisions import Decision, newest_decision, write_decision
from flows.records.group_dir import GroupDirectory, read_group
from flows.records.group_record import GroupRecord
from flows.records.stored_result import JOINT_FILE, read_joint
from flows.report_context.group_commands import stage_after
from flows.settings.shell_path import shell_path
from gates.findings import Verdict


def is_joint(path: Path) -> bool:
    """Tell whether a path is a group directory or the folder of a joint judgement."""
    return path.is_dir() and (read_group(path) is not None or (path / JOINT_FILE).is_file())


def decide_jointly(path: Path, decision: Callable[[Path], Decision]) -> int:
    """Record what a person decided about a joint CONDITIONAL.

    A group that waits hears of it; the next `gonogo run` sees it otherwise.

    Raises:
        UsageError: There is nothing to decide, or the reason is missing.
        OutputError: The decision cannot be written.
    """
    record = read_group(path)
    folder = path if record is None else _open_joint(path, record)
    result = read_joint(folder)
    if result is None:
        raise UsageError(f"{folder} has no joint verdict that can be read.")
    group = folder.parents[1]
    if result.verdict is Verdict.NO_GO:
        raise UsageError(
            f"{folder} ended NO_GO, which nobody can approve. To go on all the same, on record: "
            f'gonogo run --out {shell_path(group)} --override-no-go {result.stage} --reason "..."'
        )
    if result.verdict is Verdict.GO:
        raise UsageError(f"{folder} ended GO; there is nothing to decide.")
    decided = decision(folder)
    write_decision(folder, decided)
    say(f"{folder.parent.name}/{folder.name}: {decided.text}")
    directory = GroupDirectory.view(group)
    last = directory.record.last(result.stage) if directory is not None else None
    waits = last.waits if last is not None and last.joint == folder.name else None
    if waits is not None and wake(waits, group, decided):
        return 0
    following = stage_after(directory, result.stage) if directory is not None else None
    if decided.goes_on and following is not None:
        say(f"Go on with {following} of all seeds:  gonogo run --out {shell_path(group)}")
    elif not decided.goes_on:
        say(f"Train it again:  gonogo run --out {shell_path(group)}")
    return 0


def _open_joint(path: Path, record: GroupRecord) -> Path:
    """Return the one newest joint judgement of a group that waits for a decision."""
    newest = {name: record.last(name) for name in record.stages}
    waiting = [
        path / name / joint.joint
        for name, joint in newest.items()
        if joint is not None
        and joint.verdict is Verdict.CONDITIONAL
        and newest_decision(path / name / joint.joint) is None
    ]
    if len(waiting) != 1:
        found = ", ".join(shell_path(joint) for joint in waiting) or "none"
        raise UsageError(
            f"{path} must hold exactly one joint CONDITIONAL that nobody decided about; there are: "
            f"{found}. Name the folder of the joint judgement."
        )
    return waiting[0]
