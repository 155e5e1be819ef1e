"""`gonogo approve` and `gonogo reject`: a person's decision about a CONDITIONAL."""

from __future__ import annotations

import os
from pathlib import Path

from flows.commands.terminal import say
from flows.decisions.judged import Judged, judged_at, newest_judged
from flows.decisions.waiting import record_decision
from flows.errors import InUseError, OutputError, UsageError
from flows.judging.next_commands import next_stage
from flows.prefect_environment import home_for, prepare_environment
from flows.records.decisions import Decision, Kind, signed
from flows.records.state_record import WaitRecord
from flows.records.stored_result import GATE_FILE, JOINT_FILE, read_joint, read_result
from flows.settings.shell_path import shell_path
from gates.findings import Verdict


def decide(run: Path, *, kind: Kind, reason: str, name: str) -> int:
    """Record what a person decided about a CONDITIONAL, and resume a pipeline that waits for it.

    Args:
        run: Folder of a run or of a joint judgement, or a pipeline or group directory in which
            exactly one CONDITIONAL is undecided.
        kind: `approved` or `rejected`.
        reason: Why, in the person's words.
        name: Who; the login name when empty.

    Raises:
        UsageError: There is nothing to decide, or the reason is missing.
        OutputError: The decision cannot be written.
    """
    folder = _conditional(run.absolute())
    # Read before: a pipeline that waits takes its mark away as soon as it sees the decision.
    judged = judged_at(folder)
    waits = judged.entry.waits if judged is not None else None
    decision = record_decision(folder, signed(name, reason), kind=kind, way="command line")
    say(f"{folder.parent.name}/{folder.name}: {decision.text}")
    if judged is None:
        return 0
    _show(folder, waits if waits and waits.flow_run else None)
    if waits is None or not _wake(waits, judged.directory.path, decision):
        _say_what_follows(judged, decision)
    return 0


def _conditional(path: Path) -> Path:
    """Find the folder to decide about.

    Raises:
        UsageError: It has no verdict, or none that a person decides about.
    """
    newest = newest_judged(path)
    if newest:
        undecided = [judged.folder for judged in newest if judged.undecided]
        if len(undecided) != 1:
            found = ", ".join(shell_path(folder) for folder in undecided) or "none"
            raise UsageError(
                f"{path} must hold exactly one CONDITIONAL that nobody decided about; there are: "
                f"{found}. Name its folder."
            )
        path = undecided[0]
    result = read_result(path) or read_joint(path)
    if result is None:
        raise UsageError(
            f"{path} has no verdict: it holds no readable {GATE_FILE} or {JOINT_FILE}."
        )
    if result.verdict is Verdict.NO_GO:
        raise UsageError(
            f"{path} ended NO_GO, which nobody can approve. To go on all the same, on record: "
            f"gonogo run --out {shell_path(path.parents[1])} --override-no-go {path.parent.name} "
            '--reason "..."'
        )
    if result.verdict is Verdict.GO:
        raise UsageError(f"{path} ended GO; there is nothing to decide.")
    return path


def _show(folder: Path, waits: WaitRecord | None) -> None:
    """Update state and reports, unless a pipeline is at work there and does it itself."""
    try:
        judged = judged_at(folder, lock=True)
        if judged is not None:
            with judged.directory:
                judged.show(waits)
    except InUseError:
        pass
    except OutputError as error:
        say(f"The decision is recorded, but: {error}")


def _wake(waits: WaitRecord, out: Path, decision: Decision) -> bool:
    """Resume the flow run that waits; a pipeline that waits in its own process sees the decision's file.

    Returns:
        False when its flow run cannot be resumed; a sentence said why.
    """
    if not waits.flow_run:
        say("The pipeline that waits for it goes on by itself.")
        return True
    os.environ.setdefault("PREFECT_API_URL", waits.api_url)
    prepare_environment(home_for(out))
    from flows.decisions.form import ResumeError, resume_waiting

    try:
        resume_waiting(waits.flow_run, decision)
    except ResumeError as error:
        say(f"Its flow run could not be resumed: {error}")
        return False
    say(f"Resumed flow run {waits.flow_run}.")
    return True


def _say_what_follows(judged: Judged, decision: Decision) -> None:
    out, several = shell_path(judged.directory.path), judged.subject != judged.stage
    following = next_stage(judged.stage, judged.directory.record)
    if decision.goes_on and following is not None:
        seeds = " of all seeds" if several else ""
        say(f"Go on with {following.name}{seeds}:  gonogo run --out {out}")
    elif not decision.goes_on:
        again = f"run --out {out}" if several else f"stage {judged.stage} --out {out}"
        say(f"Train it again, after a fix:  gonogo {again}")
